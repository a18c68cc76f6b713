//! The addresses that a callback may be sent to: public ones only.
//!
//! A merchant chooses the callback address, and we connect to it from inside our own network. Every special range of
//! the IANA registries is refused, so that a callback reaches neither our network, nor the metadata service, nor an
//! IPv4 address wrapped into an IPv6 one. IPv6 is checked the other way round as well: what lies outside 2000::/3 has
//! not been given out as public, so it is refused without being listed.
//!
//! A network without IPv4 reaches IPv4 addresses through a translator (NAT64), under addresses that begin with
//! 64:ff9b::/96: there the IPv4 address inside is judged. Any other wrapping is refused, be the address inside public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::model::delivery_outcome::AddressRefusal;
use AddressRefusal as Kind;

/// Accepts public addresses only.
///
/// # Errors
/// The special range that `ip` lies in; of a translated one, [`Nat64`](AddressRefusal::Nat64).
pub fn check(ip: IpAddr) -> Result<(), AddressRefusal> {
    let refusal = match ip {
        IpAddr::V4(ip) => special_v4(ip),
        IpAddr::V6(ip) => match translated(ip) {
            Some(inside) => special_v4(inside).map(|_| Kind::Nat64),
            None => special_v6(ip).or_else(|| outside_global_unicast(ip)),
        },
    };
    refusal.map_or(Ok(()), Err)
}

/// True if a translator would connect to an IPv4 address under this one.
#[must_use]
pub fn is_translated(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if translated(ip).is_some())
}

/// The IPv4 address inside one of the well-known prefix (RFC 6052); a local one (RFC 8215) is a network's own affair.
fn translated(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [.., a, b, c, d] = ip.octets();
    TRANSLATED.contains(&ip).then(|| Ipv4Addr::new(a, b, c, d))
}

fn special_v4(ip: Ipv4Addr) -> Option<AddressRefusal> {
    SPECIAL_V4.iter().find(|(net, _)| net.contains(&ip)).map(|&(_, kind)| kind)
}

fn special_v6(ip: Ipv6Addr) -> Option<AddressRefusal> {
    SPECIAL_V6.iter().find(|(net, _)| net.contains(&ip)).map(|&(_, kind)| kind)
}

fn outside_global_unicast(ip: Ipv6Addr) -> Option<AddressRefusal> {
    (!GLOBAL_UNICAST.contains(&ip)).then_some(Kind::NotGlobal)
}

const TRANSLATED: Ipv6Net = v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96);
const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// <https://www.iana.org/assignments/iana-ipv4-special-registry>, and multicast; narrower nets stand first.
static SPECIAL_V4: [(Ipv4Net, AddressRefusal); 19] = [
    (v4([0, 0, 0, 0], 8), Kind::ThisNetwork),
    (v4([10, 0, 0, 0], 8), Kind::Private),
    (v4([100, 64, 0, 0], 10), Kind::Shared),
    (v4([127, 0, 0, 0], 8), Kind::Loopback),
    (v4([169, 254, 0, 0], 16), Kind::LinkLocal),
    (v4([172, 16, 0, 0], 12), Kind::Private),
    (v4([192, 0, 0, 0], 24), Kind::Protocol),
    (v4([192, 0, 2, 0], 24), Kind::Documentation),
    (v4([192, 31, 196, 0], 24), Kind::As112),
    (v4([192, 52, 193, 0], 24), Kind::Amt),
    (v4([192, 88, 99, 0], 24), Kind::SixToFour),
    (v4([192, 168, 0, 0], 16), Kind::Private),
    (v4([192, 175, 48, 0], 24), Kind::As112),
    (v4([198, 18, 0, 0], 15), Kind::Benchmarking),
    (v4([198, 51, 100, 0], 24), Kind::Documentation),
    (v4([203, 0, 113, 0], 24), Kind::Documentation),
    (v4([224, 0, 0, 0], 4), Kind::Multicast),
    (v4([255, 255, 255, 255], 32), Kind::Broadcast),
    (v4([240, 0, 0, 0], 4), Kind::Reserved),
];

/// <https://www.iana.org/assignments/iana-ipv6-special-registry>, and the older forms; narrower nets stand first.
static SPECIAL_V6: [(Ipv6Net, AddressRefusal); 18] = [
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), Kind::Unspecified),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), Kind::Loopback),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), Kind::Compatible),
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), Kind::Mapped),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), Kind::Nat64),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), Kind::Discard),
    (v6([0x100, 0, 0, 1, 0, 0, 0, 0], 64), Kind::Discard),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), Kind::Teredo),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), Kind::Protocol),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), Kind::Documentation),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), Kind::SixToFour),
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), Kind::As112),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), Kind::Documentation),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), Kind::SegmentRouting),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), Kind::UniqueLocal),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), Kind::LinkLocal),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), Kind::SiteLocal),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), Kind::Multicast),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_pass_and_a_refusal_names_the_range() {
        let rows: &[(&str, Option<Kind>)] = &[
            ("0.0.0.0", Some(Kind::ThisNetwork)),
            ("0.255.255.255", Some(Kind::ThisNetwork)),
            ("1.0.0.0", None),
            ("9.255.255.255", None),
            ("10.0.0.0", Some(Kind::Private)),
            ("10.255.255.255", Some(Kind::Private)),
            ("11.0.0.0", None),
            ("100.63.255.255", None),
            ("100.64.0.0", Some(Kind::Shared)),
            ("100.100.100.200", Some(Kind::Shared)),
            ("100.127.255.255", Some(Kind::Shared)),
            ("100.128.0.0", None),
            ("126.255.255.255", None),
            ("127.0.0.0", Some(Kind::Loopback)),
            ("127.255.255.255", Some(Kind::Loopback)),
            ("128.0.0.0", None),
            ("169.253.255.255", None),
            ("169.254.0.0", Some(Kind::LinkLocal)),
            ("169.254.169.254", Some(Kind::LinkLocal)),
            ("169.254.255.255", Some(Kind::LinkLocal)),
            ("169.255.0.0", None),
            ("172.15.255.255", None),
            ("172.16.0.0", Some(Kind::Private)),
            ("172.31.255.255", Some(Kind::Private)),
            ("172.32.0.0", None),
            ("191.255.255.255", None),
            ("192.0.0.0", Some(Kind::Protocol)),
            ("192.0.0.255", Some(Kind::Protocol)),
            ("192.0.1.255", None),
            ("192.0.2.0", Some(Kind::Documentation)),
            ("192.0.2.255", Some(Kind::Documentation)),
            ("192.0.3.0", None),
            ("192.31.196.1", Some(Kind::As112)),
            ("192.52.193.1", Some(Kind::Amt)),
            ("192.88.98.255", None),
            ("192.88.99.0", Some(Kind::SixToFour)),
            ("192.88.99.255", Some(Kind::SixToFour)),
            ("192.88.100.0", None),
            ("192.167.255.255", None),
            ("192.168.0.0", Some(Kind::Private)),
            ("192.168.255.255", Some(Kind::Private)),
            ("192.169.0.0", None),
            ("192.175.48.42", Some(Kind::As112)),
            ("198.17.255.255", None),
            ("198.18.0.0", Some(Kind::Benchmarking)),
            ("198.19.255.255", Some(Kind::Benchmarking)),
            ("198.20.0.0", None),
            ("198.51.100.0", Some(Kind::Documentation)),
            ("198.51.101.0", None),
            ("203.0.113.255", Some(Kind::Documentation)),
            ("203.0.114.0", None),
            ("223.255.255.255", None),
            ("224.0.0.0", Some(Kind::Multicast)),
            ("239.255.255.255", Some(Kind::Multicast)),
            ("240.0.0.0", Some(Kind::Reserved)),
            ("255.255.255.254", Some(Kind::Reserved)),
            ("255.255.255.255", Some(Kind::Broadcast)),
            ("::", Some(Kind::Unspecified)),
            ("::1", Some(Kind::Loopback)),
            ("::2", Some(Kind::Compatible)),
            ("::7f00:1", Some(Kind::Compatible)),
            ("::ffff:ffff", Some(Kind::Compatible)),
            ("::1:0:0", Some(Kind::NotGlobal)),
            ("::ffff:127.0.0.1", Some(Kind::Mapped)),
            ("::ffff:8.8.8.8", Some(Kind::Mapped)),
            ("::ffff:0:7f00:1", Some(Kind::NotGlobal)),
            ("64:ff9b::", Some(Kind::Nat64)),
            ("64:ff9b::a9fe:a9fe", Some(Kind::Nat64)),
            ("64:ff9b::10.0.0.1", Some(Kind::Nat64)),
            ("64:ff9b::127.0.0.1", Some(Kind::Nat64)),
            ("64:ff9b::100.100.100.200", Some(Kind::Nat64)),
            ("64:ff9b::192.168.1.1", Some(Kind::Nat64)),
            ("64:ff9b::255.255.255.255", Some(Kind::Nat64)),
            ("64:ff9b::8.8.8.8", None),
            ("64:ff9b::808:808", None),
            ("64:ff9b:0:0:0:1:808:808", Some(Kind::NotGlobal)),
            ("64:ff9b:1::8.8.8.8", Some(Kind::Nat64)),
            ("64:ff9b:0:0:0:1::", Some(Kind::NotGlobal)),
            ("64:ff9b:1::a00:1", Some(Kind::Nat64)),
            ("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", Some(Kind::Nat64)),
            ("64:ff9b:2::", Some(Kind::NotGlobal)),
            ("100::1", Some(Kind::Discard)),
            ("100:0:0:1::1", Some(Kind::Discard)),
            ("100:0:0:2::", Some(Kind::NotGlobal)),
            ("1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::NotGlobal)),
            ("2000::", None),
            ("2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("2001::", Some(Kind::Teredo)),
            ("2001:0:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::Teredo)),
            ("2001:1::", Some(Kind::Protocol)),
            ("2001:2::1", Some(Kind::Protocol)),
            ("2001:20::1", Some(Kind::Protocol)),
            ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::Protocol)),
            ("2001:200::", None),
            ("2001:4860:4860::8888", None),
            ("2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("2001:db8::", Some(Kind::Documentation)),
            ("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::Documentation)),
            ("2001:db9::", None),
            ("2002::", Some(Kind::SixToFour)),
            ("2002:7f00:1::", Some(Kind::SixToFour)),
            ("2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::SixToFour)),
            ("2003::", None),
            ("2620:4f:8000::1", Some(Kind::As112)),
            ("2620:4f:8001::", None),
            ("3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("3fff::", Some(Kind::Documentation)),
            ("3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::Documentation)),
            ("3fff:1000::", None),
            ("3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
            ("4000::", Some(Kind::NotGlobal)),
            ("5f00::1", Some(Kind::SegmentRouting)),
            ("fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::NotGlobal)),
            ("fc00::", Some(Kind::UniqueLocal)),
            ("fd00:ec2::254", Some(Kind::UniqueLocal)),
            ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::UniqueLocal)),
            ("fe00::", Some(Kind::NotGlobal)),
            ("fe80::", Some(Kind::LinkLocal)),
            ("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::LinkLocal)),
            ("fec0::", Some(Kind::SiteLocal)),
            ("feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::SiteLocal)),
            ("ff00::", Some(Kind::Multicast)),
            ("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Some(Kind::Multicast)),
        ];
        for &(address, refusal) in rows {
            assert_eq!(check(address.parse().unwrap()).err(), refusal, "{address}");
        }
    }

    #[test]
    fn every_net_is_written_by_its_first_address() {
        for (net, _) in &SPECIAL_V4 {
            assert_eq!(net.addr(), net.network());
        }
        for (net, _) in &SPECIAL_V6 {
            assert_eq!(net.addr(), net.network());
        }
    }

    #[test]
    fn the_word_of_a_refusal_is_also_its_recorded_form() {
        let kinds = SPECIAL_V4.iter().map(|&(_, kind)| kind).chain(SPECIAL_V6.iter().map(|&(_, kind)| kind));
        for kind in kinds.chain([Kind::NotGlobal]) {
            let recorded = serde_json::to_string(&kind).unwrap();
            assert_eq!(recorded, format!("\"{}\"", kind.as_str()));
            assert_eq!(serde_json::from_str::<Kind>(&recorded).unwrap(), kind);
        }
    }
}
