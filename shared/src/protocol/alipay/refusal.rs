//! Alipay's refusals by its own codes, and whose fault each is.

/// A refusal of the gateway, by its own codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRefusal {
    /// The gateway's code, as `40002`.
    pub code: String,
    /// The method's code, as `isv.code-invalid`; empty if there is none.
    pub sub_code: String,
}

/// The party that a refusal lays the fault on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The user's code: wrong, used, expired, or given to another app. A new consent mends it.
    Code,
    /// Our request, our configuration or our standing at Alipay. No user can mend it.
    Ours,
    /// Alipay, for the moment, or too many calls: a later consent may do.
    Passing,
}

impl GatewayRefusal {
    /// A refusal by these codes. Codes that are not made of a code's characters, or longer than any, are left empty, so
    /// that they may stand in a log.
    pub(super) fn new(code: &str, sub_code: &str) -> Self {
        Self { code: bounded(code, 16), sub_code: bounded(sub_code, 64) }
    }

    /// The party at fault.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match (self.code.as_str(), self.sub_code.as_str()) {
            (_, "isv.code-invalid" | "isv.unmatched-app-id") => Fault::Code,
            ("20000" | "40003" | "40004" | "40005", _) => Fault::Passing,
            _ => Fault::Ours,
        }
    }
}

fn bounded(code: &str, longest: usize) -> String {
    let well_formed = code.len() <= longest
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if well_formed { code.to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_lays_the_fault_on_the_code_on_us_or_on_the_moment() {
        for (code, sub_code, fault) in [
            ("40002", "isv.code-invalid", Fault::Code),
            ("40002", "isv.unmatched-app-id", Fault::Code),
            ("20000", "isp.unknow-error", Fault::Passing),
            ("20000", "aop.unknow-error", Fault::Passing),
            ("40004", "", Fault::Passing),
            ("40005", "isv.app-call-limited", Fault::Passing),
            ("40001", "isv.missing-app-cert-sn", Fault::Ours),
            ("40002", "isv.invalid-app-id", Fault::Ours),
            ("40002", "isv.invalid-signature", Fault::Ours),
            ("40002", "isv.grant-type-invalid", Fault::Ours),
            ("40006", "isv.insufficient-isv-permissions", Fault::Ours),
            ("20001", "aop.invalid-auth-token", Fault::Ours),
        ] {
            assert_eq!(GatewayRefusal::new(code, sub_code).fault(), fault, "{code} {sub_code}");
        }
    }

    #[test]
    fn what_is_no_code_is_left_empty() {
        let long = "a".repeat(65);
        for bad in ["isv.code-invalid\n", "a b", "授权码", "<b>", long.as_str()] {
            let refusal = GatewayRefusal::new(bad, bad);
            assert_eq!((refusal.code.as_str(), refusal.sub_code.as_str()), ("", ""), "{bad}");
        }
        assert_eq!(GatewayRefusal::new("40002", "ACQ.SYSTEM_ERROR").sub_code, "ACQ.SYSTEM_ERROR");
    }
}
