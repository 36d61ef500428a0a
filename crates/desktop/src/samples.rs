//! States for tests.

use praya_ipc::Rights;
use praya_model::{Resource, Snapshot, Timestamp};
use praya_texts::{Isolation, Locale, Texts, TimeZone};
use proptest::prelude::*;

use crate::screen::screen;
use crate::settings::{Language, Settings};
use crate::state::{AppState, ResourceList, ServiceState};

/// The English texts.
pub(crate) fn texts() -> Texts {
    Texts::new(Locale::En, &TimeZone::UTC, Isolation::Off)
}

/// The state of an app that sees `snapshot`.
pub(crate) fn attached(snapshot: Snapshot) -> AppState {
    with_service(ServiceState::Attached { rights: Rights::Full }, snapshot)
}

/// The state of an app that stands so with the service.
pub(crate) fn with_service(service: ServiceState, snapshot: Snapshot) -> AppState {
    AppState {
        version: "0".into(),
        now: Timestamp::from_secs(1_000_000),
        screen: screen(&service, &snapshot, true),
        service,
        snapshot,
        profiles: vec![],
        chosen: None,
        accounts: vec![],
        invitation: None,
        invitation_refused: None,
        exit_failed: None,
        system_pages: vec![],
        resources: ResourceList::None,
        rates: vec![],
        settings: Settings::default(),
        managed: vec![],
        locale: Language::En,
        system_locale: Language::En,
        safe_mode: false,
        tray_available: true,
        notices: vec![],
    }
}

/// A web resource.
pub(crate) fn resource(id: &str) -> Resource {
    serde_json::from_value(serde_json::json!({
        "id": id, "name": format!("Resource {id}"), "group": "staff", "kind": "web",
        "address": format!("https://{id}.lab/"), "endpoints": [],
    }))
    .unwrap()
}

/// Any state that a service of this version or another could bring about.
pub(crate) fn any_state() -> impl Strategy<Value = AppState> {
    let states = prop::sample::select(vec![
        "no_session",
        "restoring",
        "signing_in",
        "connected",
        "reconnecting",
        "idle_warning",
        "ended",
    ]);
    let steps = prop::sample::select(vec![
        "null",
        r#"{"step":"password","account":null}"#,
        r#"{"step":"otp","prompt":"?","token":null}"#,
        r#"{"step":"new_password","rules":null}"#,
        r#"{"step":"form","message":null,"fields":[]}"#,
        r#"{"step":"posture"}"#,
        r#"{"step":"posture","checks":["firewall"],"findings":[{"check":"firewall","outcome":"failed",
            "expected":{"expected":"on"},"found":{"found":"off","name":null}}],"retry_seconds":0}"#,
        r#"{"step":"elsewhere","sessions":[],"choices":[]}"#,
        r#"{"step":"done","session":null,"cookie":"","account":"a"}"#,
        r#"{"step":"refused","code":"no_token"}"#,
    ]);
    let services = prop::sample::select(vec![
        r#"{"service":"connecting"}"#,
        r#"{"service":"gone","failure":{"code":"service_unavailable"}}"#,
        r#"{"service":"attached","rights":"full"}"#,
        r#"{"service":"attached","rights":"sign_in"}"#,
        r#"{"service":"attached","rights":"in_use_by_another"}"#,
        r#"{"service":"attached","rights":"look"}"#,
        r#"{"service":"attached","rights":"denied"}"#,
    ]);
    let flags = any::<(bool, bool, bool, bool, bool, bool)>();
    let name = "[^/\\\\\\p{C}\\p{Default_Ignorable_Code_Point}\u{2800}\\s]{1,20}";
    (states, steps, services, flags, name, any::<(i64, i64)>(), 0_usize..8).prop_map(
        |(state, step, service, flags, name, (now, idle_at), resources)| {
            let (in_use, signing_in, ended, profile, paused, profiles) = flags;
            let step: serde_json::Value = serde_json::from_str(step).unwrap();
            let mut snapshot = serde_json::to_value(Snapshot::default()).unwrap();
            snapshot["state"] = state.into();
            snapshot["in_use_by_another"] = in_use.into();
            snapshot["idle_at"] = idle_at.into();
            if signing_in {
                snapshot["sign_in"] = serde_json::json!({
                    "round": 1, "step": step, "notice": null, "deadline": null, "waiting": false,
                });
            }
            if ended {
                snapshot["ended"] = "idle".into();
            }
            if profile {
                snapshot["profile"] = name.clone().into();
                snapshot["account"] = name.into();
            }
            snapshot["reconnect"] = serde_json::json!({
                "attempt": 1, "next_at": null, "give_up_at": null, "paused": paused,
            });
            let service = serde_json::from_str(service).unwrap();
            let snapshot = serde_json::from_value(snapshot).unwrap();
            let mut drawn = with_service(service, snapshot);
            drawn.screen = screen(&drawn.service, &drawn.snapshot, profiles);
            drawn.now = Timestamp::from_millis(now);
            if resources > 0 {
                let list: Vec<_> = (0..resources).map(|n| resource(&n.to_string())).collect();
                let ids: Vec<_> = list.iter().map(|resource| resource.id.clone()).collect();
                let (favourites, recent) = (ids.clone(), ids);
                drawn.resources =
                    ResourceList::Ready { list, favourites, recent, refreshing: false, stale: None };
            }
            drawn
        },
    )
}
