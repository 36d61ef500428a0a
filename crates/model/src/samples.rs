//! One of each of what may grow, so that tests elsewhere can hold that each is handled.

use crate::failure::FailureCode;
use crate::password::PasswordRule;
use crate::profile::{InvitationError, ProfileError};
use crate::sign_in::ElsewhereSession;
use crate::snapshot::Warning;
use crate::{EndReason, SessionId, Timestamp, TokenSerial};

/// A list with one value for each pattern. The patterns are a match, so a new variant does not compile before it has
/// its line here.
macro_rules! one_of_each {
    ($kind:ty { $($pattern:pat => $sample:expr),* $(,)? }) => {{
        let _exhaustive = |one: &$kind| match one { $($pattern => ()),* };
        vec![$($sample),*]
    }};
}

/// One failure of each code, with the longest kind of argument that is usual.
pub fn failures() -> Vec<FailureCode> {
    use FailureCode as F;
    let serial = || TokenSerial::new("F88AC2B6");
    let gateway = || "vpn.example.org:443".to_owned();
    let pin = || "pin-sha256:ClUWiGWHFtGCND2PHyj1TZDPy8Ro0B+xg3mk2nCB71c=".to_owned();
    let detail = || "the operation was refused (os error 1)".to_owned();
    one_of_each!(FailureCode {
        F::WrongCredentials => F::WrongCredentials,
        F::Locked { .. } => F::Locked { seconds_left: 270 },
        F::TooManyAttempts { .. } => F::TooManyAttempts { retry_after_seconds: 30 },
        F::WrongOtp => F::WrongOtp,
        F::ReplayedOtp { .. } => F::ReplayedOtp { next_in_seconds: 42 },
        F::OtpClockOff { .. } => F::OtpClockOff { serial: serial() },
        F::TokenInactive { .. } => F::TokenInactive { serial: serial(), days: 60 },
        F::TokenDisabled { .. } => F::TokenDisabled { serial: serial() },
        F::NoToken => F::NoToken,
        F::AccountDisabled => F::AccountDisabled,
        F::InitialPasswordExpired => F::InitialPasswordExpired,
        F::PasswordRules { .. } => F::PasswordRules {
            broken: vec![PasswordRule::MinLength, PasswordRule::NotCommon, PasswordRule::Matches],
        },
        F::SignInExpired => F::SignInExpired,
        F::UnexpectedAnswer => F::UnexpectedAnswer,
        F::SignedInElsewhere { .. } => F::SignedInElsewhere {
            sessions: vec![ElsewhereSession {
                session: SessionId::new("S-1"),
                host_name: "office-pc".to_owned(),
                source: "198.51.100.7".to_owned(),
                since: Timestamp::from_secs(1_700_000_000),
            }],
        },
        F::Cancelled => F::Cancelled,
        F::PostureUnsupported => F::PostureUnsupported,
        F::PostureFailed => F::PostureFailed,
        F::BadPostureReport => F::BadPostureReport,
        F::GatewaySays { .. } => F::GatewaySays { text: "Closed for maintenance until noon".to_owned() },
        F::Busy { .. } => F::Busy { retry_after_seconds: 5 },
        F::SessionEnded { .. } => F::SessionEnded { reason: EndReason::Idle },
        F::NotSignedIn => F::NotSignedIn,
        F::WrongCurrentPassword => F::WrongCurrentPassword,
        F::NameNotFound { .. } => F::NameNotFound { host: "vpn.example.org".to_owned() },
        F::Unreachable { .. } => F::Unreachable { gateway: gateway(), cause: "timeout".to_owned() },
        F::UnknownGateway { .. } => F::UnknownGateway { gateway: gateway(), pin: pin() },
        F::PinMismatch { .. } => F::PinMismatch { gateway: gateway(), pin: pin() },
        F::Tls { .. } => F::Tls { detail: detail() },
        F::Protocol { .. } => F::Protocol { detail: detail() },
        F::ServiceUnavailable => F::ServiceUnavailable,
        F::NotPermitted => F::NotPermitted,
        F::InUseByAnother => F::InUseByAnother,
        F::AlreadySignedIn => F::AlreadySignedIn,
        F::VersionMismatch { .. } => {
            F::VersionMismatch { service: "0.1.0".to_owned(), view: "0.2.0".to_owned() }
        },
        F::TunnelUp => F::TunnelUp,
        F::NoTunDevice { .. } => F::NoTunDevice { detail: detail() },
        F::NetworkSetup { .. } => F::NetworkSetup { detail: detail() },
        F::NoSuchResource { .. } => F::NoSuchResource { name: "Intranet".to_owned() },
        F::BadResource { .. } => F::BadResource { name: "Intranet".to_owned() },
        F::BadProfile { .. } => F::BadProfile { problem: ProfileError::Address },
        F::BadInvitation { .. } => F::BadInvitation { problem: InvitationError::UnknownKey },
        F::ProfileTaken { .. } => {
            F::ProfileTaken { name: "Office".to_owned(), gateway: "https://vpn.example.org/".to_owned() }
        },
        F::NoSuchProfile { .. } => F::NoSuchProfile { name: "Office".to_owned() },
        F::TooManyProfiles { .. } => F::TooManyProfiles { most: 64 },
        F::SettingsNotOpened => F::SettingsNotOpened,
        F::Internal { .. } => F::Internal { detail: detail() },
    })
}

/// One warning of each kind.
pub fn warnings() -> Vec<Warning> {
    let net = |last| ipnet::IpNet::from(ipnet::Ipv4Net::new_assert([10, 0, last, 0].into(), 24));
    one_of_each!(Warning {
        Warning::RouteConflict { .. } => {
            Warning::RouteConflict { tunnel: net(0), local: net(1), device: "wlan0".to_owned() }
        },
        Warning::Dns { .. } => Warning::Dns { detail: "the file is overwritten".to_owned() },
        Warning::NotResumable { .. } => Warning::NotResumable { detail: "the disk is full".to_owned() },
    })
}
