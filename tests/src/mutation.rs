//! Mutations of bytes and of requests, drawn by proptest, so that what fails is shrunk and found again.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::collection::vec;
use proptest::prelude::{Strategy, any};
use proptest::prop_oneof;
use proptest::sample::{Index, select};
use shared::web::client_info::ClientInfo;

/// Pieces with a meaning to one of the parsers.
const PIECES: [&[u8]; 48] = [
    b"",
    b" ",
    b"\t",
    b"\r\n",
    b"\0",
    b"\x7f",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    "中".as_bytes(),
    b"&",
    b"=",
    b"+",
    b"%",
    b"%00",
    b"%26",
    b"%3D",
    b"%2f",
    b"%zz",
    b"?",
    b"#",
    b"/",
    b"//",
    b"/../",
    b"\\",
    b"\\u0000",
    b"\\/",
    b":",
    b";",
    b",",
    b".",
    b"-",
    b"@",
    b"'",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"18446744073709551616",
    b"127.0.0.1",
    b"[::ffff:10.0.0.1]",
    b"q=",
    b"MD5",
];

/// A change of bytes, at a place that is a share of their length.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// One bit is another.
    Flip(Index, u8),
    /// A piece stands in place of as many bytes.
    Overwrite(Index, Vec<u8>),
    /// A piece comes in.
    Insert(Index, Vec<u8>),
    /// At most so many bytes are gone.
    Remove(Index, u8),
    /// At most so many bytes stand there twice.
    Double(Index, u8),
    /// Nothing follows.
    Cut(Index),
}

impl Mutation {
    /// The bytes with the change.
    #[must_use]
    pub fn apply(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        let place = |index: &Index| index.index(bytes.len() + 1);
        match self {
            Self::Flip(index, bit) => {
                let at = place(index);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << (bit % 8);
                }
            }
            Self::Overwrite(index, piece) => {
                let at = place(index);
                let end = bytes.len().min(at + piece.len());
                bytes.splice(at..end, piece.iter().copied());
            }
            Self::Insert(index, piece) => {
                let at = place(index);
                bytes.splice(at..at, piece.iter().copied());
            }
            Self::Remove(index, length) => {
                let at = place(index);
                bytes.drain(at..bytes.len().min(at + usize::from(*length)));
            }
            Self::Double(index, length) => {
                let at = place(index);
                let twice = bytes[at..bytes.len().min(at + usize::from(*length))].to_vec();
                bytes.splice(at..at, twice);
            }
            Self::Cut(index) => bytes.truncate(place(index)),
        }
        bytes
    }
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => select(&PIECES[..]).prop_map(<[u8]>::to_vec),
        1 => vec(any::<u8>(), 1..9),
    ]
}

/// Any change of bytes.
pub fn mutation() -> impl Strategy<Value = Mutation> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        (at(), piece()).prop_map(|(at, piece)| Mutation::Overwrite(at, piece)),
        (at(), piece()).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (at(), 1..16_u8).prop_map(|(at, length)| Mutation::Remove(at, length)),
        (at(), 1..16_u8).prop_map(|(at, length)| Mutation::Double(at, length)),
        at().prop_map(Mutation::Cut),
    ]
}

/// One of `seeds` with up to seven changes; some begin as one seed and end as another.
pub fn mutated(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let seeds = vec_of(seeds);
    let start = prop_oneof![
        4 => seeds.clone(),
        1 => (seeds.clone(), seeds, any::<Index>(), any::<Index>()).prop_map(|(one, other, cut, from)| {
            let (cut, from) = (cut.index(one.len() + 1), from.index(other.len() + 1));
            [&one[..cut], &other[from..]].concat()
        }),
    ];
    (start, vec(mutation(), 0..8))
        .prop_map(|(start, mutations)| mutations.iter().fold(start, |bytes, mutation| mutation.apply(bytes)))
}

fn vec_of(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> + Clone {
    assert!(!seeds.is_empty(), "there is nothing to begin with");
    select(seeds)
}

/// A change of a request, as whoever stands between its sender and us could make it.
#[derive(Clone, Debug)]
pub enum RequestMutation {
    /// Its method is another.
    Method(&'static str),
    /// Its path is changed.
    Path(Mutation),
    /// Its query is changed.
    Query(Mutation),
    /// Its body is changed.
    Body(Mutation),
    /// The body of another request is put in its place.
    BorrowBody,
    /// A header's name is changed.
    Name(Index, Mutation),
    /// A header's value is changed.
    Value(Index, Mutation),
    /// The value of the same header of another request is put in its place.
    BorrowValue(Index),
    /// A header is gone.
    Drop(Index),
    /// A header stands there twice.
    Repeat(Index),
    /// Two headers have each other's values.
    Swap(Index, Index),
}

/// Any changes of a request: one to three.
pub fn request_mutations() -> impl Strategy<Value = Vec<RequestMutation>> {
    const METHODS: [&str; 6] = ["GET", "POST", "PUT", "HEAD", "post", "PROPFIND"];
    let at = any::<Index>;
    let one = prop_oneof![
        1 => select(&METHODS[..]).prop_map(RequestMutation::Method),
        1 => mutation().prop_map(RequestMutation::Path),
        6 => mutation().prop_map(RequestMutation::Query),
        6 => mutation().prop_map(RequestMutation::Body),
        1 => (0..1_u8).prop_map(|_| RequestMutation::BorrowBody),
        1 => (at(), mutation()).prop_map(|(at, mutation)| RequestMutation::Name(at, mutation)),
        8 => (at(), mutation()).prop_map(|(at, mutation)| RequestMutation::Value(at, mutation)),
        2 => at().prop_map(RequestMutation::BorrowValue),
        1 => at().prop_map(RequestMutation::Drop),
        1 => at().prop_map(RequestMutation::Repeat),
        1 => (at(), at()).prop_map(|(one, other)| RequestMutation::Swap(one, other)),
    ];
    vec(one, 1..4)
}

/// A request as bytes.
struct Wire {
    method: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

impl Wire {
    fn from_request(request: &Request<Bytes>) -> Self {
        let header = |(name, value): (&HeaderName, &HeaderValue)| {
            (name.as_str().as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        Self {
            method: request.method().as_str().into(),
            path: request.uri().path().into(),
            query: request.uri().query().unwrap_or_default().into(),
            headers: request.headers().iter().map(header).collect(),
            body: request.body().to_vec(),
        }
    }

    /// `None` of what no HTTP library would hand to a handler.
    fn build(self, client: ClientInfo) -> Option<Request<Bytes>> {
        let target =
            if self.query.is_empty() { self.path } else { [self.path, b"?".into(), self.query].concat() };
        let mut request = Request::builder()
            .method(Method::from_bytes(&self.method).ok()?)
            .uri(Uri::try_from(target).ok().filter(|uri| uri.path().starts_with('/'))?)
            .extension(client)
            .body(Bytes::from(self.body))
            .ok()?;
        for (name, value) in self.headers {
            let (name, value) = (HeaderName::from_bytes(&name).ok()?, HeaderValue::from_bytes(&value).ok()?);
            request.headers_mut().append(name, value);
        }
        Some(request)
    }

    fn change(&mut self, other: &Self, mutation: &RequestMutation) {
        use RequestMutation as M;
        let count = self.headers.len();
        let which = |index: &Index| if count == 0 { 0 } else { index.index(count) };
        match mutation {
            M::Method(method) => self.method = method.as_bytes().to_vec(),
            M::Path(mutation) => self.path = mutation.apply(std::mem::take(&mut self.path)),
            M::Query(mutation) => self.query = mutation.apply(std::mem::take(&mut self.query)),
            M::Body(mutation) => self.body = mutation.apply(std::mem::take(&mut self.body)),
            M::BorrowBody => self.body.clone_from(&other.body),
            M::Swap(one, another) if count > 0 => {
                let (one, another) = (which(one), which(another));
                let value = std::mem::take(&mut self.headers[one].1);
                let value = std::mem::replace(&mut self.headers[another].1, value);
                self.headers[one].1 = value;
            }
            M::Name(at, mutation) => {
                if let Some((name, _)) = self.headers.get_mut(which(at)) {
                    *name = mutation.apply(std::mem::take(name));
                }
            }
            M::Value(at, mutation) => {
                if let Some((_, value)) = self.headers.get_mut(which(at)) {
                    *value = mutation.apply(std::mem::take(value));
                }
            }
            M::BorrowValue(at) => {
                if let Some((name, value)) = self.headers.get_mut(which(at))
                    && let Some((_, theirs)) = other.headers.iter().find(|(theirs, _)| theirs == name)
                {
                    value.clone_from(theirs);
                }
            }
            M::Drop(at) if count > 0 => drop(self.headers.remove(which(at))),
            M::Repeat(at) if count > 0 => self.headers.push(self.headers[which(at)].clone()),
            M::Swap(..) | M::Drop(_) | M::Repeat(_) => {}
        }
    }
}

/// The request with the changes, some of which take from `other`; `None` if no HTTP library would hand it to a handler.
pub fn mutate(
    request: &Request<Bytes>,
    other: &Request<Bytes>,
    mutations: &[RequestMutation],
) -> Option<Request<Bytes>> {
    let (mut wire, other) = (Wire::from_request(request), Wire::from_request(other));
    for mutation in mutations {
        wire.change(&other, mutation);
    }
    wire.build(request.extensions().get::<ClientInfo>().cloned().unwrap_or_default())
}
