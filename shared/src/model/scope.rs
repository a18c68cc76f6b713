//! The scope of an authorization at Alipay.

/// The extent of the consent that the user is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// Silent: only the user's id.
    #[default]
    AuthBase,
    /// With a consent page the first time.
    AuthUser,
}

impl Scope {
    /// The name in the authorize page's address and in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
