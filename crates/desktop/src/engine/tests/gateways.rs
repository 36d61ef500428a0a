//! Adding gateways, their keys, and invitations.

use praya_model::profile::InvitationError;

use super::*;
use crate::commands::PinProfile;
use crate::invitation::Invitation;

const PIN: &str = "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn invites(world: &World, text: &str) -> Result<Invitation, Failure> {
    world.engine.read_invitation(&InvitationText { text: text.to_owned() })
}

fn refused(problem: InvitationError) -> Failure {
    problem.into()
}

/// A world whose gateways the engine knows.
async fn knowing(profiles: Vec<KnownProfile>) -> World {
    let world = World::new();
    world.service.profiles(profiles);
    world.until(|state| matches!(state.service, ServiceState::Attached { .. })).await;
    world.engine.fetch_profiles().await.unwrap();
    world
}

#[tokio::test]
async fn an_invitation_is_shown_before_anything_is_done_with_it() {
    let world = World::new();
    world.until(|state| state.screen == Screen::Gateway).await;
    let shown = invites(&world, "praya://add?gateway=vpn.example&name=Office").unwrap();
    let state = world.until(|state| state.invitation.is_some()).await;
    assert_eq!(state.profiles.len(), 0);
    world.engine.accept_invitation(shown).await.unwrap();
    let requests = world.service.asked(|request| matches!(request, Request::AddProfile { .. })).await;
    assert!(
        requests.iter().all(|request| !matches!(request, Request::AddProfile { replace: true, .. })),
        "an invitation never replaces a gateway: {requests:?}"
    );
    let state = world.until(|state| state.invitation.is_none()).await;
    assert_eq!((state.screen, state.chosen.unwrap().as_str()), (Screen::SignIn, "Office"));
}

#[tokio::test]
async fn only_the_invitation_that_was_read_is_accepted() {
    let world = knowing(vec![]).await;
    let shown = invites(&world, "praya://add?gateway=vpn.example&name=Office").unwrap();
    // Another program of the person's keeps opening links while they read.
    for _ in 0..3 {
        world.engine.invited("praya://add?gateway=evil.example&name=Office".into());
        world.engine.invited("praya://add?gateway=http://evil.example".into());
    }
    let state = world.engine.state();
    assert_eq!(state.invitation.as_ref(), Some(&shown));
    assert_eq!(state.invitation_refused, Some(refused(InvitationError::Scheme)));
    let evil = Invitation::read("praya://add?gateway=evil.example&name=Office").unwrap();
    let accepted = world.engine.accept_invitation(evil.clone()).await;
    assert_eq!(accepted, Err(refused(InvitationError::NotShown)));
    world.engine.invited(evil.to_link());
    assert_eq!(world.engine.state().invitation_refused, Some(refused(InvitationError::AnotherWaits)));
    world.engine.dismiss_invitation();
    assert_eq!(world.engine.accept_invitation(shown).await, Err(refused(InvitationError::NotShown)));
    assert!(world.engine.state().profiles.is_empty());
}

#[tokio::test]
async fn an_invitation_that_came_while_another_was_stored_stays() {
    let world = knowing(vec![]).await;
    let shown = invites(&world, "praya://add?gateway=vpn.example&name=Office").unwrap();
    let meanwhile = async {
        world.service.asked(|request| matches!(request, Request::AddProfile { .. })).await;
        world.engine.dismiss_invitation();
        invites(&world, "praya://add?gateway=other.example").unwrap()
    };
    let (accepted, other) = tokio::join!(world.engine.accept_invitation(shown), meanwhile);
    accepted.unwrap();
    assert_eq!(world.engine.state().invitation, Some(other));
}

#[tokio::test]
async fn an_invitation_that_the_service_refuses_stays_to_be_read() {
    let world = knowing(vec![office()]).await;
    let taken = FailureCode::ProfileTaken { name: "Office".into(), gateway: "https://vpn.example/".into() };
    world.service.answer("add_profile", taken.clone().into());
    let shown = invites(&world, "praya://add?gateway=evil.example&name=Office").unwrap();
    assert_eq!(world.engine.accept_invitation(shown.clone()).await, Err(taken.into()));
    let state = world.engine.state();
    assert_eq!((state.invitation, state.profiles), (Some(shown), vec![office()]));
}

#[tokio::test]
async fn an_invitation_hides_neither_the_session_nor_the_reason_of_its_end() {
    let world = knowing(vec![office()]).await;
    world.service.show(connected());
    world.until(|state| state.screen == Screen::Resources).await;
    world.engine.invited("praya://add?gateway=other.example".into());
    assert_eq!(world.engine.state().screen, Screen::Resources);
    world.service.show(Snapshot {
        state: TunnelState::Ended,
        ended: Some(EndReason::Idle),
        ..Snapshot::default()
    });
    let state = world.until(|state| state.snapshot.state == TunnelState::Ended).await;
    assert_eq!(state.screen, Screen::Ended);
    assert!(state.invitation.is_some());
}

#[tokio::test]
async fn a_key_is_stored_where_there_is_none_and_never_exchanged() {
    let own = |name: &str, pin: Option<&str>| {
        let pin = pin.map(|pin| pin.parse().unwrap());
        let name = name.parse().unwrap();
        KnownProfile {
            profile: Profile { name, pin, gateway: "own.example".parse().unwrap() },
            shared: false,
        }
    };
    let world = knowing(vec![office(), own("bare", None), own("pinned", Some(PIN))]).await;
    let pin = |name: &str| PinProfile {
        name: name.parse().unwrap(),
        pin: PIN.replace("AAA=", "AAE=").parse().unwrap(),
    };
    for name in ["Office", "pinned"] {
        let failure = world.engine.pin_profile(pin(name)).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::NotPermitted, "{name}");
    }
    let failure = world.engine.pin_profile(pin("gone")).await.unwrap_err();
    assert_eq!(failure.code, FailureCode::NoSuchProfile { name: "gone".into() });
    world.engine.pin_profile(pin("bare")).await.unwrap();
    let requests = world.service.asked(|request| matches!(request, Request::AddProfile { .. })).await;
    let added: Vec<_> =
        requests.iter().filter(|request| matches!(request, Request::AddProfile { .. })).collect();
    let expected = Profile { pin: Some(pin("bare").pin), ..own("bare", None).profile };
    assert_eq!(added, [&Request::AddProfile { profile: expected, replace: true }]);
}

#[tokio::test]
async fn an_address_that_may_not_be_opened_is_not_copied_either() {
    let world = World::new();
    let mut endless = resource("wiki");
    endless.address.push_str(&"x".repeat(3000));
    world.service.resources(vec![endless, resource("pay")]);
    world.service.show(connected());
    world.until(|state| matches!(state.resources, ResourceList::Ready { .. })).await;
    let failure = world.engine.copy_address(&ResourceId::new("wiki")).unwrap_err();
    assert_eq!(failure.code, FailureCode::BadResource { name: "Resource wiki".into() });
    world.engine.copy_address(&ResourceId::new("pay")).unwrap();
    assert!(world.did().iter().filter(|did| did.starts_with("copy")).eq(["copy https://pay.lab/"]));
}

#[tokio::test]
async fn a_gateway_that_another_view_stored_is_there_when_the_person_looks() {
    let world = World::new();
    world.until(|state| state.screen == Screen::Gateway).await;
    world.service.asked(|request| *request == Request::ListProfiles).await;
    world.service.profiles(vec![office()]);
    world.engine.looked_at();
    let state = world.until(|state| !state.profiles.is_empty()).await;
    assert_eq!(state.screen, Screen::SignIn);
}
