//! The words of the pages, in both languages: states, outcomes and lengths of time. The names themselves stay those of
//! the query API and of the commands.

use std::time::Duration;

use shared::model::attention::Attention;
use shared::model::authorization::Status;
use shared::model::delivery_outcome::DeliveryOutcome;
use shared::web::language::Language;

use super::chart::Tone;
use super::visit::Unlisted;

pub(super) const fn of_status(status: Status, language: Language) -> &'static str {
    match status {
        Status::LinkPending => language.choose("等待平台生成链接", "a platform is to make the link"),
        Status::Issued => {
            language.choose("链接已发出，用户尚未授权", "the link is out, the user has not consented")
        }
        Status::Exchanging => {
            language.choose("正在向支付宝换取用户标识", "Alipay is being asked who the user is")
        }
        Status::ExchangeUnknown => language.choose(
            "支付宝没有可信的应答，用户需重新授权",
            "Alipay gave no believable answer; the user has to consent again",
        ),
        Status::Authorized => {
            language.choose("已授权，等待商家确认", "the user has consented, the merchant has not confirmed")
        }
        Status::Delivered => language.choose("商家已确认", "the merchant has confirmed"),
        Status::Undeliverable => {
            language.choose("各次投递均失败，已放弃", "every attempt failed; it was given up")
        }
    }
}

pub(super) const fn tone_of_status(status: Status) -> Tone {
    match status {
        Status::Delivered => Tone::Good,
        Status::Undeliverable | Status::ExchangeUnknown => Tone::Bad,
        Status::Authorized | Status::Exchanging => Tone::Waiting,
        Status::LinkPending | Status::Issued => Tone::Plain,
    }
}

pub(super) const fn of_attention(reason: Attention, language: Language) -> &'static str {
    match reason {
        Attention::Undeliverable => language.choose("已放弃投递，可重新投递", "given up; it can be resent"),
        Attention::Overdue => {
            language.choose("早该投递而无人执行", "due for long, and nobody makes the attempt")
        }
        Attention::ExchangeUnknown => {
            language.choose("支付宝没有可信的应答", "Alipay gave no believable answer")
        }
        Attention::NoAddress => language.choose("没有回调地址", "there is no address to deliver to"),
    }
}

pub(super) const fn of_unlisted(why: Unlisted, language: Language) -> &'static str {
    match why {
        Unlisted::OwnerNeeded => language.choose(
            "数据表每次只能列出一个业务方或 scheme 的授权，请指定。",
            "A table lists the authorizations of one business or scheme: name it.",
        ),
        Unlisted::NoIndex => language.choose(
            "该数据表没有最近授权的索引：请以参数 RecentIndex=true 部署。",
            "The table has no index of recent authorizations: deploy with the parameter RecentIndex=true.",
        ),
    }
}

pub(super) const fn of_outcome(outcome: DeliveryOutcome, language: Language) -> &'static str {
    match outcome {
        DeliveryOutcome::Success => language.choose("商家确认收到", "the merchant confirmed"),
        DeliveryOutcome::Status(_) => {
            language.choose("商家应答了其他状态码", "the merchant answered another status")
        }
        DeliveryOutcome::Redirect(_) => {
            language.choose("商家应答跳转，不跟随", "a redirect, which is not followed")
        }
        DeliveryOutcome::WrongAnswer => {
            language.choose("状态码 200，但应答不是 SUCCESS", "status 200, but not SUCCESS")
        }
        DeliveryOutcome::TooLong => language.choose("应答过长", "the answer is too long"),
        DeliveryOutcome::Timeout => language.choose("超时未应答完", "no whole answer in time"),
        DeliveryOutcome::Dns => language.choose("域名无法解析", "the name could not be resolved"),
        DeliveryOutcome::Connect => language.choose("无法建立连接", "no connection"),
        DeliveryOutcome::Tls(_) => language.choose("TLS 失败", "TLS failed"),
        DeliveryOutcome::Broken => {
            language.choose("连接中断，或应答不是 HTTP", "the connection broke, or it was not HTTP")
        }
        DeliveryOutcome::AddressRefused(_) => {
            language.choose("地址不是公网地址，未发送", "the address is not public; nothing was sent")
        }
        DeliveryOutcome::UrlRefused => {
            language.choose("地址不符合规则，未发送", "the address is against the rules; nothing was sent")
        }
        DeliveryOutcome::NoCallbackAddress => {
            language.choose("没有回调地址，未发送", "no address; nothing was sent")
        }
        DeliveryOutcome::KeyUnavailable => {
            language.choose("签名密钥无法读取，未发送", "our key was unavailable; nothing was sent")
        }
    }
}

pub(super) fn tone_of_outcome(outcome: DeliveryOutcome) -> Tone {
    if outcome == DeliveryOutcome::Success { Tone::Good } else { Tone::Bad }
}

/// The outcome in one word, with its status or its cause.
pub(super) fn outcome_word(outcome: DeliveryOutcome) -> String {
    let more = match outcome {
        DeliveryOutcome::Status(status) | DeliveryOutcome::Redirect(status) => Some(status.to_string()),
        DeliveryOutcome::Tls(cause) => Some(cause.as_str().to_owned()),
        DeliveryOutcome::AddressRefused(range) => Some(range.as_str().to_owned()),
        _ => None,
    };
    more.map_or_else(|| outcome.as_str().to_owned(), |more| format!("{} {more}", outcome.as_str()))
}

/// A length of time by its two greatest units.
pub(super) fn span(length: Duration, language: Language) -> String {
    let (millis, secs) = (length.subsec_millis(), length.as_secs());
    let parts = [
        (secs / 86_400, language.choose("天", "d")),
        (secs / 3_600 % 24, language.choose("小时", "h")),
        (secs / 60 % 60, language.choose("分", "min")),
        (secs % 60, language.choose("秒", "s")),
        (millis.into(), language.choose("毫秒", "ms")),
    ];
    let first = parts.iter().position(|(number, _)| *number > 0).unwrap_or(3);
    let shown = parts[first..].iter().take(2).filter(|(number, _)| *number > 0 || secs == 0);
    let words: Vec<_> = shown.map(|(number, unit)| format!("{number} {unit}")).collect();
    let words = if secs == 0 { &words[..1] } else { &words[..] };
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_its_two_greatest_units() {
        for (millis, english, chinese) in [
            (0, "0 s", "0 秒"),
            (87, "87 ms", "87 毫秒"),
            (1_000, "1 s", "1 秒"),
            (1_250, "1 s 250 ms", "1 秒 250 毫秒"),
            (60_000, "1 min", "1 分"),
            (75_500, "1 min 15 s", "1 分 15 秒"),
            (3_600_000, "1 h", "1 小时"),
            (39_825_000, "11 h 3 min", "11 小时 3 分"),
            (90_000_000, "1 d 1 h", "1 天 1 小时"),
            (86_405_000, "1 d", "1 天"),
        ] {
            let span = |language| span(Duration::from_millis(millis), language);
            assert_eq!(span(Language::English), english, "{millis}");
            assert_eq!(span(Language::Chinese), chinese, "{millis}");
        }
    }

    #[test]
    fn an_outcome_comes_with_its_status_or_cause() {
        for (outcome, word) in [
            (DeliveryOutcome::Success, "success"),
            (DeliveryOutcome::Status(500), "status 500"),
            (DeliveryOutcome::Redirect(302), "redirect 302"),
            (DeliveryOutcome::Dns, "dns"),
        ] {
            assert_eq!(outcome_word(outcome), word);
        }
    }
}
