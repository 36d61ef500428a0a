//! Peers' texts, made safe to show before anything draws them: whatever the service passes on goes through here once.

use std::sync::Arc;

use praya_model::api::OwnSession;
use praya_model::{Failure, FailureCode, Resource, Snapshot};
use praya_texts::printable;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The key of what is never shown and must come back as it was: a session's identifier.
const KEPT: &str = "session";

/// `snapshot` with every text [`printable`]; a text that a later version adds as well.
pub(crate) fn snapshot(snapshot: Arc<Snapshot>) -> Arc<Snapshot> {
    match cleaned(&*snapshot) {
        Ok(None) => snapshot,
        Ok(Some(cleaned)) => Arc::new(cleaned),
        Err(error) => {
            tracing::error!(%error, "a snapshot without its texts");
            Arc::new(Snapshot { state: snapshot.state, ..Snapshot::default() })
        }
    }
}

/// `failure` with every text [`printable`].
pub(crate) fn failure(failure: Failure) -> Failure {
    match cleaned(&failure) {
        Ok(None) => failure,
        Ok(Some(cleaned)) => cleaned,
        Err(error) => FailureCode::Protocol { detail: error.to_string() }.into(),
    }
}

/// `list` with names of one line.
pub(crate) fn sessions(list: Vec<OwnSession>) -> Vec<OwnSession> {
    let cleaned = list.into_iter().map(|session| OwnSession {
        host_name: one_line(&session.host_name),
        client: one_line(&session.client),
        source: one_line(&session.source),
        ..session
    });
    cleaned.collect()
}

/// `value` with every text [`printable`]; nothing where that changes nothing.
fn cleaned<T: Serialize + DeserializeOwned>(value: &T) -> serde_json::Result<Option<T>> {
    let before = serde_json::to_value(value)?;
    let mut after = before.clone();
    clean("", &mut after);
    if after == before { Ok(None) } else { serde_json::from_value(after).map(Some) }
}

/// `list` with names, descriptions and headings that can be shown, and addresses of one line.
pub(crate) fn resources(list: Vec<Resource>) -> Vec<Resource> {
    let cleaned = list.into_iter().map(|resource| Resource {
        name: one_line(&resource.name),
        description: one_line(&resource.description),
        group: praya_model::GroupName::new(one_line(resource.group.as_str())),
        address: one_line(&resource.address),
        ..resource
    });
    cleaned.collect()
}

/// A text as one line.
pub(crate) fn one_line(text: &str) -> String {
    printable(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn clean(key: &str, value: &mut Value) {
    match value {
        Value::String(text) if key != KEPT => *text = printable(text),
        Value::Array(items) if key == "choices" => items.iter_mut().for_each(clean_choice),
        Value::Array(items) if key == "fields" => items.iter_mut().for_each(clean_field),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(key, item)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| clean(key, value)),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Of a form's choice the value goes back as it is, and the text beside it is shown.
fn clean_choice(choice: &mut Value) {
    if let Some(text) = choice.as_array_mut().and_then(|pair| pair.get_mut(1)) {
        clean("", text);
    }
}

/// A form's field goes back by its name.
fn clean_field(field: &mut Value) {
    let of_field = field.as_object_mut().into_iter().flatten();
    of_field.filter(|(key, _)| *key != "name").for_each(|(key, value)| clean(key, value));
}

#[cfg(test)]
mod tests {
    use praya_model::sign_in::FormField;
    use praya_model::snapshot::SignInProgress;
    use praya_model::{AccountName, SessionId, SignInStep, Timestamp};

    use super::*;
    use crate::samples::resource;

    const HOSTILE: &str = "a\u{1b}[31m\u{202e}b";
    const SHOWN: &str = "a [31m b";

    #[test]
    fn no_text_of_a_peer_reaches_the_state_with_what_steers_a_terminal_or_turns_a_line_around() {
        let field = FormField {
            name: HOSTILE.into(),
            label: HOSTILE.into(),
            secret: false,
            choices: vec![(HOSTILE.into(), HOSTILE.into())],
        };
        let step = SignInStep::Form { message: Some(HOSTILE.into()), fields: vec![field] };
        let progress = SignInProgress {
            round: 1,
            step: Some(step),
            asked_at: None,
            notice: None,
            deadline: None,
            waiting: false,
        };
        let told = Snapshot {
            account: Some(AccountName::new(HOSTILE)),
            banner: Some(format!("{HOSTILE}\nline")),
            end_text: Some(HOSTILE.into()),
            sign_in: Some(progress),
            ..Snapshot::default()
        };
        let cleaned = snapshot(Arc::new(told));
        assert_eq!(cleaned.account, Some(AccountName::new(SHOWN)));
        assert_eq!(cleaned.banner, Some(format!("{SHOWN}\nline")));
        assert_eq!(cleaned.end_text.as_deref(), Some(SHOWN));
        let step = cleaned.sign_in.as_ref().unwrap().step.clone();
        let Some(SignInStep::Form { message, fields }) = step else { panic!("{step:?}") };
        assert_eq!((message.as_deref(), fields[0].label.as_str()), (Some(SHOWN), SHOWN));
        assert_eq!(fields[0].choices, [(HOSTILE.to_owned(), SHOWN.to_owned())]);
        assert_eq!(fields[0].name, HOSTILE, "it goes back as it came");
    }

    #[test]
    fn what_needs_no_cleaning_is_not_copied() {
        let told =
            Arc::new(Snapshot { banner: Some("Welcome\nto Macau 澳門".into()), ..Snapshot::default() });
        assert!(Arc::ptr_eq(&snapshot(Arc::clone(&told)), &told));
    }

    #[test]
    fn only_a_form_s_field_keeps_its_name_as_it_came() {
        let code = FailureCode::NoSuchResource { name: HOSTILE.into() };
        let told = Failure { help_desk: Some(HOSTILE.into()), ..code.into() };
        let snapshot =
            snapshot(Arc::new(Snapshot { last_failure: Some(told.clone()), ..Snapshot::default() }));
        let shown = FailureCode::NoSuchResource { name: SHOWN.into() };
        for cleaned in [snapshot.last_failure.clone().unwrap(), failure(told)] {
            assert_eq!((&cleaned.code, cleaned.help_desk.as_deref()), (&shown, Some(SHOWN)));
        }
        let found = serde_json::json!({ "found": "running", "name": HOSTILE });
        let mut finding = serde_json::json!({ "posture": { "findings": [found] } });
        clean("", &mut finding);
        assert_eq!(finding["posture"]["findings"][0]["name"], SHOWN);
    }

    #[test]
    fn a_session_elsewhere_is_told_in_lines_and_its_identifier_is_its_own() {
        let told = OwnSession {
            session: SessionId::new("s\u{202e}"),
            host_name: format!("{HOSTILE}\nx"),
            client: HOSTILE.into(),
            source: HOSTILE.into(),
            since: Timestamp::default(),
            current: false,
        };
        let list = sessions(vec![told]);
        assert_eq!(list[0].host_name, format!("{SHOWN} x"));
        assert_eq!((list[0].client.as_str(), list[0].source.as_str()), (SHOWN, SHOWN));
        assert_eq!(list[0].session, SessionId::new("s\u{202e}"));
    }

    #[test]
    fn a_resource_is_one_line_and_its_identifier_its_own() {
        let told = Resource {
            name: format!("{HOSTILE}\r\nx"),
            address: "https://wiki.lab/\nrm -rf".into(),
            ..resource("wiki\u{202e}")
        };
        let list = resources(vec![told]);
        assert_eq!(list[0].name, format!("{SHOWN} x"));
        assert_eq!(list[0].address, "https://wiki.lab/ rm -rf");
        assert_eq!(list[0].id.as_str(), "wiki\u{202e}");
    }
}
