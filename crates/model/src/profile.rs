//! Named VPN profiles (B-22): a gateway's address and what vouches for it.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A named gateway, as a person picks it from a list (`TCC-VPN` in B-16).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Profile {
    /// The name in lists, on the command line and in the status view.
    pub name: ProfileName,
    /// Where the gateway is.
    pub gateway: GatewayAddress,
    /// The key that vouches for the gateway; without one the public roots must.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
}

/// Why a text is not a profile name, a gateway's address or a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ProfileError {
    /// A name is 1 to 64 characters that can be seen, none of them a slash, with no white space at its ends.
    Name,
    /// The address is not `https://host[:port][/path]` or `host[:port]`.
    Address,
    /// The scheme is not `https`.
    Scheme,
    /// The pin is not `pin-sha256:` and the base64 of 32 bytes.
    Pin,
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "not a profile name: 1 to 64 characters that can be seen, without slashes",
            Self::Address => "not a gateway's address: https://host[:port][/path]",
            Self::Scheme => "a gateway is reached by https only",
            Self::Pin => "not a pin: pin-sha256: and the base64 of 32 bytes",
        })
    }
}

impl std::error::Error for ProfileError {}

/// Why a link or a profile file is no invitation to a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum InvitationError {
    /// Longer than any invitation is.
    TooLong,
    /// Neither a link nor a profile file.
    NotAnInvitation,
    /// A link to do something else than to add a gateway.
    UnknownAction,
    /// A key that has no meaning here, or one without a value.
    UnknownKey,
    /// A key stands there twice.
    Twice,
    /// No gateway is named.
    NoGateway,
    /// A broken percent escape, or bytes that are no text.
    Escape,
    /// As [`ProfileError::Name`].
    Name,
    /// As [`ProfileError::Address`].
    Address,
    /// As [`ProfileError::Scheme`].
    Scheme,
    /// As [`ProfileError::Pin`].
    Pin,
    /// It came while another one waited for the person's word.
    AnotherWaits,
    /// It is not the one that waits, or none waits any more.
    NotShown,
}

impl From<ProfileError> for InvitationError {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::Name => Self::Name,
            ProfileError::Address => Self::Address,
            ProfileError::Scheme => Self::Scheme,
            ProfileError::Pin => Self::Pin,
        }
    }
}

/// The name of a [`Profile`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "ts", ts(type = "string"))]
pub struct ProfileName(String);

impl ProfileName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProfileName {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let fits = !text.is_empty()
            && text.chars().count() <= 64
            && text.trim() == text
            && !text.chars().any(|c| c.is_control() || is_unseen(c) || c == '/' || c == '\\');
        if fits { Ok(Self(text.to_owned())) } else { Err(ProfileError::Name) }
    }
}

/// Characters that leave no mark, or turn those around them: with one of them a name looks like another name. Unicode
/// 17: the format characters, the default ignorable ones, the separators of lines and the blank braille pattern.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Where a gateway is: always HTTPS.
///
/// The host is a DNS name in lower case, an IPv4 address, or an IPv6 address (written in brackets). The path matters
/// to foreign gateways that choose a group by it; ours is at `/`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "ts", ts(type = "string"))]
pub struct GatewayAddress {
    host: String,
    port: u16,
    path: String,
}

impl GatewayAddress {
    /// The host without brackets: what is resolved, and what the certificate must name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port; 443 unless given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path, beginning with `/`; no query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of the `Host` header: brackets around IPv6, no port when it is 443.
    pub fn authority(&self) -> String {
        let host = self.bracketed();
        if self.port == 443 { host } else { format!("{host}:{}", self.port) }
    }

    /// `host:port`, as failures name a gateway.
    pub fn host_port(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port)
    }

    /// Whether `other` is the same host and port.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.host == other.host && self.port == other.port
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

impl fmt::Display for GatewayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.authority(), self.path)
    }
}

impl FromStr for GatewayAddress {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        if text.len() > 1024 {
            return Err(ProfileError::Address);
        }
        let rest = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => rest,
            Some(_) => return Err(ProfileError::Scheme),
            None => text,
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or(ProfileError::Address)?;
                let address: Ipv6Addr = host.parse().map_err(|_| ProfileError::Address)?;
                let port = if after.is_empty() {
                    None
                } else {
                    Some(after.strip_prefix(':').ok_or(ProfileError::Address)?)
                };
                (address.to_string(), port)
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host.to_ascii_lowercase(), Some(port)),
                None => (authority.to_ascii_lowercase(), None),
            },
        };
        let port = match port {
            Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|port| *port != 0).ok_or(ProfileError::Address)?
            }
            Some(_) => return Err(ProfileError::Address),
            None => 443,
        };
        let is_name = |host: &str| {
            !host.is_empty()
                && host.len() <= 253
                && host.split('.').all(|label| {
                    !label.is_empty()
                        && label.len() <= 63
                        && !label.starts_with('-')
                        && !label.ends_with('-')
                        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
                })
        };
        let host_fits = host.contains(':') || is_name(&host);
        let path_fits = path.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#' && b != b'\\');
        if host_fits && path_fits {
            Ok(Self { host, port, path: path.to_owned() })
        } else {
            Err(ProfileError::Address)
        }
    }
}

/// The SHA-256 of a gateway's public key, written `pin-sha256:BASE64` as openconnect writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "ts", ts(type = "string"))]
pub struct Pin(String);

impl Pin {
    /// What every pin begins with.
    pub const PREFIX: &str = "pin-sha256:";

    /// The whole text, prefix included.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The base64 text of the 32 bytes.
    pub fn base64(&self) -> &str {
        self.0.strip_prefix(Self::PREFIX).unwrap_or_default()
    }
}

impl FromStr for Pin {
    type Err = ProfileError;

    fn from_str(text: &str) -> Result<Self, ProfileError> {
        let digest = text.strip_prefix(Self::PREFIX).ok_or(ProfileError::Pin)?;
        let body = digest.strip_suffix('=').ok_or(ProfileError::Pin)?;
        // 32 bytes are 43 characters, the last of which has its two low bits zero.
        let canonical_end = |last: char| "AEIMQUYcgkosw048".contains(last);
        let fits = body.len() == 43
            && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
            && body.ends_with(canonical_end);
        if fits { Ok(Self(text.to_owned())) } else { Err(ProfileError::Pin) }
    }
}

macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = ProfileError;

            fn try_from(text: String) -> Result<Self, ProfileError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text!(ProfileName, GatewayAddress, Pin);

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateways_address_is_read_and_written() {
        for (text, url, authority) in [
            ("vpn.example.org", "https://vpn.example.org/", "vpn.example.org"),
            ("https://VPN.example.org/staff", "https://vpn.example.org/staff", "vpn.example.org"),
            ("HTTPS://10.0.0.1:8443", "https://10.0.0.1:8443/", "10.0.0.1:8443"),
            ("https://[2001:DB8::1]:444/", "https://[2001:db8::1]:444/", "[2001:db8::1]:444"),
            ("https://vpn.example.org:443", "https://vpn.example.org/", "vpn.example.org"),
        ] {
            let address: GatewayAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), url);
            assert_eq!(address.authority(), authority);
            assert_eq!(url.parse::<GatewayAddress>().unwrap(), address);
        }
    }

    #[test]
    fn what_is_no_gateways_address_is_refused() {
        for (text, error) in [
            ("http://vpn.example.org", ProfileError::Scheme),
            ("ftp://vpn.example.org", ProfileError::Scheme),
            ("", ProfileError::Address),
            ("https://", ProfileError::Address),
            ("https://user@vpn.example.org", ProfileError::Address),
            ("https://vpn.example.org:0", ProfileError::Address),
            ("https://vpn.example.org:70000", ProfileError::Address),
            ("https://vpn.example.org:+1", ProfileError::Address),
            ("https://vpn..org", ProfileError::Address),
            ("https://[::1", ProfileError::Address),
            ("https://2001:db8::1", ProfileError::Address),
            ("https://vpn.example.org/?q=1", ProfileError::Address),
            ("https://vpn.example.org/a b", ProfileError::Address),
            ("https://vpn.example.org\r\nX: y", ProfileError::Address),
        ] {
            assert_eq!(text.parse::<GatewayAddress>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_pin_is_the_base64_of_exactly_32_bytes() {
        let good = "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert_eq!(good.parse::<Pin>().unwrap().as_str(), good);
        for bad in [
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
            "pin-sha256:AAAA",
            "pin-sha1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ] {
            assert_eq!(bad.parse::<Pin>(), Err(ProfileError::Pin), "{bad}");
        }
    }

    #[test]
    fn b22_profile_names_are_short_plain_texts() {
        assert_eq!("TCC-VPN".parse::<ProfileName>().unwrap().as_str(), "TCC-VPN");
        assert!("公司".parse::<ProfileName>().is_ok());
        for bad in ["", " a", "a\n", "a/b", &"x".repeat(65)] {
            assert_eq!(bad.parse::<ProfileName>(), Err(ProfileError::Name), "{bad:?}");
        }
    }

    #[test]
    fn a_name_holds_nothing_that_cannot_be_seen() {
        for unseen in
            "\u{ad}\u{200b}\u{200d}\u{202e}\u{2028}\u{2066}\u{2800}\u{3164}\u{fe0f}\u{feff}\u{e0041}".chars()
        {
            let name = format!("Off{unseen}ice");
            assert_eq!(name.parse::<ProfileName>(), Err(ProfileError::Name), "{unseen:?}");
        }
    }
}
