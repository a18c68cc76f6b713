//! Credentials of AWS that are not there, or that it does not accept: what an operator does about it.

use aws_credential_types::provider::error::CredentialsError;
use shared::runtime::start::StartError;

/// The codes by which services of AWS refuse whoever asks, before what is asked for.
const REFUSED: [&str; 4] =
    ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"];

/// True if a service answers so to credentials that have ended or that it does not know.
pub(super) fn are_refused(code: Option<&str>) -> bool {
    code.is_some_and(|code| REFUSED.contains(&code))
}

/// The words for credentials that AWS refuses.
pub(super) fn refused(error: &StartError, profile: Option<&str>) -> StartError {
    StartError::new(format!("AWS does not accept the credentials ({error}). {}", advice(profile)))
}

/// The words for credentials that are not had: there are none, or a login has ended.
pub(super) fn credentials_error(error: CredentialsError, profile: Option<&str>) -> StartError {
    let are_there = !matches!(error, CredentialsError::CredentialsNotLoaded(_));
    let error = StartError::from(error);
    StartError::new(if are_there {
        format!("the AWS credentials are unavailable ({error}). {}", advice(profile))
    } else {
        format!("no AWS credentials were found. {}", advice(profile))
    })
}

fn advice(profile: Option<&str>) -> String {
    let of = profile.map_or_else(String::new, |profile| format!(" --profile {profile}"));
    format!(
        "Sign in by `aws sso login{of}` or `aws configure{of}`, name another profile by --profile, or set \
         AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_no_credentials_is_told_how_to_get_some() {
        let none = credentials_error(CredentialsError::not_loaded_no_source(), None).to_string();
        assert!(none.starts_with("no AWS credentials were found. Sign in by `aws sso login` or"), "{none}");
        let ended = CredentialsError::provider_error("the session has ended");
        let ended = credentials_error(ended, Some("ops")).to_string();
        assert!(
            ended.contains("(an error occurred while loading credentials: the session has ended)"),
            "{ended}"
        );
        assert!(ended.contains("`aws sso login --profile ops`"), "{ended}");
        let refused = refused(&StartError::new("ExpiredToken".to_owned()), None).to_string();
        assert!(
            refused.starts_with("AWS does not accept the credentials (ExpiredToken). Sign in"),
            "{refused}"
        );
        assert!(
            are_refused(Some("ExpiredToken")) && !are_refused(Some("AccessDenied")) && !are_refused(None)
        );
    }
}
