//! Values inside the headers: networks, lists, seconds, one-line texts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::MAX_TEXT;

/// `address/prefix`, `address/netmask`, or a bare address, which is a host. Host bits stay.
pub(super) fn interface(text: &str) -> Option<IpNet> {
    let Some((address, mask)) = text.split_once('/') else {
        return text.trim().parse::<IpAddr>().ok().map(IpNet::from);
    };
    let (address, mask) = (address.trim().parse::<IpAddr>().ok()?, mask.trim());
    if mask.bytes().all(|b| b.is_ascii_digit()) {
        return IpNet::new(address, mask.parse().ok()?).ok();
    }
    IpNet::with_netmask(address, mask.parse().ok()?).ok()
}

/// A route: as [`interface`], without host bits, and `default` for everything of the header's own family.
pub(super) fn network(text: &str, ipv6: bool) -> Option<IpNet> {
    if text.eq_ignore_ascii_case("default") {
        return Some(if ipv6 { everything_v6() } else { everything_v4() });
    }
    interface(text).map(|net| net.trunc())
}

/// `0.0.0.0/0`.
pub(super) fn everything_v4() -> IpNet {
    Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0).into()
}

/// `::/0`.
pub(super) fn everything_v6() -> IpNet {
    Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0).into()
}

/// Whole seconds; `none` is zero. `None` when it is not a number of at most 32 bits.
pub(super) fn seconds(text: &str) -> Option<Duration> {
    if text.eq_ignore_ascii_case("none") {
        return Some(Duration::ZERO);
    }
    text.parse::<u32>().ok().map(|seconds| Duration::from_secs(seconds.into()))
}

/// Whole seconds, rounded up so that a short time does not become "never".
pub(super) fn write_seconds(time: Duration) -> String {
    let whole = time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0));
    whole.min(u32::MAX.into()).to_string()
}

/// A size in bytes that is not zero.
pub(super) fn size(text: &str) -> Option<u16> {
    text.parse().ok().filter(|size| *size > 0)
}

/// One line of at most [`MAX_TEXT`] bytes without control characters; `None` when nothing is left.
pub(super) fn one_line(text: &str) -> Option<String> {
    let mut line = String::new();
    for c in text.trim().chars() {
        let c = if c.is_control() { ' ' } else { c };
        if line.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        line.push(c);
    }
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// A value without blanks and separators: RFC 6265's cookie-octets, at most [`MAX_TEXT`] of them.
pub(super) fn token(text: &str) -> Option<&str> {
    let usable = |b: u8| b.is_ascii_graphic() && !b"\",;\\".contains(&b);
    (!text.is_empty() && text.len() <= MAX_TEXT && text.bytes().all(usable)).then_some(text)
}

/// The domains in a list that is separated by blanks or commas.
pub(super) fn domains(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|domain| is_domain(domain))
}

/// Whether `text` can stand in such a list.
pub(super) fn is_domain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 255
        && !text.chars().any(|c| c == ',' || c.is_whitespace() || c.is_control())
}

/// Exactly `N` bytes in hexadecimal digits of either case.
pub(super) fn decode_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Lower-case hexadecimal digits: openconnect and ocserv write these.
pub(super) fn encode_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        text.extend(char::from_digit(nibble.into(), 16));
    }
    text
}
