//! A call as it came in, of either signature.

use std::fmt;

use bytes::Bytes;
use http::Request;
use http::header::AUTHORIZATION;

use crate::model::clock::UnixMillis;
use crate::model::deny_list::KeyFingerprint;
use crate::signing::alibaba_cloud::error::{
    AlibabaCloudCallError, IncompleteSignatureError, ParameterError, SignatureError,
};
use crate::signing::alibaba_cloud::headers::{header_once, trimmed};
use crate::signing::alibaba_cloud::parameters::Parameters;
use crate::signing::alibaba_cloud::secret::AccessKeySecret;
use crate::signing::alibaba_cloud::v3::Authorization;
use crate::signing::alibaba_cloud::{freshness, v1};

const MAX_NONCE_BYTES: usize = 128;

/// One request, read but not yet believed.
pub struct Call<'r> {
    request: &'r Request<Bytes>,
    parameters: Parameters,
    signing: Signing<'r>,
}

enum Signing<'r> {
    V1,
    V3(Result<Authorization<'r>, IncompleteSignatureError>),
    /// The SDKs of V3 send its headers without `Authorization` for a caller without an access key.
    V3Unsigned,
}

/// The signature of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HMAC-SHA1, in the query or a form.
    V1,
    /// ACS3-HMAC-SHA256, in headers.
    V3,
}

/// The syntax of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Asked for by every SDK, and the default of V3.
    Json,
    /// The default of V1.
    Xml,
}

impl<'r> Call<'r> {
    /// Reads a request: V3 if its `Authorization` header begins with `ACS3-`, otherwise V1 with its parameters in the
    /// query and, if that is a form, the body. Reads at most 64 parameters; with more, [`Call::verify`] refuses. A call
    /// that has neither such a header nor an `Action` and `AccessKeyId` among its parameters, but `x-acs-action`, is
    /// one of V3 that nobody signed.
    #[must_use]
    pub fn read(request: &'r Request<Bytes>) -> Self {
        let parameters = Parameters::read(request);
        let absent = |name: &[u8]| parameters.all(name).next().is_none();
        let signing = match Authorization::read(request.headers()) {
            Some(authorization) => Signing::V3(authorization),
            None if request.headers().contains_key("x-acs-action")
                && absent(b"Action")
                && absent(b"AccessKeyId") =>
            {
                Signing::V3Unsigned
            }
            None => Signing::V1,
        };
        Self { request, parameters, signing }
    }

    /// The signature that the call has, or claims to have.
    #[must_use]
    pub const fn protocol(&self) -> Protocol {
        match self.signing {
            Signing::V1 => Protocol::V1,
            Signing::V3(_) | Signing::V3Unsigned => Protocol::V3,
        }
    }

    /// The action: parameter `Action`, or header `x-acs-action` in V3. `None` if it is absent, empty, repeated or
    /// not UTF-8.
    #[must_use]
    pub fn action(&self) -> Option<&str> {
        self.text("Action", "x-acs-action")
    }

    /// The version of the action: parameter `Version`, or header `x-acs-version` in V3. `None` as for [`Call::action`].
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.text("Version", "x-acs-version")
    }

    /// The syntax that the caller asks for: parameter `Format` in any case. If it is absent, repeated or unknown, XML
    /// for V1, which is what its documentation says, and JSON for V3.
    #[must_use]
    pub fn format(&self) -> Format {
        match self.parameters.once("Format") {
            Ok(Some(format)) if format.eq_ignore_ascii_case(b"JSON") => Format::Json,
            Ok(Some(format)) if format.eq_ignore_ascii_case(b"XML") => Format::Xml,
            _ => match self.protocol() {
                Protocol::V1 => Format::Xml,
                Protocol::V3 => Format::Json,
            },
        }
    }

    /// Returns true if the call is made with temporary credentials: a parameter `SecurityToken` or a header
    /// `x-acs-security-token` that is not empty, in either protocol.
    #[must_use]
    pub fn has_security_token(&self) -> bool {
        let headers = self.request.headers().get_all("x-acs-security-token");
        headers.iter().any(|token| !trimmed(token.as_bytes()).is_empty())
            || self.parameters.all(b"SecurityToken").any(|token| !token.is_empty())
    }

    /// The access key that the caller claims: parameter `AccessKeyId`, or the `Credential` of the V3 `Authorization`
    /// header.
    ///
    /// # Errors
    /// [`AlibabaCloudCallError::MissingAccessKeyId`] if it is absent or empty; [`AlibabaCloudCallError::Incomplete`] if
    /// it is repeated or not UTF-8, or the `Authorization` header is repeated, of another algorithm, or cannot be read.
    pub fn access_key_id(&self) -> Result<&str, AlibabaCloudCallError> {
        let id = match &self.signing {
            Signing::V1 => self.parameters.once("AccessKeyId")?.unwrap_or_default(),
            Signing::V3(authorization) => {
                authorization.as_ref().map_err(|error| *error)?.credential.as_bytes()
            }
            Signing::V3Unsigned => &[],
        };
        if id.is_empty() {
            return Err(AlibabaCloudCallError::MissingAccessKeyId);
        }
        str::from_utf8(id)
            .map_err(|_| AlibabaCloudCallError::Incomplete(IncompleteSignatureError::BadAccessKeyId))
    }

    /// The time at which the call claims to be signed: parameter `Timestamp`, or header `x-acs-date` in V3.
    ///
    /// # Errors
    /// [`AlibabaCloudCallError::BadTimestamp`] if it is absent or anything but a time in the form
    /// `yyyy-MM-ddTHH:mm:ssZ`; [`AlibabaCloudCallError::Incomplete`] if it is repeated.
    pub fn timestamp(&self) -> Result<UnixMillis, AlibabaCloudCallError> {
        let text = self.once("Timestamp", "x-acs-date")?.unwrap_or_default();
        freshness::parse(text).ok_or(AlibabaCloudCallError::BadTimestamp)
    }

    /// The random string of this call: parameter `SignatureNonce`, or header `x-acs-signature-nonce` in V3.
    ///
    /// # Errors
    /// [`AlibabaCloudCallError::Incomplete`] unless it is there once, of 1 to 128 printable ASCII characters.
    pub fn nonce(&self) -> Result<&str, AlibabaCloudCallError> {
        let nonce = self.once("SignatureNonce", "x-acs-signature-nonce")?.unwrap_or_default();
        let printable = |byte: &u8| (b' '..=b'~').contains(byte);
        if !(1..=MAX_NONCE_BYTES).contains(&nonce.len()) || !nonce.iter().all(printable) {
            return Err(AlibabaCloudCallError::Incomplete(IncompleteSignatureError::BadNonce));
        }
        str::from_utf8(nonce)
            .map_err(|_| AlibabaCloudCallError::Incomplete(IncompleteSignatureError::BadNonce))
    }

    /// Checks that everything the accessors read is signed, and signed with one of `secrets`, comparing in constant
    /// time; the one that it was. Neither freshness nor the nonce is looked at.
    ///
    /// # Errors
    /// [`SignatureError::Incomplete`] if the call could not be believed whatever the secret, otherwise
    /// [`SignatureError::Mismatch`] with the expected string to sign.
    pub fn verify(&self, secrets: &[AccessKeySecret]) -> Result<KeyFingerprint, SignatureError> {
        if self.parameters.too_many() {
            return Err(SignatureError::Incomplete(IncompleteSignatureError::TooManyParameters));
        }
        if self.request.headers().get_all(AUTHORIZATION).iter().nth(1).is_some() {
            return Err(SignatureError::Incomplete(IncompleteSignatureError::Repeated("Authorization")));
        }
        match &self.signing {
            Signing::V1 => v1::verify(self.request, &self.parameters, secrets),
            Signing::V3(Ok(authorization)) => authorization.verify(self.request, &self.parameters, secrets),
            Signing::V3(Err(error)) => Err(SignatureError::Incomplete(*error)),
            Signing::V3Unsigned => {
                Err(SignatureError::Incomplete(IncompleteSignatureError::MissingSignature))
            }
        }
    }

    /// A parameter of the action, from the query or the form; an empty one is an absent one.
    ///
    /// # Errors
    /// [`ParameterError`], by cause.
    pub fn parameter(&self, name: &str) -> Result<Option<&str>, ParameterError> {
        let mut values = self.parameters.all(name.as_bytes());
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(ParameterError::Repeated);
        }
        let value = str::from_utf8(value).map_err(|_| ParameterError::NotUtf8)?;
        Ok((!value.is_empty()).then_some(value))
    }

    /// The names of all parameters, those of the signature and of the SDKs included.
    pub fn parameter_names(&self) -> impl Iterator<Item = &[u8]> {
        self.parameters.names()
    }

    fn once(
        &self,
        parameter: &'static str,
        header: &'static str,
    ) -> Result<Option<&[u8]>, IncompleteSignatureError> {
        match self.signing {
            Signing::V1 => self.parameters.once(parameter),
            Signing::V3(_) | Signing::V3Unsigned => header_once(self.request.headers(), header),
        }
    }

    fn text(&self, parameter: &'static str, header: &'static str) -> Option<&str> {
        let text = self.once(parameter, header).ok()??;
        str::from_utf8(text).ok().filter(|text| !text.is_empty())
    }
}

/// Omits the parameters, which hold personal data of the user.
impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("protocol", &self.protocol()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Headers<'a> = &'a [(&'a str, &'a [u8])];

    const AUTHORIZATION: &[u8] = b"ACS3-HMAC-SHA256 Credential=k,SignedHeaders=host,Signature=x";

    fn request(query: &str, headers: Headers<'_>) -> Request<Bytes> {
        let mut request = Request::get(format!("/?{query}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Bytes::new()).expect("a request")
    }

    fn v3(query: &str, headers: Headers<'_>) -> Request<Bytes> {
        request(query, &[&[("authorization", AUTHORIZATION)], headers].concat())
    }

    #[test]
    fn the_authorization_header_alone_tells_the_two_signatures_apart() {
        let query = "Action=V1&AccessKeyId=one";
        let action: (&str, &[u8]) = ("x-acs-action", b"V3");
        for (authorization, expected) in [
            (&[][..], "V1"),
            (&[("authorization", &b"Bearer ACS3-HMAC-SHA256"[..])], "V1"),
            (&[("authorization", b"acs3-hmac-sha256 Credential=k")], "V1"),
            (&[("authorization", b"ACS3-RSA-SHA256")], "V3"),
            (&[("authorization", AUTHORIZATION)], "V3"),
            (&[("authorization", b"Basic eDp5"), ("authorization", AUTHORIZATION)], "V3"),
        ] {
            let request = request(query, &[authorization, &[action]].concat());
            assert_eq!(Call::read(&request).action(), Some(expected));
        }
    }

    #[test]
    fn a_call_by_v3s_headers_without_authorization_is_nobodys() {
        let unsigned: Headers<'_> = &[("x-acs-action", b"A"), ("x-acs-version", b"2")];
        let request_of_nobody = request("PhoneNo=1", unsigned);
        let call = Call::read(&request_of_nobody);
        assert_eq!((call.protocol(), call.action(), call.version()), (Protocol::V3, Some("A"), Some("2")));
        assert_eq!(call.access_key_id(), Err(AlibabaCloudCallError::MissingAccessKeyId));
        let nobodys = SignatureError::Incomplete(IncompleteSignatureError::MissingSignature);
        assert_eq!(call.verify(&[]), Err(nobodys));
        for query in ["AccessKeyId=k", "AccessKeyId=", "Action=A"] {
            assert_eq!(Call::read(&request(query, unsigned)).protocol(), Protocol::V1, "{query}");
        }
    }

    #[test]
    fn the_action_and_version_are_one_text_that_is_not_empty() {
        for (query, action) in [
            ("Action=A&x=1", Some("A")),
            ("Action=%E4%B8%AD", Some("中")),
            ("action=A", None),
            ("Action=", None),
            ("x=A", None),
            ("Action=A&Action=A", None),
            ("Action=%FF", None),
        ] {
            assert_eq!(Call::read(&request(query, &[])).action(), action, "{query}");
            let query = query.replace("Action=", "Version=");
            assert_eq!(Call::read(&request(&query, &[])).version(), action, "{query}");
        }
        for (values, action) in [
            (&[&b"A"[..]][..], Some("A")),
            (&[b" A\t"], Some("A")),
            (&[], None),
            (&[b""], None),
            (&[b" "], None),
            (&[b"A", b"A"], None),
            (&[b"\xff"], None),
        ] {
            let named = |name| values.iter().map(|value| (name, *value)).collect::<Vec<_>>();
            let request = v3("Action=B&Version=2", &[named("x-acs-action"), named("x-acs-version")].concat());
            let call = Call::read(&request);
            assert_eq!((call.action(), call.version()), (action, action), "{values:?}");
        }
    }

    #[test]
    fn the_format_is_the_schemes_own_unless_it_is_asked_for() {
        for (query, in_v1, in_v3) in [
            ("", Format::Xml, Format::Json),
            ("Format=", Format::Xml, Format::Json),
            ("Format=yaml", Format::Xml, Format::Json),
            ("Format=json&Format=json", Format::Xml, Format::Json),
            ("Format=JSON", Format::Json, Format::Json),
            ("Format=json", Format::Json, Format::Json),
            ("Format=Xml", Format::Xml, Format::Xml),
        ] {
            assert_eq!(Call::read(&request(query, &[])).format(), in_v1, "{query}");
            assert_eq!(Call::read(&v3(query, &[])).format(), in_v3, "{query}");
        }
    }

    #[test]
    fn a_security_token_is_seen_in_either_place() {
        let empty: Headers<'_> = &[("x-acs-security-token", b" ")];
        let token: Headers<'_> = &[("x-acs-security-token", b""), ("x-acs-security-token", b"t")];
        for (query, headers, seen) in [
            ("", &[][..], false),
            ("SecurityToken=", empty, false),
            ("SecurityToken=t", empty, true),
            ("SecurityToken=&SecurityToken=t", empty, true),
            ("", token, true),
        ] {
            assert_eq!(Call::read(&request(query, headers)).has_security_token(), seen, "{query}");
            assert_eq!(Call::read(&v3(query, headers)).has_security_token(), seen, "{query}");
        }
    }

    #[test]
    fn the_access_key_id_is_missing_or_unclear_by_cause() {
        for (query, id) in [
            ("AccessKeyId=k", Ok("k")),
            ("", Err(AlibabaCloudCallError::MissingAccessKeyId)),
            ("AccessKeyId=", Err(AlibabaCloudCallError::MissingAccessKeyId)),
            (
                "AccessKeyId=k&AccessKeyId=k",
                Err(AlibabaCloudCallError::Incomplete(IncompleteSignatureError::Repeated("AccessKeyId"))),
            ),
            (
                "AccessKeyId=%FF",
                Err(AlibabaCloudCallError::Incomplete(IncompleteSignatureError::BadAccessKeyId)),
            ),
        ] {
            assert_eq!(Call::read(&request(query, &[])).access_key_id(), id, "{query}");
        }
        let malformed =
            Err(AlibabaCloudCallError::Incomplete(IncompleteSignatureError::MalformedAuthorization));
        for (value, id) in [
            (AUTHORIZATION, Ok("k")),
            (
                b"ACS3-HMAC-SHA256 SignedHeaders=host,Signature=x",
                Err(AlibabaCloudCallError::MissingAccessKeyId),
            ),
            (b"ACS3-HMAC-SHA256 Credential=,Signature=x", Err(AlibabaCloudCallError::MissingAccessKeyId)),
            (b"ACS3-HMAC-SHA256 Credential", malformed),
            (b"ACS3-HMAC-SHA256 Credential=\xc3\xa9", malformed),
            (b"ACS3-HMAC-SHA256", malformed),
            (
                b"ACS3-RSA-SHA256 Credential=k",
                Err(AlibabaCloudCallError::Incomplete(IncompleteSignatureError::UnknownMethod)),
            ),
        ] {
            let request = request("AccessKeyId=other", &[("authorization", value)]);
            assert_eq!(Call::read(&request).access_key_id(), id, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn a_repeated_authorization_header_is_refused_in_either_scheme() {
        let repeated = IncompleteSignatureError::Repeated("Authorization");
        let request_v3 = v3("", &[("authorization", AUTHORIZATION)]);
        let call = Call::read(&request_v3);
        assert_eq!(call.access_key_id(), Err(AlibabaCloudCallError::Incomplete(repeated)));
        assert_eq!(call.verify(&[]), Err(SignatureError::Incomplete(repeated)));
        let request_v1 = request("AccessKeyId=k", &[("authorization", b"a"), ("authorization", b"b")]);
        let call = Call::read(&request_v1);
        assert_eq!(call.access_key_id(), Ok("k"));
        assert_eq!(call.verify(&[]), Err(SignatureError::Incomplete(repeated)));
    }

    #[test]
    fn the_time_stamp_is_read_from_its_schemes_place() {
        let expected = Ok(UnixMillis(1_795_314_531_000));
        for (query, timestamp) in [
            ("Timestamp=2026-11-22T02%3A28%3A51Z", expected),
            ("Timestamp=2026-11-22T02:28:51Z", expected),
            ("Timestamp=2026-11-22", Err(AlibabaCloudCallError::BadTimestamp)),
            ("Timestamp=", Err(AlibabaCloudCallError::BadTimestamp)),
            ("", Err(AlibabaCloudCallError::BadTimestamp)),
            (
                "Timestamp=&Timestamp=",
                Err(AlibabaCloudCallError::Incomplete(IncompleteSignatureError::Repeated("Timestamp"))),
            ),
        ] {
            assert_eq!(Call::read(&request(query, &[])).timestamp(), timestamp, "{query}");
        }
        let date: (&str, &[u8]) = ("x-acs-date", b"2026-11-22T02:28:51Z");
        let repeated =
            Err(AlibabaCloudCallError::Incomplete(IncompleteSignatureError::Repeated("x-acs-date")));
        for (headers, timestamp) in [
            (&[date][..], expected),
            (&[], Err(AlibabaCloudCallError::BadTimestamp)),
            (&[date, date], repeated),
        ] {
            let request = v3("Timestamp=2027-11-22T02:28:51Z", headers);
            assert_eq!(Call::read(&request).timestamp(), timestamp, "{headers:?}");
        }
    }

    #[test]
    fn the_nonce_is_1_to_128_printable_characters() {
        let bad = Err(AlibabaCloudCallError::Incomplete(IncompleteSignatureError::BadNonce));
        let (longest, too_long) = ("~".repeat(128), "~".repeat(129));
        for (nonce, expected) in [
            ("n", Ok("n")),
            ("a b", Ok("a b")),
            (&longest, Ok(&*longest)),
            (&too_long, bad),
            ("", bad),
            ("a%09b", bad),
            ("a%7F", bad),
            ("%C3%A9", bad),
            (
                "n&SignatureNonce=n",
                Err(AlibabaCloudCallError::Incomplete(IncompleteSignatureError::Repeated("SignatureNonce"))),
            ),
        ] {
            let request = request(&format!("SignatureNonce={}", nonce.replace(' ', "+")), &[]);
            assert_eq!(Call::read(&request).nonce(), expected, "{nonce}");
        }
        assert_eq!(Call::read(&request("", &[])).nonce(), bad);
        for (nonce, expected) in [
            (&b" a b\t"[..], Ok("a b")),
            (longest.as_bytes(), Ok(&*longest)),
            (too_long.as_bytes(), bad),
            (b"a\tb", bad),
            (b"\xc3\xa9", bad),
            (b" ", bad),
        ] {
            let request = v3("SignatureNonce=n", &[("x-acs-signature-nonce", nonce)]);
            assert_eq!(Call::read(&request).nonce(), expected, "{}", nonce.escape_ascii());
        }
    }

    #[test]
    fn a_parameter_of_the_action_is_one_text_or_absent() {
        for (query, value) in [
            ("P=%E4%B8%AD+%2B", Ok(Some("中 +"))),
            ("P=+", Ok(Some(" "))),
            ("P=", Ok(None)),
            ("p=1", Ok(None)),
            ("P=1&P=1", Err(ParameterError::Repeated)),
            ("P=&%50=", Err(ParameterError::Repeated)),
            ("P=%ff", Err(ParameterError::NotUtf8)),
        ] {
            assert_eq!(Call::read(&request(query, &[])).parameter("P"), value, "{query}");
            assert_eq!(Call::read(&v3(query, &[])).parameter("P"), value, "{query}");
        }
    }

    #[test]
    fn a_call_with_more_than_sixty_four_parameters_is_incomplete() {
        let request = request(&vec!["a=1"; 65].join("&"), &[]);
        assert_eq!(
            Call::read(&request).verify(&[]),
            Err(SignatureError::Incomplete(IncompleteSignatureError::TooManyParameters))
        );
    }

    #[test]
    fn a_call_does_not_print_its_parameters() {
        let request = v3("PhoneNo=13900001234", &[]);
        assert_eq!(format!("{:?}", Call::read(&request)), "Call { protocol: V3, .. }");
    }
}
