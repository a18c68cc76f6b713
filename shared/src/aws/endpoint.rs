//! Where a service of a region is.

use http::Uri;

use crate::aws::UnusableSettings;
use crate::aws::settings::AwsSettings;

/// The domains of the partitions other than AWS's first, by how their regions begin (`partitions.json` of botocore).
const DOMAINS: [(&str, &str); 6] = [
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
];

/// The address of `service`, with the path `/`: the settings' own, or that of their region.
///
/// # Errors
/// When it is no address of HTTP or HTTPS, or one with more in it than a server: a path or a query is not signed.
pub(super) fn endpoint(service: &str, settings: &AwsSettings) -> Result<Uri, UnusableSettings> {
    let region = &settings.region;
    let of_region = || format!("https://{service}.{region}.{}", domain(region));
    let address = settings.endpoint_url.clone().unwrap_or_else(of_region);
    let uri: Uri = address.parse().map_err(|_| UnusableSettings::Address)?;
    let spoken = matches!(uri.scheme_str(), Some("http" | "https"));
    let server_alone = uri.path() == "/" && uri.query().is_none() && !address.contains('@');
    if spoken && server_alone { Ok(uri) } else { Err(UnusableSettings::Address) }
}

fn domain(region: &str) -> &'static str {
    DOMAINS.iter().find(|(begin, _)| region.starts_with(begin)).map_or("amazonaws.com", |(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_where_its_regions_partition_has_it() {
        for (region, expected) in [
            ("eu-central-1", "https://dynamodb.eu-central-1.amazonaws.com/"),
            ("us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com/"),
            ("cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn/"),
            ("eusc-de-east-1", "https://dynamodb.eusc-de-east-1.amazonaws.eu/"),
            ("us-iso-east-1", "https://dynamodb.us-iso-east-1.c2s.ic.gov/"),
            ("us-isob-east-1", "https://dynamodb.us-isob-east-1.sc2s.sgov.gov/"),
            ("us-isof-south-1", "https://dynamodb.us-isof-south-1.csp.hci.ic.gov/"),
            ("eu-isoe-west-1", "https://dynamodb.eu-isoe-west-1.cloud.adc-e.uk/"),
        ] {
            let settings = AwsSettings { region: region.to_owned(), ..AwsSettings::default() };
            assert_eq!(endpoint("dynamodb", &settings).unwrap(), expected);
        }
    }

    #[test]
    fn an_address_of_the_settings_comes_first() {
        for url in ["http://127.0.0.1:5000", "http://127.0.0.1:5000/"] {
            let settings = AwsSettings { endpoint_url: Some(url.to_owned()), ..AwsSettings::default() };
            assert_eq!(endpoint("dynamodb", &settings).unwrap(), "http://127.0.0.1:5000/");
        }
        for url in [
            "http://a b",
            "127.0.0.1:5000",
            "http://127.0.0.1/path",
            "http://127.0.0.1/?query",
            "http://u:p@127.0.0.1",
            "ftp://127.0.0.1",
            "/",
        ] {
            let settings = AwsSettings { endpoint_url: Some(url.to_owned()), ..AwsSettings::default() };
            assert_eq!(endpoint("dynamodb", &settings), Err(UnusableSettings::Address), "{url}");
        }
    }
}
