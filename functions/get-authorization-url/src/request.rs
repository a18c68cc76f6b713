//! The action's parameters.

use shared::model::clock::UnixMillis;
use shared::model::end_date::EndDate;
use shared::model::owner::SchemeId;
use shared::model::phone::PhoneNumber;
use shared::protocol::open_api::likely_meant;
use shared::signing::alibaba_cloud::{Call, ParameterError};

use crate::error::ApiError;

/// The action's own parameters.
const OWN: [&str; 3] = ["PhoneNo", "SchemeId", "EndDate"];

/// The one of the action's parameters whose name a call misspells. The SDKs send names of their own, so an unknown one
/// is neither refused nor told; a near one is for the log, where it explains what is missing.
pub(crate) fn misspelt(call: &Call<'_>) -> Option<&'static str> {
    let names = call.parameter_names().filter_map(|name| str::from_utf8(name).ok());
    names.filter(|name| !OWN.contains(name)).find_map(|name| likely_meant(name, &OWN))
}

/// The parameters that do not depend on the scheme.
pub(crate) struct LinkParameters {
    pub(crate) phone: PhoneNumber,
    pub(crate) scheme_id: SchemeId,
}

impl LinkParameters {
    /// Both must be there once before either is judged.
    pub(crate) fn read(call: &Call<'_>) -> Result<Self, ApiError> {
        let phone = parameter(call, "PhoneNo")?.ok_or(ApiError::Missing("PhoneNo"))?;
        let scheme_id = parameter(call, "SchemeId")?.ok_or(ApiError::Missing("SchemeId"))?;
        let phone = phone.and_then(PhoneNumber::parse).ok_or(ApiError::BadPhoneNo)?;
        let scheme_id = scheme_id.and_then(SchemeId::parse).ok_or(ApiError::BadParameter("SchemeId"))?;
        Ok(Self { phone, scheme_id })
    }
}

/// `EndDate`, which a scheme of the contract type needs.
pub(crate) fn end_date(
    call: &Call<'_>,
    contract: bool,
    now: UnixMillis,
) -> Result<Option<EndDate>, ApiError> {
    match parameter(call, "EndDate")? {
        None if contract => Err(ApiError::Missing("EndDate")),
        None => Ok(None),
        Some(text) => {
            let date = text.and_then(EndDate::parse).filter(|date| !date.is_over(now));
            date.map(Some).ok_or(ApiError::BadEndDate)
        }
    }
}

/// A parameter that is there; `Some(None)` if it is no text and so of no type that the action has.
fn parameter<'c>(call: &'c Call<'_>, name: &'static str) -> Result<Option<Option<&'c str>>, ApiError> {
    match call.parameter(name) {
        Ok(value) => Ok(value.map(Some)),
        Err(ParameterError::NotUtf8) => Ok(Some(None)),
        Err(ParameterError::Repeated) => Err(ApiError::BadParameter(name)),
    }
}
