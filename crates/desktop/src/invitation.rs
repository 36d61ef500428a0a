//! What an administrator hands out so that nobody types a gateway's address: a `praya://` link or a profile file.
//!
//! `praya://add?gateway=vpn.example.org&name=Office&pin=pin-sha256:…`, or the same three keys as JSON or TOML. Both
//! come from outside (a web page, a mail), so they are read strictly: nothing unknown, nothing twice, nothing long,
//! and nothing is done with them before the person has seen them and agreed.

use percent_encoding::percent_decode_str;
use praya_model::profile::{InvitationError, ProfileError};
use praya_model::{GatewayAddress, Pin, Profile, ProfileName};
use serde::{Deserialize, Serialize};

/// The longest link or file, in bytes.
pub const MAX_LENGTH: usize = 4096;
/// What every link begins with; a browser may write the scheme in capitals.
pub const SCHEME: &str = "praya://";

/// A gateway that somebody invites to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// Where.
    pub gateway: GatewayAddress,
    /// Under what name; `None` leaves it to the person.
    #[serde(default)]
    pub name: Option<ProfileName>,
    /// The key that vouches for the gateway; `None` means that the public roots must.
    #[serde(default)]
    pub pin: Option<Pin>,
}

impl Invitation {
    /// Reads a link or the text of a profile file.
    ///
    /// # Errors
    /// It is no invitation; see [`InvitationError`].
    pub fn read(text: &str) -> Result<Self, InvitationError> {
        if text.len() > MAX_LENGTH {
            return Err(InvitationError::TooLong);
        }
        let text = text.trim_start_matches('\u{feff}').trim();
        if let Some(link) = strip_scheme(text) {
            return Self::from_link(link);
        }
        let fields: Fields = if text.starts_with('{') {
            serde_json::from_str(text).map_err(|_| InvitationError::NotAnInvitation)?
        } else {
            toml::from_str(text).map_err(|_| InvitationError::NotAnInvitation)?
        };
        fields.check()
    }

    fn from_link(link: &str) -> Result<Self, InvitationError> {
        let (action, query) = link.split_once('?').ok_or(InvitationError::NoGateway)?;
        if !matches!(action, "add" | "add/") {
            return Err(InvitationError::UnknownAction);
        }
        let mut fields = Fields::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or(InvitationError::UnknownKey)?;
            let field = match key {
                "gateway" => &mut fields.gateway,
                "name" => &mut fields.name,
                "pin" => &mut fields.pin,
                _ => return Err(InvitationError::UnknownKey),
            };
            if field.replace(unescaped(value)?).is_some() {
                return Err(InvitationError::Twice);
            }
        }
        fields.check()
    }

    /// The profile that it makes; without a name of its own it is named after the gateway's host.
    ///
    /// # Errors
    /// The host cannot be a name.
    pub fn into_profile(self) -> Result<Profile, ProfileError> {
        let name = match self.name {
            Some(name) => name,
            None => name_after(&self.gateway)?,
        };
        Ok(Profile { name, gateway: self.gateway, pin: self.pin })
    }

    /// The link that says the same.
    pub fn to_link(&self) -> String {
        let escape = |text: &str| {
            percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
        };
        let mut link = format!("{SCHEME}add?gateway={}", escape(&self.gateway.to_string()));
        if let Some(name) = &self.name {
            link.push_str(&format!("&name={}", escape(name.as_str())));
        }
        if let Some(pin) = &self.pin {
            link.push_str(&format!("&pin={}", escape(pin.as_str())));
        }
        link
    }
}

/// A profile name for a gateway that was given none.
pub(crate) fn name_after(gateway: &GatewayAddress) -> Result<ProfileName, ProfileError> {
    gateway.host().chars().take(64).collect::<String>().parse()
}

/// What follows [`SCHEME`], where `text` is a link.
fn strip_scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

/// A percent-decoded value; `+` stays, because base64 has it.
fn unescaped(value: &str) -> Result<String, InvitationError> {
    let whole = value.split('%').skip(1).all(|after| {
        let mut digits = after.bytes().take(2);
        digits.len() == 2 && digits.all(|digit| digit.is_ascii_hexdigit())
    });
    if !whole {
        return Err(InvitationError::Escape);
    }
    percent_decode_str(value).decode_utf8().map(Into::into).map_err(|_| InvitationError::Escape)
}

/// The values before they are checked.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    gateway: Option<String>,
    name: Option<String>,
    pin: Option<String>,
}

impl Fields {
    fn check(self) -> Result<Invitation, InvitationError> {
        Ok(Invitation {
            gateway: self.gateway.ok_or(InvitationError::NoGateway)?.parse()?,
            name: self.name.map(|name| name.parse()).transpose()?,
            pin: self.pin.map(|pin| pin.parse()).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PIN: &str = "pin-sha256:AAAA+AAA/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn office() -> Invitation {
        Invitation {
            gateway: "vpn.example.org".parse().unwrap(),
            name: Some("辦公室 1".parse().unwrap()),
            pin: Some(PIN.parse().unwrap()),
        }
    }

    #[test]
    fn a_link_a_json_file_and_a_toml_file_say_the_same() {
        for text in [
            format!("praya://add?gateway=vpn.example.org&name=%E8%BE%A6%E5%85%AC%E5%AE%A4%201&pin={PIN}"),
            format!("PRAYA://add/?pin={PIN}&gateway=https%3A%2F%2Fvpn.example.org%2F&name=辦公室%201&"),
            format!("{{\"gateway\": \"vpn.example.org\", \"name\": \"辦公室 1\", \"pin\": \"{PIN}\"}}"),
            format!("\u{feff}gateway = \"vpn.example.org\"\nname = \"辦公室 1\"\npin = \"{PIN}\"\n"),
        ] {
            assert_eq!(Invitation::read(&text), Ok(office()), "{text}");
        }
        assert_eq!(Invitation::read(&office().to_link()), Ok(office()));
    }

    #[test]
    fn what_is_no_invitation_is_refused_with_its_reason() {
        use InvitationError as E;
        for (text, error) in [
            ("", E::NoGateway),
            ("https://vpn.example.org", E::NotAnInvitation),
            ("praya://add", E::NoGateway),
            ("praya://add?", E::NoGateway),
            ("praya://remove?gateway=a", E::UnknownAction),
            ("praya://add?gateway=a&run=rm", E::UnknownKey),
            ("praya://add?gateway", E::UnknownKey),
            ("praya://add?gateway=a&gateway=b", E::Twice),
            ("praya://add?gateway=%", E::Escape),
            ("praya://add?gateway=%zz", E::Escape),
            ("praya://add?gateway=%+1", E::Escape),
            ("praya://add?gateway=a&name=%ff", E::Escape),
            ("praya://add?gateway=http://a", E::Scheme),
            ("praya://add?gateway=a&pin=x", E::Pin),
            ("praya://add?gateway=a&name=a%0Ab", E::Name),
            ("praya://add?gateway=a&name=Off%E2%80%AEice", E::Name),
            ("praya://add?gateway=a b", E::Address),
            ("{\"gateway\": \"a\", \"run\": 1}", E::NotAnInvitation),
            ("{\"gateway\": [", E::NotAnInvitation),
        ] {
            assert_eq!(Invitation::read(text), Err(error), "{text}");
        }
        let long = format!("praya://add?gateway=a&name={}", "x".repeat(MAX_LENGTH));
        assert_eq!(Invitation::read(&long), Err(E::TooLong));
    }

    #[test]
    fn without_a_name_the_profile_is_named_after_the_host() {
        let bare = Invitation { name: None, ..office() };
        assert_eq!(bare.into_profile().unwrap().name.as_str(), "vpn.example.org");
    }

    proptest! {
        #[test]
        fn every_text_is_read_or_refused(text in "(praya://add[?])?[a-z=&%+{}\"0-9 .:/\\PC]{0,120}") {
            if let Ok(invitation) = Invitation::read(&text) {
                prop_assert_eq!(Invitation::read(&invitation.to_link()), Ok(invitation));
            }
        }
    }
}
