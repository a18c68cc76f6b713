//! The device that a link was opened with, by what its browser calls itself. It decides only which way into Alipay is
//! offered, so nothing depends on its being true.

use http::HeaderMap;
use http::header::USER_AGENT;

/// Words that stand in the names of browsers on phones and tablets, in lower case. Not `tablet` alone: desktops with a
/// pen call themselves `Tablet PC`.
const HANDHELDS: [&str; 6] = ["mobile", "android", "iphone", "ipad", "ipod", "tablet;"];

/// The device that a link was opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    AlipayApp,
    /// The browser inside WeChat, which does not open Alipay.
    WeChat,
    /// Another browser on a device that may have the app.
    Phone,
    /// Anything else: the app is on another device.
    Desktop,
}

impl Device {
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let name = headers.get(USER_AGENT).map(|value| value.as_bytes().to_ascii_lowercase());
        let name = name.map(|name| String::from_utf8_lossy(&name).into_owned()).unwrap_or_default();
        if name.contains("alipayclient") {
            Self::AlipayApp
        } else if name.contains("micromessenger") {
            Self::WeChat
        } else if HANDHELDS.iter().any(|word| name.contains(word)) {
            Self::Phone
        } else {
            Self::Desktop
        }
    }

    /// True if Alipay may open where the link was: a desktop shows a code and WeChat a way out, which lead elsewhere.
    pub(super) const fn may_have_the_app(self) -> bool {
        match self {
            Self::AlipayApp | Self::Phone => true,
            Self::WeChat | Self::Desktop => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_device_is_told_by_what_its_browser_calls_itself() {
        for (name, device) in [
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.5 Mobile/15E148 Safari/604.1",
                Device::Phone,
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile \
                 Safari/537.36",
                Device::Phone,
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; 23127PN0CC) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 \
                 Chrome/130.0.6723.103 Mobile Safari/537.36 XWEB/1300333 MMWEBSDK/20241202 \
                 MicroMessenger/8.0.56.2800(0x28003858) WeChat/arm64 Weixin NetType/WIFI Language/zh_CN",
                Device::WeChat,
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Mobile/22F76 NebulaSDK/1.8.100112 Nebula PSDType(1) AlipayDefined(nt:WIFI,ws:390|0|3.0) \
                 AliApp(AP/10.7.40.6000) AlipayClient/10.7.40.6000 Language/zh-Hans",
                Device::AlipayApp,
            ),
            (
                "Mozilla/5.0 (Linux; U; Android 14; zh-CN; 23127PN0CC) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Version/4.0 Chrome/105.0.5195.148 MYWeb/1.3.126 UWS/3.22.2.9999 Mobile Safari/537.36 UCBS/3.22.2 \
                 NebulaSDK/1.8.100112 Nebula AliApp(AP/10.6.58) alipayclient/10.6.58 Language/zh-Hans",
                Device::AlipayApp,
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 \
                 Safari/537.36",
                Device::Desktop,
            ),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:139.0) Gecko/20100101 Firefox/139.0", Device::Desktop),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.5 Safari/605.1.15",
                Device::Desktop,
            ),
            (
                "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1; Trident/4.0; Tablet PC 2.0)",
                Device::Desktop,
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 \
                 Mobile/15E148 Safari/604.1",
                Device::Phone,
            ),
            ("Mozilla/5.0 (Android 14; Tablet; rv:139.0) Gecko/139.0 Firefox/139.0", Device::Phone),
            (
                "Mozilla/5.0 (Tablet; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 \
                 Safari/537.36 ArkWeb/4.1.6.1",
                Device::Phone,
            ),
            ("curl/8.14.1", Device::Desktop),
            ("", Device::Desktop),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, HeaderValue::from_static(name));
            assert_eq!(Device::from_headers(&headers), device, "{name}");
        }
        assert_eq!(Device::from_headers(&HeaderMap::new()), Device::Desktop);
    }

    #[test]
    fn a_name_that_is_no_text_is_read_as_far_as_it_is() {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_bytes(b"\xff AlipayClient/\xe9").expect("a header"));
        assert_eq!(Device::from_headers(&headers), Device::AlipayApp);
    }
}
