//! What an answer's `data.warnings` says: the request was taken, and something in it cannot do what its caller may
//! expect.

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// A warning. It displays as its `message`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, strum::IntoStaticStr, strum::EnumDiscriminants)]
#[strum(serialize_all = "snake_case")]
#[strum_discriminants(name(WarningCode), derive(strum::IntoStaticStr, strum::VariantArray))]
#[strum_discriminants(strum(serialize_all = "snake_case"), doc = "The word of a warning.")]
pub enum Warning {
    /// A field that nobody reads.
    #[error("parameter {0} is unknown and was ignored")]
    FieldUnknown(String),
    /// So many more of them.
    #[error("{0} more parameters are unknown and were ignored")]
    MoreFieldsUnknown(usize),
    /// Neither the request nor the business names a callback address.
    #[error(
        "there is no callbackUrl and the business has no default one: the openId will be told to a query alone"
    )]
    NoCallbackAddress,
}

impl Warning {
    /// The word on the wire.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.into()
    }
}

/// `{"code", "message"}`, with the field's name as `field` if there is one.
impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut warning = serializer.serialize_struct("Warning", 3)?;
        warning.serialize_field("code", self.code())?;
        match self {
            Self::FieldUnknown(name) => warning.serialize_field("field", name)?,
            Self::MoreFieldsUnknown(_) | Self::NoCallbackAddress => warning.skip_field("field")?,
        }
        warning.serialize_field("message", &self.to_string())?;
        warning.end()
    }
}
