//! A conversation with a foreign gateway, and the documents of both.

use praya_model::{AccountName, FailureCode, Profile, Secret, SignInAnswer, SignInStep};
use praya_session::connector::anyconnect::Conversation;
use praya_session::connector::{Granted, Introduction, Progress};
use praya_session::{HttpReply, HttpRequest};
use praya_wire::anyconnect::{AuthReply, ClientDocument, Init, parse_client};

pub(crate) const USERNAME: &str = r#"<input type="text" name="username" label="Username:"/>"#;
pub(crate) const PASSWORD: &str = r#"<input type="password" name="password" label="Password:"/>"#;
pub(crate) const GROUPS: &str = r#"<select name="group_list" label="Group:"><option value="staff">Staff members</option>
    <option value="guests">Guests</option></select>"#;

/// A conversation, and what came of the last reply or answer.
pub(crate) struct Talk {
    pub(crate) conversation: Conversation,
    pub(crate) progress: Progress,
}

impl Talk {
    pub(crate) fn at(url: &str, account: Option<&str>) -> Self {
        let (conversation, progress) = Conversation::begin(Introduction {
            profile: Profile {
                name: "lab".parse().expect("it is well formed"),
                gateway: url.parse().expect("it is well formed"),
                pin: None,
            },
            account: account.map(str::to_owned),
            device_key: Some("a2V5".to_owned()),
            host_name: "desk-7".to_owned(),
            version: "0.1.0".to_owned(),
        });
        Self { conversation, progress }
    }

    pub(crate) fn begin(account: Option<&str>) -> Self {
        Self::at("https://vpn.lab", account)
    }

    pub(crate) fn reply(&mut self, status: u16, headers: &[(&str, &str)], body: &str) -> &Progress {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let reply = HttpReply { status, headers, body: body.as_bytes().to_vec() };
        self.progress = self.conversation.reply(&reply);
        &self.progress
    }

    /// A page, as ocserv frames it.
    pub(crate) fn page(&mut self, id: &str, inside: &str) -> &Progress {
        let page = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<config-auth client=\"vpn\" type=\"auth-request\">\n\
             <version who=\"sg\">0.1(1)</version>\n<auth id=\"{id}\">\n{inside}</auth>\n</config-auth>"
        );
        self.reply(200, &[("Content-Type", "text/xml")], &page)
    }

    pub(crate) fn form(&mut self, message: &str, inputs: &str) -> &Progress {
        self.page(
            "main",
            &format!("<message>{message}</message><form method=\"post\" action=\"/auth\">{inputs}</form>"),
        )
    }

    pub(crate) fn answer(&mut self, answer: SignInAnswer) -> &Progress {
        self.progress = self.conversation.answer(answer).expect("the answer fits");
        &self.progress
    }

    pub(crate) fn request(&self) -> &HttpRequest {
        match &self.progress {
            Progress::Send(request) => request,
            other => panic!("nothing is sent: {other:?}"),
        }
    }

    pub(crate) fn document(&self) -> ClientDocument {
        parse_client(self.request().body.as_ref().expect("a body").text.expose().as_bytes()).expect("XML")
    }

    pub(crate) fn init(&self) -> Init {
        match self.document() {
            ClientDocument::Init(init) => init,
            other => panic!("no init: {other:?}"),
        }
    }

    pub(crate) fn sent(&self) -> AuthReply {
        match self.document() {
            ClientDocument::AuthReply(reply) => reply,
            other => panic!("no reply: {other:?}"),
        }
    }

    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        self.sent().fields.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
    }

    pub(crate) fn asked(&self) -> (&SignInStep, Option<&FailureCode>) {
        match &self.progress {
            Progress::Ask { step, notice, .. } => (step, notice.as_ref().map(|notice| &notice.code)),
            other => panic!("nothing is asked: {other:?}"),
        }
    }

    pub(crate) fn over(&self) -> &FailureCode {
        match &self.progress {
            Progress::Over(failure) => &failure.code,
            other => panic!("it goes on: {other:?}"),
        }
    }

    pub(crate) fn granted(&self) -> &Granted {
        match &self.progress {
            Progress::Granted(granted) => granted,
            other => panic!("not granted: {other:?}"),
        }
    }

    /// Past the password at an ocserv, as `alice`.
    pub(crate) fn password_sent() -> Self {
        let mut talk = Self::begin(Some("alice"));
        talk.form("Please enter your username.", USERNAME);
        talk.form("Please enter your password.", PASSWORD);
        talk.answer(password("pw-1"));
        talk
    }
}

pub(crate) fn password(text: &str) -> SignInAnswer {
    SignInAnswer::Password { account: None, password: Secret::new(text) }
}

pub(crate) fn account_and_password(account: &str, text: &str) -> SignInAnswer {
    SignInAnswer::Password { account: Some(account.to_owned()), password: Secret::new(text) }
}

pub(crate) fn otp(code: &str) -> SignInAnswer {
    SignInAnswer::Otp { code: Secret::new(code) }
}

pub(crate) fn new_password(first: &str, second: &str) -> SignInAnswer {
    SignInAnswer::NewPassword { password: Secret::new(first), repeat: Secret::new(second) }
}

pub(crate) fn values(all: &[(&str, &str)]) -> SignInAnswer {
    let values = all.iter().map(|(name, value)| ((*name).to_owned(), Secret::new(*value))).collect();
    SignInAnswer::Form { values }
}

pub(crate) fn fields(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn ask_password(account: Option<&str>) -> SignInStep {
    SignInStep::Password { account: account.map(AccountName::new) }
}

pub(crate) fn ask_otp(prompt: &str) -> SignInStep {
    SignInStep::Otp { prompt: Some(prompt.to_owned()), token: None }
}

pub(crate) fn says(text: &str) -> FailureCode {
    FailureCode::GatewaySays { text: text.to_owned() }
}
