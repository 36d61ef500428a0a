//! What the shell learns: the exit codes of `praya --help`.

use std::process::ExitCode;

use praya_model::{Failure, FailureCode};

/// The exit codes, each with one meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    /// Most of it comes from clap.
    Usage = 2,
    NotSignedIn = 3,
    ServiceUnavailable = 4,
    CredentialsRefused = 5,
    GatewayNotTrusted = 6,
    Unreachable = 7,
    /// Ctrl-C, as shells count it: 128 and the signal's number.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<&Failure> for Exit {
    fn from(failure: &Failure) -> Self {
        use FailureCode as F;
        // New codes may come; a new one is a plain failure until it is given a better place here.
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the enum is non-exhaustive; what is new gets the general case"
        )]
        match &failure.code {
            F::SessionEnded { .. } | F::NotSignedIn => Self::NotSignedIn,
            F::ServiceUnavailable | F::VersionMismatch { .. } => Self::ServiceUnavailable,
            F::WrongCredentials
            | F::Locked { .. }
            | F::TooManyAttempts { .. }
            | F::WrongOtp
            | F::ReplayedOtp { .. }
            | F::OtpClockOff { .. }
            | F::TokenInactive { .. }
            | F::TokenDisabled { .. }
            | F::NoToken
            | F::AccountDisabled
            | F::InitialPasswordExpired
            | F::GatewaySays { .. }
            | F::PasswordRules { .. }
            | F::SignInExpired
            | F::WrongCurrentPassword => Self::CredentialsRefused,
            F::UnknownGateway { .. } | F::PinMismatch { .. } => Self::GatewayNotTrusted,
            F::NameNotFound { .. } | F::Unreachable { .. } | F::Busy { .. } => Self::Unreachable,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        for (code, exit) in [
            (FailureCode::NotSignedIn, 3),
            (FailureCode::ServiceUnavailable, 4),
            (FailureCode::WrongCredentials, 5),
            (FailureCode::Locked { seconds_left: 1 }, 5),
            (FailureCode::UnknownGateway { gateway: String::new(), pin: String::new() }, 6),
            (FailureCode::Unreachable { gateway: String::new(), cause: String::new() }, 7),
            (FailureCode::NoSuchResource { name: String::new() }, 1),
            (FailureCode::Cancelled, 1),
        ] {
            assert_eq!(Exit::from(&Failure::from(code.clone())) as u8, exit, "{code:?}");
        }
    }
}
