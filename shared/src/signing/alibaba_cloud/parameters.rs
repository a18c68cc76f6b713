//! A call's parameters: decoded from the wire into bytes, and encoded again in the one form that is signed.
//!
//! The wire is not the signed form: official SDKs send a space as `+` or leave `!'()*` as they are, so only what is
//! decoded can be encoded the same way for everyone. It is kept as bytes in a list: a value that is not UTF-8 is signed
//! as it is and refused by whoever wants its text, and a name that comes twice is seen to.

use bytes::Bytes;
use http::Request;
use http::header::CONTENT_TYPE;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode, percent_encode};

use crate::signing::alibaba_cloud::error::IncompleteSignatureError;
use crate::signing::alibaba_cloud::headers::trimmed;

/// The largest number of parameters; a call with more is not accepted.
pub(super) const MAX_PARAMETERS: usize = 64;

/// All parameters of a call: those of its query, then those of its body if that is a form.
pub(super) struct Parameters {
    decoded: Vec<u8>,
    pairs: Vec<Pair>,
    in_query: usize,
    too_many: bool,
    body_is_form: bool,
}

/// Offsets in the decoded bytes: of a name, of its value, and of the end.
struct Pair {
    name: usize,
    value: usize,
    end: usize,
}

/// Everything but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The parameters that are signed, and the number of times that they are percent-encoded.
#[derive(Clone, Copy)]
pub(super) enum Canonical {
    /// V1: query and form but `Signature`, the list encoded once more as a whole.
    V1,
    /// V3: the query alone; the form is signed as the body it is.
    V3,
}

impl Parameters {
    pub(super) fn read(request: &Request<Bytes>) -> Self {
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let body_is_form = is_form(request);
        let form = if body_is_form { &request.body()[..] } else { &[] };
        let mut parameters = Self {
            decoded: Vec::with_capacity(query.len() + form.len()),
            pairs: Vec::with_capacity(16),
            in_query: 0,
            too_many: false,
            body_is_form,
        };
        parameters.decode(query);
        parameters.in_query = parameters.pairs.len();
        parameters.decode(form);
        parameters
    }

    /// The value of a parameter that may be given once.
    ///
    /// # Errors
    /// [`IncompleteSignatureError::Repeated`].
    pub(super) fn once(&self, name: &'static str) -> Result<Option<&[u8]>, IncompleteSignatureError> {
        let mut values = self.all(name.as_bytes());
        let value = values.next();
        if values.next().is_some() { Err(IncompleteSignatureError::Repeated(name)) } else { Ok(value) }
    }

    /// Every value of a parameter.
    pub(super) fn all(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.pairs.iter().map(|pair| self.slices(pair)).filter(move |pair| pair.0 == name).map(|pair| pair.1)
    }

    /// Every name, as often as it is given.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.pairs.iter().map(|pair| self.slices(pair).0)
    }

    /// Returns true if there were more parameters than are read.
    pub(super) const fn too_many(&self) -> bool {
        self.too_many
    }

    /// Returns true if the body's parameters are among these.
    pub(super) const fn body_is_form(&self) -> bool {
        self.body_is_form
    }

    /// Appends the parameters as they are signed: sorted by name and value as bytes, and percent-encoded but for
    /// `A-Z`, `a-z`, `0-9` and `-_.~`, with upper-case hex.
    pub(super) fn write_canonical(&self, form: Canonical, out: &mut Vec<u8>) {
        let pairs = match form {
            Canonical::V1 => &self.pairs[..],
            Canonical::V3 => &self.pairs[..self.in_query],
        };
        let mut signed: Vec<_> = pairs
            .iter()
            .map(|pair| self.slices(pair))
            .filter(|(name, _)| matches!(form, Canonical::V3) || *name != b"Signature")
            .collect();
        signed.sort_unstable();
        let list = query_string(signed);
        match form {
            Canonical::V1 => out.extend(encoded(list.as_bytes()).flat_map(str::bytes)),
            Canonical::V3 => out.extend_from_slice(list.as_bytes()),
        }
    }

    fn slices(&self, pair: &Pair) -> (&[u8], &[u8]) {
        (&self.decoded[pair.name..pair.value], &self.decoded[pair.value..pair.end])
    }

    /// `+` is a space, and a `%` without two hex digits is itself.
    fn decode(&mut self, encoded: &[u8]) {
        let encoded: Vec<_> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        for parameter in encoded.split(|byte| *byte == b'&').filter(|parameter| !parameter.is_empty()) {
            if self.pairs.len() == MAX_PARAMETERS {
                self.too_many = true;
                return;
            }
            let equals = parameter.iter().position(|byte| *byte == b'=').unwrap_or(parameter.len());
            let name = self.decoded.len();
            self.decoded.extend(percent_decode(&parameter[..equals]));
            let value = self.decoded.len();
            self.decoded.extend(percent_decode(parameter.get(equals + 1..).unwrap_or_default()));
            self.pairs.push(Pair { name, value, end: self.decoded.len() });
        }
    }
}

/// Two media types are none: who reads the other one would act upon other parameters.
fn is_form(request: &Request<Bytes>) -> bool {
    let mut types = request.headers().get_all(CONTENT_TYPE).iter();
    let (Some(media_type), None) = (types.next(), types.next()) else { return false };
    let essence = media_type.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
    trimmed(essence).eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
}

/// A list of names and values as it stands in a query, percent-encoded but for unreserved characters.
pub(super) fn query_string<'p>(pairs: impl IntoIterator<Item = (&'p [u8], &'p [u8])>) -> String {
    let pairs: Vec<_> =
        pairs.into_iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// Percent-encodes what is not unreserved, with upper-case hex.
fn encoded(bytes: &[u8]) -> PercentEncode<'_> {
    percent_encode(bytes, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str, content_types: &[&str], body: &'static str) -> Parameters {
        let mut request = Request::get(format!("/?{query}"));
        for content_type in content_types {
            request = request.header("Content-Type", *content_type);
        }
        Parameters::read(&request.body(Bytes::from_static(body.as_bytes())).expect("a request"))
    }

    fn canonical(parameters: &Parameters, form: Canonical) -> String {
        let mut out = Vec::new();
        parameters.write_canonical(form, &mut out);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn the_wire_is_decoded_as_a_form_and_encoded_strictly() {
        for (query, once, twice) in [
            ("", "", ""),
            ("a=b", "a=b", "a%3Db"),
            ("a=1+2", "a=1%202", "a%3D1%25202"),
            ("a=1%202", "a=1%202", "a%3D1%25202"),
            ("a=1%2B2", "a=1%2B2", "a%3D1%252B2"),
            ("a=!'()*", "a=%21%27%28%29%2A", "a%3D%2521%2527%2528%2529%252A"),
            ("a=-_.~", "a=-_.~", "a%3D-_.~"),
            ("a=%2d%7E", "a=-~", "a%3D-~"),
            ("a=%e4%b8%AD", "a=%E4%B8%AD", "a%3D%25E4%25B8%25AD"),
            ("a=%ff%00", "a=%FF%00", "a%3D%25FF%2500"),
            ("a=%zz%4", "a=%25zz%254", "a%3D%2525zz%25254"),
            ("a=%%41%", "a=%25A%25", "a%3D%2525A%2525"),
            ("a=b=c", "a=b%3Dc", "a%3Db%253Dc"),
            ("a=%26b%3Dc", "a=%26b%3Dc", "a%3D%2526b%253Dc"),
            ("a", "a=", "a%3D"),
            ("a=", "a=", "a%3D"),
            ("=b", "=b", "%3Db"),
            ("&&a=1&", "a=1", "a%3D1"),
            ("+a=1&%62=2", "%20a=1&b=2", "%2520a%3D1%26b%3D2"),
        ] {
            let parameters = read(query, &[], "");
            assert_eq!(canonical(&parameters, Canonical::V3), once, "{query}");
            assert_eq!(canonical(&parameters, Canonical::V1), twice, "{query}");
        }
    }

    #[test]
    fn parameters_are_sorted_by_name_and_value_as_bytes() {
        let parameters = read("b=1&a=2&B=3&a=10&a=&ab=0&a-=0&%C3%A9=1&_=1", &[], "");
        assert_eq!(canonical(&parameters, Canonical::V3), "B=3&_=1&a=&a=10&a=2&a-=0&ab=0&b=1&%C3%A9=1");
    }

    #[test]
    fn only_v1_leaves_the_signature_out_and_only_v1_takes_the_form_in() {
        let form = ["application/x-www-form-urlencoded"];
        let parameters = read("z=1&Signature=x&signature=y", &form, "a=2&%53ignature=w");
        assert_eq!(canonical(&parameters, Canonical::V1), "a%3D2%26signature%3Dy%26z%3D1");
        assert_eq!(canonical(&parameters, Canonical::V3), "Signature=x&signature=y&z=1");
    }

    #[test]
    fn a_form_is_known_by_its_one_media_type() {
        for (content_types, form) in [
            (&["application/x-www-form-urlencoded"][..], true),
            (&["Application/X-WWW-Form-Urlencoded ; charset=UTF-8"], true),
            (&["application/x-www-form-urlencoded;charset=UTF-8"], true),
            (&["application/x-www-form-urlencoded2"], false),
            (&["application/json"], false),
            (&["application/json, application/x-www-form-urlencoded"], false),
            (&["application/x-www-form-urlencoded", "application/x-www-form-urlencoded"], false),
            (&[], false),
        ] {
            let parameters = read("", content_types, "a=1");
            assert_eq!(parameters.body_is_form(), form, "{content_types:?}");
            let value = if form { Some(&b"1"[..]) } else { None };
            assert_eq!(parameters.once("a"), Ok(value), "{content_types:?}");
        }
    }

    #[test]
    fn a_name_that_comes_twice_anywhere_has_no_one_value() {
        let form = ["application/x-www-form-urlencoded"];
        let parameters = read("a=1&b=1&b=1&c=%31", &form, "%61=2&d=");
        assert_eq!(parameters.once("a"), Err(IncompleteSignatureError::Repeated("a")));
        assert_eq!(parameters.once("b"), Err(IncompleteSignatureError::Repeated("b")));
        assert_eq!(parameters.once("c"), Ok(Some(&b"1"[..])));
        assert_eq!(parameters.once("d"), Ok(Some(&b""[..])));
        assert_eq!(parameters.once("A"), Ok(None));
        assert_eq!(parameters.all(b"a").collect::<Vec<_>>(), [b"1", b"2"]);
    }

    #[test]
    fn no_more_than_sixty_four_parameters_are_read() {
        let form = ["application/x-www-form-urlencoded"];
        let query = vec!["a=1"; 63].join("&");
        for (body, read_in_all, too_many) in [("a=1", 64, false), ("a=1&", 64, false), ("a=1&a=1", 64, true)]
        {
            let parameters = read(&query, &form, body);
            assert_eq!((parameters.all(b"a").count(), parameters.too_many()), (read_in_all, too_many));
        }
    }
}
