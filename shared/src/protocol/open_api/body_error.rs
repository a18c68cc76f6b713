//! What is wrong with a body that is no JSON object, in words for whoever has sent it.

/// The flaw of a body. It displays as a clause that quotes nothing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Nothing, or white space only.
    #[error("it is empty")]
    Empty,
    /// Begins with a byte order mark, as .NET writes one.
    #[error("it begins with a byte order mark")]
    ByteOrderMark,
    /// Begins as gzip does.
    #[error("it is compressed, send it plain")]
    Compressed,
    /// Has bytes that are not UTF-8.
    #[error("it is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// The first of them, from 0.
        at: usize,
    },
    /// JSON of another kind.
    #[error("it is JSON of another kind")]
    OtherJson,
    /// Not JSON.
    #[error("it is no JSON at line {line} column {column}")]
    Syntax {
        /// From 1.
        line: usize,
        /// In bytes, from 1; 0 if the line before ended too early.
        column: usize,
    },
}

impl BodyError {
    /// The flaw of a body that could not be read for `error`.
    #[must_use]
    pub fn new(body: &[u8], error: &serde_json::Error) -> Self {
        if body.trim_ascii().is_empty() {
            return Self::Empty;
        }
        if body.starts_with(b"\xef\xbb\xbf") {
            return Self::ByteOrderMark;
        }
        if body.starts_with(b"\x1f\x8b") {
            return Self::Compressed;
        }
        if let Err(error) = std::str::from_utf8(body) {
            return Self::NotUtf8 { at: error.valid_up_to() };
        }
        if error.is_data() {
            return Self::OtherJson;
        }
        Self::Syntax { line: error.line(), column: error.column() }
    }
}
