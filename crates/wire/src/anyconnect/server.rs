//! What a gateway answers: pages with forms, errors, and at last the session.

use praya_model::Secret;

use super::{Opaque, xml};

mod read;
mod write;

pub use read::parse_server;
pub use write::write_server;

/// A gateway's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerDocument {
    /// A page: something to show, usually with a form to fill.
    AuthRequest(Box<AuthRequest>),
    /// Signed in; nothing but `<auth id="success">` says so.
    Complete(Complete),
    /// The client is to come back with a TLS certificate, or to say that it has none.
    ClientCertRequest {
        /// A machine certificate as well as a person's.
        multiple: bool,
    },
    /// The client is to check the machine first; there is no page yet.
    HostScan(HostScan),
    /// An error without a page. The conversation is over.
    Error(PageError),
}

/// A page of the conversation (`type="auth-request"`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthRequest {
    /// What page it is: `main`, `challenge`, or a gateway's own name. Mandatory.
    pub id: String,
    /// A heading.
    pub title: Option<String>,
    /// A notice that stands above everything.
    pub banner: Option<String>,
    /// What to do on this page.
    pub message: Option<String>,
    /// What was wrong with the last answer.
    pub error: Option<PageError>,
    /// The form; without one and without anything below, the conversation is over.
    pub form: Option<Form>,
    /// Sign-in through a browser.
    pub sso: Option<Sso>,
    /// The client is to POST an empty reply.
    pub authentication_complete: bool,
    /// The client is to check the machine.
    pub host_scan: Option<HostScan>,
    /// The gateway's state, to be returned in every later reply.
    pub opaque: Option<Opaque>,
    /// A name for the conversation, with some Cisco gateways.
    pub session_id: Option<Secret>,
    /// A session cookie that is given early.
    pub session_token: Option<Secret>,
    /// A client certificate is wanted as well.
    pub client_cert_request: bool,
    /// More than one client certificate is wanted.
    pub multiple_client_cert_request: bool,
    /// The client's certificate was accepted.
    pub cert_authenticated: bool,
}

/// The end of a successful conversation (`type="complete"`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Complete {
    /// A heading.
    pub title: Option<String>,
    /// A greeting.
    pub banner: Option<String>,
    /// Further words.
    pub message: Option<String>,
    /// The session cookie. Some gateways send it as the HTTP cookie `webvpn` only.
    pub session_token: Option<Secret>,
    /// A name for the session, with some Cisco gateways.
    pub session_id: Option<Secret>,
    /// A profile that the client may fetch.
    pub profile: Option<ProfileFile>,
}

/// An error text with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageError {
    /// The gateway's number for it.
    pub id: Option<String>,
    /// The text; `%s` stands for the parameters, in order.
    pub text: String,
    /// The first parameter.
    pub param1: Option<String>,
    /// The second parameter.
    pub param2: Option<String>,
}

/// A form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// The HTTP method; `post` everywhere so far.
    pub method: String,
    /// The path or URL that the reply goes to.
    pub action: String,
    /// The inputs, in order; at most [`super::MAX_INPUTS`].
    pub inputs: Vec<Input>,
}

/// One input of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// Its name, which the client may map to another one in the reply.
    pub name: String,
    /// What to show beside it.
    pub label: Option<String>,
    /// What kind of input.
    pub kind: InputKind,
    /// A value that is given; hidden inputs send it back as it is.
    pub value: Option<Secret>,
    /// Belongs to a second sign-in on the same page.
    pub second_auth: bool,
}

/// What kind of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// Free text.
    Text,
    /// Free text that is not shown.
    Password,
    /// Not shown at all.
    Hidden,
    /// Filled by the browser's sign-in.
    Sso,
    /// A button; it is not sent.
    Submit,
    /// A button; it is not sent.
    Reset,
    /// One of several.
    Select(Vec<Choice>),
}

/// One option of a select.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The value to send.
    pub value: String,
    /// What to show.
    pub label: String,
    /// Chosen already.
    pub selected: bool,
    /// Needs no password.
    pub no_aaa: bool,
    /// Needs a second sign-in.
    pub second_auth: bool,
    /// How the second sign-in's name input is to be called.
    pub override_name: Option<String>,
    /// How the second sign-in's name input is to be labelled.
    pub override_label: Option<String>,
    /// The way of signing in that it leads to.
    pub auth_type: Option<String>,
}

/// Sign-in through a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sso {
    /// The URL to open.
    pub login: Option<String>,
    /// The URL at which it is over.
    pub login_final: Option<String>,
    /// The cookie whose value is the answer.
    pub token_cookie_name: Option<String>,
    /// The cookie that carries an error.
    pub error_cookie_name: Option<String>,
    /// `embedded` or `external`.
    pub browser_mode: Option<String>,
}

/// A host scan that the gateway demands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostScan {
    /// Names the scan.
    pub ticket: Option<Secret>,
    /// To be returned with every later reply.
    pub token: Option<Secret>,
    /// Where the scanner comes from.
    pub base_uri: Option<String>,
    /// Where to wait for the verdict.
    pub wait_uri: Option<String>,
}

/// A profile that the client may fetch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileFile {
    /// Its path.
    pub uri: String,
    /// Its SHA-1, in hexadecimal; a change detector and nothing more.
    pub sha1: Option<String>,
}

impl PageError {
    /// Just a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The text with its parameters in place.
    pub fn rendered(&self) -> String {
        let mut parts = self.text.split("%s");
        let mut text = parts.next().unwrap_or_default().to_owned();
        let mut params = [&self.param1, &self.param2].into_iter();
        for part in parts {
            match params.next() {
                Some(param) => text.push_str(param.as_deref().unwrap_or_default()),
                None => text.push_str("%s"),
            }
            text.push_str(part);
        }
        text
    }
}

impl Form {
    /// A form that is POSTed to `action`.
    pub fn post(action: impl Into<String>, inputs: Vec<Input>) -> Self {
        Self { method: "post".into(), action: action.into(), inputs }
    }
}

impl Input {
    /// A text input.
    pub fn text(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            label: Some(label.into()),
            kind: InputKind::Text,
            value: None,
            second_auth: false,
        }
    }

    /// A password input.
    pub fn password(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self { kind: InputKind::Password, ..Self::text(name, label) }
    }

    /// A hidden input.
    pub fn hidden(name: impl Into<String>, value: Secret) -> Self {
        Self {
            name: name.into(),
            label: None,
            kind: InputKind::Hidden,
            value: Some(value),
            second_auth: false,
        }
    }

    /// A select.
    pub fn select(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self { kind: InputKind::Select(choices), ..Self::text(name, label) }
    }
}

impl Choice {
    /// An option that sends `value` and shows `label`.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), ..Self::default() }
    }
}

/// Whether a client can send `name` back as an element; buttons are not sent and may have none.
fn usable_name(name: &str, kind: &InputKind) -> bool {
    let is_button = matches!(kind, InputKind::Submit | InputKind::Reset);
    xml::is_name(name) || (is_button && name.is_empty())
}

#[cfg(test)]
#[path = "server/tests.rs"]
mod tests;
