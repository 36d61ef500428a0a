//! Who may ask what. The kernel says who calls; what cannot be known is denied.
//!
//! The rule in one sentence: root may do everything, a person may sign in where nobody is and control only a session
//! of their own, everybody else on the machine sees that the session is in use and no more.

use std::ops::RangeInclusive;

use praya_model::{FailureCode, Snapshot};
use serde::{Deserialize, Serialize};

use crate::message::Request;

/// Who calls, by the word of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A process of this user.
    User {
        /// The effective user id at the time of connecting.
        uid: u32,
    },
    /// The kernel did not say. May do nothing.
    Unknown,
}

impl Caller {
    /// The administrator of the machine.
    pub const ROOT: Self = Self::User { uid: 0 };

    /// The user id, where it is known.
    pub fn uid(self) -> Option<u32> {
        match self {
            Self::User { uid } => Some(uid),
            Self::Unknown => None,
        }
    }
}

/// What the machine's administrator has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The user ids of people, as against system services.
    pub people: RangeInclusive<u32>,
}

impl Default for Rules {
    /// 1000 to 60000, as Debian, Fedora and Arch hand them out.
    fn default() -> Self {
        Self { people: 1000..=60000 }
    }
}

/// What a caller may do, in one word for the view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Rights {
    /// Everything: root, or the person who holds the session.
    Full,
    /// Nobody holds a session: may sign in.
    SignIn,
    /// Another person holds the session: may see that it is in use.
    InUseByAnother,
    /// May see whether the session is in use, and nothing more.
    Look,
    /// Nothing.
    Denied,
}

/// Says whether `caller` may make `request` while `owner` holds the session (or the sign-in under way).
///
/// # Errors
/// [`FailureCode::NotPermitted`] for who may never, [`FailureCode::InUseByAnother`] for who may not now,
/// [`FailureCode::NotSignedIn`] where there is nothing to control.
pub fn authorise(
    caller: Caller,
    request: &Request,
    owner: Option<u32>,
    rules: &Rules,
) -> Result<(), FailureCode> {
    let rights = rights(caller, owner, rules);
    match request {
        Request::Snapshot | Request::Subscribe => match rights {
            Rights::Full | Rights::SignIn | Rights::InUseByAnother | Rights::Look => Ok(()),
            Rights::Denied => Err(FailureCode::NotPermitted),
        },
        Request::ListProfiles | Request::AddProfile { .. } | Request::RemoveProfile { .. } => match rights {
            Rights::Full | Rights::SignIn | Rights::InUseByAnother => Ok(()),
            Rights::Look | Rights::Denied => Err(FailureCode::NotPermitted),
        },
        Request::BeginSignIn { .. } | Request::Doctor | Request::ReadMachine { .. } => match rights {
            Rights::Full | Rights::SignIn => Ok(()),
            Rights::InUseByAnother => Err(FailureCode::InUseByAnother),
            Rights::Look | Rights::Denied => Err(FailureCode::NotPermitted),
        },
        Request::Answer { .. }
        | Request::CancelSignIn
        | Request::Resources
        | Request::ChangePassword { .. }
        | Request::Sessions
        | Request::EndSession { .. }
        | Request::StayActive
        | Request::CheckAgain
        | Request::Connect
        | Request::Disconnect
        | Request::Logout { .. } => match rights {
            Rights::Full => Ok(()),
            Rights::SignIn => Err(FailureCode::NotSignedIn),
            Rights::InUseByAnother => Err(FailureCode::InUseByAnother),
            Rights::Look | Rights::Denied => Err(FailureCode::NotPermitted),
        },
        Request::ResetNetwork => {
            if caller == Caller::ROOT {
                Ok(())
            } else {
                Err(FailureCode::NotPermitted)
            }
        }
    }
}

/// What `caller` may do while `owner` holds the session.
pub fn rights(caller: Caller, owner: Option<u32>, rules: &Rules) -> Rights {
    match caller {
        Caller::Unknown => Rights::Denied,
        Caller::User { uid: 0 } => Rights::Full,
        Caller::User { uid } if !rules.people.contains(&uid) => Rights::Look,
        Caller::User { uid } => match owner {
            None => Rights::SignIn,
            Some(owner) if owner == uid => Rights::Full,
            Some(_) => Rights::InUseByAnother,
        },
    }
}

/// The snapshot as `caller` may see it. `last_owner` holds the session, or held the one that the snapshot still
/// speaks of.
pub fn view_for(snapshot: &Snapshot, caller: Caller, last_owner: Option<u32>) -> Snapshot {
    match caller {
        Caller::User { uid } if uid == 0 || Some(uid) == last_owner => snapshot.clone(),
        Caller::User { .. } => snapshot.redacted(),
        Caller::Unknown => Snapshot::default(),
    }
}

/// A request and who makes it. The request comes out only against the rule, so that no handler forgets it.
#[derive(Debug)]
pub struct Call {
    caller: Caller,
    request: Request,
}

impl Call {
    /// A call as it came from the socket.
    pub fn new(caller: Caller, request: Request) -> Self {
        Self { caller, request }
    }

    /// Who calls.
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// Hands the request out if [`authorise`] allows it. Call it where `owner` cannot change before the request is
    /// carried out.
    ///
    /// # Errors
    /// As [`authorise`].
    pub fn authorised(self, owner: Option<u32>, rules: &Rules) -> Result<(Caller, Request), FailureCode> {
        authorise(self.caller, &self.request, owner, rules)?;
        Ok((self.caller, self.request))
    }
}

#[cfg(test)]
mod tests {
    use praya_model::{AccountName, EndReason, Secret, SignInAnswer, TunnelState};

    use super::*;
    use crate::message::Target;

    const WONG: u32 = 1000;
    const CHEN: u32 = 1001;
    const DAEMON: u32 = 33;

    fn requests() -> Vec<(Request, [Allowed; 6])> {
        use Allowed::{InUse, No, NotSignedIn, Yes};
        let profile = praya_model::Profile {
            name: "TCC-VPN".parse().unwrap(),
            gateway: "https://vpn.example.org".parse().unwrap(),
            pin: None,
        };
        let name = profile.name.clone();
        // Columns: unknown · root while Chen holds it · Wong while nobody does · Wong holding it ·
        // Wong while Chen does · a system user while nobody does.
        let look = [No, Yes, Yes, Yes, Yes, Yes];
        let people = [No, Yes, Yes, Yes, Yes, No];
        let free = [No, Yes, Yes, Yes, InUse, No];
        let own = [No, Yes, NotSignedIn, Yes, InUse, No];
        vec![
            (Request::Snapshot, look),
            (Request::Subscribe, look),
            (Request::ListProfiles, people),
            (Request::AddProfile { profile, replace: false }, people),
            (Request::RemoveProfile { name: name.clone() }, people),
            (Request::BeginSignIn { target: Target::Profile { name }, account: None }, free),
            (Request::Doctor, free),
            (Request::ReadMachine { checks: praya_model::posture::Check::ALL.into() }, free),
            (Request::Answer { round: 1, answer: SignInAnswer::Cancel }, own),
            (Request::CancelSignIn, own),
            (Request::Resources, own),
            (Request::ChangePassword { current: Secret::new("a"), new: Secret::new("b") }, own),
            (Request::Sessions, own),
            (Request::EndSession { session: praya_model::SessionId::new("a") }, own),
            (Request::StayActive, own),
            (Request::CheckAgain, own),
            (Request::Connect, own),
            (Request::Disconnect, own),
            (Request::Logout { reason: EndReason::UserLogout }, own),
            (Request::ResetNetwork, [No, Yes, No, No, No, No]),
        ]
    }

    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Allowed {
        Yes,
        No,
        InUse,
        NotSignedIn,
    }

    #[test]
    fn each_caller_may_ask_exactly_this() {
        let cases = [
            (Caller::Unknown, None),
            (Caller::ROOT, Some(CHEN)),
            (Caller::User { uid: WONG }, None),
            (Caller::User { uid: WONG }, Some(WONG)),
            (Caller::User { uid: WONG }, Some(CHEN)),
            (Caller::User { uid: DAEMON }, None),
        ];
        for (request, expected) in requests() {
            for ((caller, owner), expected) in cases.into_iter().zip(expected) {
                let got = match authorise(caller, &request, owner, &Rules::default()) {
                    Ok(()) => Allowed::Yes,
                    Err(FailureCode::InUseByAnother) => Allowed::InUse,
                    Err(FailureCode::NotSignedIn) => Allowed::NotSignedIn,
                    Err(_) => Allowed::No,
                };
                assert_eq!(got, expected, "{caller:?} {owner:?} {request:?}");
            }
        }
    }

    #[test]
    fn an_unknown_caller_gets_nothing_even_where_the_owner_is_unknown_too() {
        for (request, _) in requests() {
            let call = Call::new(Caller::Unknown, request);
            assert_eq!(call.authorised(None, &Rules::default()).unwrap_err(), FailureCode::NotPermitted);
        }
    }

    #[test]
    fn a_system_user_never_controls_a_session_even_if_it_is_said_to_hold_it() {
        let logout = Request::Logout { reason: EndReason::UserLogout };
        let caller = Caller::User { uid: DAEMON };
        assert_eq!(
            authorise(caller, &logout, Some(DAEMON), &Rules::default()),
            Err(FailureCode::NotPermitted)
        );
    }

    #[test]
    fn only_root_and_the_holder_see_who_is_signed_in_and_how_it_ended() {
        for state in [TunnelState::Connected, TunnelState::Ended] {
            let snapshot = Snapshot { state, account: Some(AccountName::new("wong")), ..Snapshot::default() };
            for (caller, sees) in [
                (Caller::ROOT, true),
                (Caller::User { uid: WONG }, true),
                (Caller::User { uid: CHEN }, false),
                (Caller::User { uid: DAEMON }, false),
                (Caller::Unknown, false),
            ] {
                let seen = view_for(&snapshot, caller, Some(WONG));
                assert_eq!(seen.account.is_some(), sees, "{caller:?} {state:?}");
            }
        }
    }
}
