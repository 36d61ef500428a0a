//! Steps as pages and answers to pages, without I/O.
//!
//! What stock clients make of a page decides how it looks: a page with `id="challenge"` is the one that
//! `--token-mode` fills; two inputs called `new_password_1` and `new_password_2` are both sent back, while
//! `verify_password` never is; a page without a form ends the conversation and shows its error.

use praya_model::api::SignInReply;
use praya_model::sign_in::{ElsewhereChoice, SignInAnswer, SignInStep};
use praya_model::{Failure, FailureCode, Secret};
use praya_wire::anyconnect::{AuthRequest, Choice, Complete, Form, Input, ServerDocument};

use crate::text;

/// Which page an answer belongs to; the path it is posted to says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// Name and password.
    Main,
    /// The token code.
    Challenge,
    /// The new password, twice.
    NewPassword,
    /// What to do about a session elsewhere.
    Elsewhere,
}

const CODE: &str = "answer";
/// openconnect sends the input `answer` under this name.
const CODE_SENT: &str = "password";
const NEW_PASSWORD: [&str; 2] = ["new_password_1", "new_password_2"];
const CHOICE: &str = "choice";
const REPLACE: &str = "replace";
const CANCEL: &str = "cancel";

impl Page {
    /// Where its form is posted to.
    pub const fn action(self) -> &'static str {
        match self {
            Self::Main => "/auth",
            Self::Challenge => "/auth/code",
            Self::NewPassword => "/auth/new-password",
            Self::Elsewhere => "/auth/elsewhere",
        }
    }

    /// The page whose form is posted to `path`. Everything unknown is the first page: clients post their first
    /// document to whatever address the person typed.
    pub fn of_path(path: &str) -> Self {
        [Self::Challenge, Self::NewPassword, Self::Elsewhere]
            .into_iter()
            .find(|page| page.action() == path)
            .unwrap_or(Self::Main)
    }

    /// The answer in the values that a client sent back for this page; `None` for [`Page::Main`], which begins a
    /// conversation instead, and when a value is missing.
    pub fn answer(self, field: impl Fn(&str) -> Option<Secret>) -> Option<SignInAnswer> {
        match self {
            Self::Main => None,
            Self::Challenge => {
                let code = field(CODE_SENT).or_else(|| field(CODE))?;
                Some(SignInAnswer::Otp { code })
            }
            Self::NewPassword => {
                let [first, second] = NEW_PASSWORD;
                Some(SignInAnswer::NewPassword { password: field(first)?, repeat: field(second)? })
            }
            Self::Elsewhere => {
                let choice = match field(CHOICE)?.expose() {
                    REPLACE => ElsewhereChoice::Replace,
                    _ => ElsewhereChoice::Cancel,
                };
                Some(SignInAnswer::Elsewhere { choice })
            }
        }
    }
}

/// The first page: name and password in one form, which saves a round trip.
pub fn main(error: Option<&Failure>) -> ServerDocument {
    let inputs = vec![Input::text("username", text::USERNAME), Input::password("password", text::PASSWORD)];
    let form = Form::post(Page::Main.action(), inputs);
    request("main", Some(text::SIGN_IN.into()), error, Some(form))
}

/// The page that shows what the gateway says next.
pub fn of_reply(reply: &SignInReply) -> ServerDocument {
    let notice = reply.notice.as_ref();
    match &reply.next {
        SignInStep::Password { .. } => main(notice),
        SignInStep::Otp { prompt, token } => {
            let form = Form::post(Page::Challenge.action(), vec![Input::password(CODE, text::CODE)]);
            request("challenge", Some(text::otp(prompt.as_deref(), token.as_ref())), notice, Some(form))
        }
        SignInStep::NewPassword { rules } => {
            let [first, second] = NEW_PASSWORD;
            let inputs = vec![
                Input::password(first, text::NEW_PASSWORD),
                Input::password(second, text::REPEAT_PASSWORD),
            ];
            let form = Form::post(Page::NewPassword.action(), inputs);
            request("new_password", Some(text::new_password(rules.as_ref())), notice, Some(form))
        }
        SignInStep::Elsewhere { sessions, choices } if choices.is_empty() => {
            refusal(&FailureCode::SignedInElsewhere { sessions: sessions.clone() }.into())
        }
        SignInStep::Elsewhere { sessions, choices } => {
            let options = choices.iter().map(|choice| match choice {
                ElsewhereChoice::Replace => Choice::new(REPLACE, text::ELSEWHERE_REPLACE),
                ElsewhereChoice::Cancel => Choice::new(CANCEL, text::ELSEWHERE_CANCEL),
            });
            let select = Input::select(CHOICE, text::ELSEWHERE_LABEL, options.collect());
            let form = Form::post(Page::Elsewhere.action(), vec![select]);
            request("elsewhere", Some(text::elsewhere_choice(sessions)), notice, Some(form))
        }
        SignInStep::Done(grant) => ServerDocument::Complete(Complete {
            title: Some("Praya".into()),
            session_token: Some(grant.cookie.clone()),
            ..Complete::default()
        }),
        // Nothing was judged; the person can simply begin again.
        SignInStep::Refused(failure)
            if matches!(failure.code, FailureCode::SignInExpired | FailureCode::UnexpectedAnswer) =>
        {
            main(Some(failure))
        }
        SignInStep::Refused(failure) => refusal(failure),
        // A foreign gateway's form and the endpoint check are steps that this gateway does not take with a client
        // of this kind.
        SignInStep::Form { .. } | SignInStep::Posture { .. } | _ => {
            refusal(&FailureCode::PostureUnsupported.into())
        }
    }
}

/// A page without a form: the client shows the error and stops.
fn refusal(failure: &Failure) -> ServerDocument {
    request("main", None, Some(failure), None)
}

fn request(id: &str, message: Option<String>, error: Option<&Failure>, form: Option<Form>) -> ServerDocument {
    ServerDocument::AuthRequest(Box::new(AuthRequest {
        id: id.into(),
        message,
        error: error.map(text::page_error),
        form,
        ..AuthRequest::default()
    }))
}

#[cfg(test)]
mod tests {
    use praya_model::sign_in::{ElsewhereSession, Grant, TokenHint};
    use praya_model::{AccountName, SessionId, Timestamp, TokenSerial};
    use praya_wire::anyconnect::{InputKind, write_server};

    use super::*;

    fn reply(next: SignInStep, notice: Option<FailureCode>) -> SignInReply {
        SignInReply { ticket: Some(Secret::new("t")), next, notice: notice.map(Into::into), expires_in: 180 }
    }

    fn page(next: SignInStep) -> AuthRequest {
        match of_reply(&reply(next, None)) {
            ServerDocument::AuthRequest(page) => *page,
            other @ (ServerDocument::Complete(_)
            | ServerDocument::ClientCertRequest { .. }
            | ServerDocument::HostScan(_)
            | ServerDocument::Error(_)) => panic!("{other:?}"),
        }
    }

    fn otp() -> SignInStep {
        let serial = TokenSerial::new("T-1");
        let token = TokenHint { serial, digits: 6, step_seconds: 60, seconds_left: 42 };
        SignInStep::Otp { prompt: None, token: Some(token) }
    }

    #[test]
    fn a02_the_code_is_asked_on_a_page_that_token_mode_fills() {
        let page = page(otp());
        assert_eq!(page.id, "challenge");
        assert!(page.message.unwrap().contains("T-1"));
        let form = page.form.unwrap();
        assert_eq!(form.inputs.len(), 1);
        assert_eq!((form.inputs[0].name.as_str(), &form.inputs[0].kind), ("answer", &InputKind::Password));
        assert_eq!(Page::of_path(&form.action), Page::Challenge);
    }

    #[test]
    fn a18_both_entries_of_a_new_password_come_back_and_are_compared_here() {
        let page = page(SignInStep::NewPassword { rules: None });
        let names: Vec<_> = page.form.unwrap().inputs.into_iter().map(|input| input.name).collect();
        // openconnect sends `new_password` as `password`, and `verify_password` not at all.
        assert_eq!(names, ["new_password_1", "new_password_2"]);
        let answer = Page::NewPassword.answer(|name| Some(Secret::new(name)));
        let expected = SignInAnswer::NewPassword {
            password: Secret::new("new_password_1"),
            repeat: Secret::new("new_password_2"),
        };
        assert_eq!(answer, Some(expected));
    }

    #[test]
    fn a36_a_lock_has_no_form_so_that_the_client_stops_asking() {
        let ServerDocument::AuthRequest(page) =
            of_reply(&reply(SignInStep::Refused(FailureCode::Locked { seconds_left: 300 }.into()), None))
        else {
            panic!()
        };
        assert_eq!(page.form, None);
        assert!(page.error.unwrap().rendered().contains("5 minutes"));
    }

    #[test]
    fn a_wrong_password_and_an_expired_sign_in_show_the_first_page_with_the_error() {
        for document in [
            of_reply(&reply(SignInStep::Password { account: None }, Some(FailureCode::WrongCredentials))),
            of_reply(&reply(SignInStep::Refused(FailureCode::SignInExpired.into()), None)),
        ] {
            let ServerDocument::AuthRequest(page) = document else { panic!() };
            assert_eq!(page.id, "main");
            assert!(page.error.is_some() && page.form.is_some());
        }
    }

    #[test]
    fn a34_the_person_chooses_what_policy_allows() {
        let session = ElsewhereSession {
            session: SessionId::new("s"),
            host_name: "pc-7".into(),
            source: "192.0.2.7".into(),
            since: Timestamp::from_secs(0),
        };
        let choices = vec![ElsewhereChoice::Replace, ElsewhereChoice::Cancel];
        let asked = page(SignInStep::Elsewhere { sessions: vec![session.clone()], choices });
        let InputKind::Select(options) = &asked.form.unwrap().inputs[0].kind else { panic!() };
        assert_eq!(options.len(), 2);
        let chosen = |value: &'static str| Page::Elsewhere.answer(|_| Some(Secret::new(value)));
        assert_eq!(chosen("replace"), Some(SignInAnswer::Elsewhere { choice: ElsewhereChoice::Replace }));
        assert_eq!(chosen("what?"), Some(SignInAnswer::Elsewhere { choice: ElsewhereChoice::Cancel }));
        assert_eq!(page(SignInStep::Elsewhere { sessions: vec![session], choices: vec![] }).form, None);
    }

    #[test]
    fn the_cookie_stands_in_the_last_document() {
        let cookie = Secret::new("abc");
        let grant = Grant { session: None, cookie: cookie.clone(), account: AccountName::new("alice") };
        let document = of_reply(&reply(SignInStep::Done(grant), None));
        let xml = write_server(&document).unwrap();
        assert!(
            xml.contains("id=\"success\"") && xml.contains("<session-token>abc</session-token>"),
            "{xml}"
        );
    }

    #[test]
    fn a_page_without_its_value_has_no_answer() {
        for page in [Page::Main, Page::Challenge, Page::NewPassword, Page::Elsewhere] {
            assert_eq!(page.answer(|_| None), None);
        }
        assert_eq!(Page::of_path("/whatever"), Page::Main);
    }
}
