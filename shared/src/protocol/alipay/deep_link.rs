//! Ways from a browser into Alipay's app, which then opens an address in its own browser.

use url::Url;

/// The app's own scheme, and within it the app that opens an address.
const APP: &str = "alipays://platformapi/startapp?appId=20000067";
/// Alipay's page that opens the app, or leads to it.
const WEB: &str = "https://ds.alipay.com/";

/// Opens `address` in the app, from a browser on the device that has it.
#[must_use]
pub fn by_scheme(address: &Url) -> Url {
    with_pair(APP, "url", address)
}

/// The same by way of a page of Alipay's, for browsers that do not know the app's scheme.
#[must_use]
pub fn by_web_page(address: &Url) -> Url {
    with_pair(WEB, "scheme", &by_scheme(address))
}

fn with_pair(base: &'static str, name: &str, value: &Url) -> Url {
    let mut url = Url::parse(base).unwrap_or_else(|error| unreachable!("a constant is an address: {error}"));
    url.query_pairs_mut().append_pair(name, value.as_str());
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_encoded_once_for_each_way() {
        let address = Url::parse("https://openauth.example/o.htm?app_id=1&uri=https%3A%2F%2Fa%2Fb").unwrap();
        assert_eq!(
            by_scheme(&address).as_str(),
            "alipays://platformapi/startapp?appId=20000067\
             &url=https%3A%2F%2Fopenauth.example%2Fo.htm%3Fapp_id%3D1%26uri%3Dhttps%253A%252F%252Fa%252Fb"
        );
        assert_eq!(
            by_web_page(&address).as_str(),
            "https://ds.alipay.com/?scheme=alipays%3A%2F%2Fplatformapi%2Fstartapp%3FappId%3D20000067%26url%3D\
             https%253A%252F%252Fopenauth.example%252Fo.htm%253Fapp_id%253D1%2526uri%253D\
             https%25253A%25252F%25252Fa%25252Fb"
        );
    }
}
