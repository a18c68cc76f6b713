//! AWS Signature Version 4 of one kind of request: `POST /` with a body and without a query, as every service with a
//! JSON protocol takes it ("AWS Signature Version 4 for API requests", IAM User Guide).
//!
//! The key that is derived for a day is kept for the day, which leaves two digests and one HMAC for a request.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

use crate::aws::settings::AwsSettings;
use crate::model::clock::UnixMillis;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const DATE_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
const DAY: Range<usize> = 0..8;

/// The value of `x-amz-date`: `yyyymmddThhmmssZ`.
pub(super) struct AmzDate(String);

impl AmzDate {
    pub(super) fn of(now: UnixMillis) -> Self {
        let moment = OffsetDateTime::from_unix_timestamp(now.0.div_euclid(1_000));
        // Beyond the year 9999 every date is refused anyway.
        let moment = moment.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        Self(moment.format(DATE_TIME).unwrap_or_else(|error| unreachable!("a date in UTC: {error}")))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn day(&self) -> &str {
        &self.0[DAY]
    }
}

/// Signs requests to one service in one region.
pub(super) struct Signer {
    access_key_id: String,
    secret_access_key: String,
    region: String,
    service: &'static str,
    key: Mutex<Option<(String, hmac::Key)>>,
}

impl Signer {
    pub(super) fn new(settings: &AwsSettings, service: &'static str) -> Self {
        Self {
            access_key_id: settings.access_key_id.clone(),
            secret_access_key: settings.secret_access_key.clone(),
            region: settings.region.clone(),
            service,
            key: Mutex::new(None),
        }
    }

    /// The value of `authorization` for a request of `date`. All of `headers` are signed; their names are in lower case
    /// and sorted, their values without space at the ends, and `host` and `x-amz-date` are among them.
    pub(super) fn authorization(&self, date: &AmzDate, headers: &[(&str, &str)], body: &[u8]) -> String {
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let mut canonical = String::with_capacity(2_048);
        canonical.push_str("POST\n/\n\n");
        for (name, value) in headers {
            canonical.extend([name, ":", value, "\n"]);
        }
        canonical.extend(["\n", &names, "\n", &hex::encode(digest(&SHA256, body))]);

        let scope = [date.day(), &self.region, self.service, "aws4_request"].join("/");
        let request = hex::encode(digest(&SHA256, canonical.as_bytes()));
        let to_sign = [ALGORITHM, date.as_str(), &scope, &request].join("\n");
        let signature = hex::encode(hmac::sign(&self.key_of(date.day()), to_sign.as_bytes()));
        let credential = &self.access_key_id;
        format!("{ALGORITHM} Credential={credential}/{scope}, SignedHeaders={names}, Signature={signature}")
    }

    fn key_of(&self, day: &str) -> hmac::Key {
        let mut kept = self.key.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, key)) = &*kept
            && of == day
        {
            return key.clone();
        }
        let key = self.derive(day);
        *kept = Some((day.to_owned(), key.clone()));
        key
    }

    fn derive(&self, day: &str) -> hmac::Key {
        let secret = ["AWS4", &self.secret_access_key].concat();
        [day, &self.region, self.service, "aws4_request"]
            .iter()
            .fold(hmac::Key::new(HMAC_SHA256, secret.as_bytes()), |key, part| {
                hmac::Key::new(HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref())
            })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4::SigningParams;

    use super::*;

    const HOST: &str = "dynamodb.eu-central-1.amazonaws.com";
    const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;
    /// The last second of a day.
    const NOW: UnixMillis = UnixMillis(1_795_305_600_000 - 1);

    fn settings() -> AwsSettings {
        AwsSettings {
            region: "eu-central-1".to_owned(),
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned(),
            ..AwsSettings::default()
        }
    }

    /// What the AWS SDK's own signer makes of a request to DynamoDB; `headers` are all that are signed.
    pub(in crate::aws) fn by_the_sdk(
        settings: &AwsSettings,
        now: UnixMillis,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> String {
        let (id, secret) = (&settings.access_key_id, &settings.secret_access_key);
        let credentials = Credentials::new(id, secret, None, None, "test").into();
        let params = SigningParams::builder()
            .identity(&credentials)
            .region(&settings.region)
            .name("dynamodb")
            .time(UNIX_EPOCH + Duration::from_millis(u64::try_from(now.0).unwrap()))
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        // It adds the date by itself.
        let headers = headers.iter().copied().filter(|(name, _)| *name != "x-amz-date");
        let body = SignableBody::Bytes(body);
        let request = SignableRequest::new("POST", "https://localhost/", headers, body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut headers = instructions.headers();
        headers.find(|(name, _)| *name == "authorization").unwrap().1.to_owned()
    }

    fn headers<'a>(date: &'a AmzDate, token: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
        let mut headers = vec![
            ("content-type", "application/x-amz-json-1.0"),
            ("host", HOST),
            ("x-amz-date", date.as_str()),
        ];
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        headers.push(("x-amz-target", "DynamoDB_20120810.PutItem"));
        headers
    }

    #[test]
    fn the_sdk_signs_the_same_and_across_a_change_of_day() {
        let signer = Signer::new(&settings(), "dynamodb");
        for now in [NOW, NOW + Duration::from_millis(1), NOW, UnixMillis(0), UnixMillis(NOW.0 + DAY_MILLIS)] {
            for body in
                ["", "{}", r#"{"TableName":"authlink","Item":{"pk":{"S":"é"}}}"#, &"x".repeat(100_000)]
            {
                for token in [None, Some("IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ=")] {
                    let date = AmzDate::of(now);
                    let headers = headers(&date, token);
                    let ours = signer.authorization(&date, &headers, body.as_bytes());
                    assert_eq!(
                        ours,
                        by_the_sdk(&settings(), now, &headers, body.as_bytes()),
                        "{now} {body:.20}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_date_is_in_utc_and_of_whole_seconds() {
        for (millis, expected) in [
            (0, "19700101T000000Z"),
            (NOW.0, "20261121T235959Z"),
            (NOW.0 + 1, "20261122T000000Z"),
            (i64::MAX, "19700101T000000Z"),
        ] {
            assert_eq!(AmzDate::of(UnixMillis(millis)).as_str(), expected);
        }
    }
}
