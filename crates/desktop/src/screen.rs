//! Which screen the window shows: a pure function of what is known.

use praya_ipc::Rights;
use praya_model::{SignInStep, Snapshot, TunnelState};

use crate::state::{Screen, ServiceState};

/// Chooses the screen. `has_profiles` says whether any gateway is known. An invitation is a dialog over whichever it is.
///
/// While the service is being looked for the screen is [`Screen::Restoring`]: nothing is known, and what is not known
/// is not drawn as signed out.
pub fn screen(service: &ServiceState, snapshot: &Snapshot, has_profiles: bool) -> Screen {
    match service {
        ServiceState::Connecting => return Screen::Restoring,
        ServiceState::Gone { .. } => return Screen::ServiceGone,
        ServiceState::Attached { rights: Rights::Look | Rights::Denied } => return Screen::ServiceGone,
        ServiceState::Attached { rights: Rights::Full | Rights::SignIn | Rights::InUseByAnother } => {}
    }
    if snapshot.in_use_by_another {
        return Screen::InUse;
    }
    match snapshot.state {
        TunnelState::Restoring => Screen::Restoring,
        TunnelState::SigningIn => question(snapshot),
        TunnelState::Connected | TunnelState::Reconnecting | TunnelState::IdleWarning => Screen::Resources,
        TunnelState::NoSession | TunnelState::Ended if !has_profiles => Screen::Gateway,
        TunnelState::NoSession => Screen::SignIn,
        TunnelState::Ended => Screen::Ended,
    }
}

/// The screen of the question under way; it stays while the answer is judged.
fn question(snapshot: &Snapshot) -> Screen {
    let Some(step) = snapshot.sign_in.as_ref().and_then(|progress| progress.step.as_ref()) else {
        return Screen::Connecting;
    };
    match step {
        SignInStep::Password { .. } => Screen::Password,
        SignInStep::Otp { .. } => Screen::Code,
        SignInStep::NewPassword { .. } => Screen::NewPassword,
        SignInStep::Form { .. } => Screen::Form,
        SignInStep::Posture { .. } => Screen::Checking,
        SignInStep::Elsewhere { .. } => Screen::Elsewhere,
        // Nothing to fill in; nor has a kind of step that this version does not know.
        SignInStep::Done(_) | SignInStep::Refused(_) | _ => Screen::Connecting,
    }
}

#[cfg(test)]
mod tests {
    use praya_model::snapshot::SignInProgress;
    use praya_model::{EndReason, FailureCode};

    use super::*;

    const ATTACHED: ServiceState = ServiceState::Attached { rights: Rights::Full };

    fn at(state: TunnelState) -> Snapshot {
        Snapshot { state, ..Snapshot::default() }
    }

    fn asked(step: Option<SignInStep>) -> Snapshot {
        let progress =
            SignInProgress { round: 1, step, asked_at: None, notice: None, deadline: None, waiting: false };
        Snapshot { sign_in: Some(progress), ..at(TunnelState::SigningIn) }
    }

    #[test]
    fn a_session_that_lives_shows_the_resources_whatever_the_tunnel_does() {
        for state in [TunnelState::Connected, TunnelState::Reconnecting, TunnelState::IdleWarning] {
            assert_eq!(screen(&ATTACHED, &at(state), true), Screen::Resources);
            assert_eq!(screen(&ATTACHED, &at(state), false), Screen::Resources);
        }
    }

    #[test]
    fn what_is_not_known_yet_is_never_drawn_as_signed_out() {
        assert_eq!(screen(&ServiceState::Connecting, &Snapshot::default(), true), Screen::Restoring);
        assert_eq!(screen(&ATTACHED, &at(TunnelState::Restoring), true), Screen::Restoring);
    }

    #[test]
    fn each_step_of_the_sign_in_has_its_screen() {
        for (step, expected) in [
            (None, Screen::Connecting),
            (Some(SignInStep::Password { account: None }), Screen::Password),
            (Some(SignInStep::Otp { prompt: None, token: None }), Screen::Code),
            (Some(SignInStep::NewPassword { rules: None }), Screen::NewPassword),
            (Some(SignInStep::Form { message: None, fields: vec![] }), Screen::Form),
            (
                Some(SignInStep::Posture {
                    checks: vec![],
                    findings: vec![],
                    retry_seconds: None,
                    nonce: String::new(),
                }),
                Screen::Checking,
            ),
            (Some(SignInStep::Elsewhere { sessions: vec![], choices: vec![] }), Screen::Elsewhere),
        ] {
            assert_eq!(screen(&ATTACHED, &asked(step), true), expected);
        }
    }

    #[test]
    fn without_a_session_the_way_in_is_shown() {
        let ended = Snapshot { ended: Some(EndReason::Idle), ..at(TunnelState::Ended) };
        assert_eq!(screen(&ATTACHED, &Snapshot::default(), false), Screen::Gateway);
        assert_eq!(screen(&ATTACHED, &Snapshot::default(), true), Screen::SignIn);
        assert_eq!(screen(&ATTACHED, &ended, true), Screen::Ended);
        let used = Snapshot { in_use_by_another: true, ..at(TunnelState::Connected) };
        assert_eq!(screen(&ATTACHED, &used, true), Screen::InUse);
    }

    #[test]
    fn who_may_not_use_the_service_is_told_so() {
        let gone = ServiceState::Gone { failure: FailureCode::ServiceUnavailable.into() };
        assert_eq!(screen(&gone, &at(TunnelState::Connected), true), Screen::ServiceGone);
        for rights in [Rights::Look, Rights::Denied] {
            let attached = ServiceState::Attached { rights };
            assert_eq!(screen(&attached, &Snapshot::default(), true), Screen::ServiceGone);
        }
    }
}
