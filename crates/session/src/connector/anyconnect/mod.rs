//! AnyConnect's XML forms (`docs/protocol.md`): for ocserv, Cisco and whoever else speaks them.

mod page;

use praya_model::sign_in::Grant;
use praya_model::{AccountName, Failure, FailureCode, GatewayAddress, Secret, SignInAnswer, SignInStep};
use praya_wire::anyconnect::{
    AuthReply, AuthRequest, ClientDocument, ClientInfo, Init, Opaque, PageError, ServerDocument,
    parse_server, write_client,
};
use praya_wire::http::SetCookie;

use super::{Granted, Introduction, Progress, busy, protocol, transient_status};
use crate::http::{Body, HttpReply, HttpRequest, Method};
use page::{Page, Question};

/// Redirects that are followed, in all.
const MAX_REDIRECTS: u32 = 3;
/// Requests of one conversation.
const MAX_REQUESTS: u32 = 64;
/// Cookies that a gateway may set, and the longest of them, in bytes.
const MAX_COOKIES: usize = 32;
const MAX_COOKIE: usize = 4096;
/// The session cookie's name.
const SESSION_COOKIE: &str = "webvpn";

/// A conversation with a foreign gateway.
#[derive(Debug)]
pub struct Conversation {
    introduction: Introduction,
    /// Where the next request goes.
    path: String,
    redirects: u32,
    requests: u32,
    cookies: Vec<(String, Secret)>,
    opaque: Option<Opaque>,
    account: Option<String>,
    group: Option<String>,
    /// A password that was typed before its page came.
    held: Option<Secret>,
    account_sent: bool,
    password_sent: bool,
    no_certificate: bool,
    /// Whether the last request was an `init`, which may be redirected.
    opening: bool,
    page: Option<Page>,
    /// The last question that a person answered, and the page's message then.
    last: Option<(Question, Option<String>)>,
    banner: Option<String>,
}

impl Conversation {
    /// Begins.
    pub fn begin(introduction: Introduction) -> (Self, Progress) {
        let mut this = Self {
            path: introduction.profile.gateway.path().to_owned(),
            account: introduction.account.clone(),
            introduction,
            redirects: 0,
            requests: 0,
            cookies: Vec::new(),
            opaque: None,
            group: None,
            held: None,
            account_sent: false,
            password_sent: false,
            no_certificate: false,
            opening: true,
            page: None,
            last: None,
            banner: None,
        };
        let progress = this.send_init();
        (this, progress)
    }

    /// Takes the reply to the request under way.
    pub fn reply(&mut self, reply: &HttpReply) -> Progress {
        self.keep_cookies(reply);
        match reply.status {
            200 => {}
            301 | 302 | 303 | 307 | 308 => return self.redirected(reply),
            401 | 403 if self.password_sent => {
                return over(if self.only_a_code() {
                    FailureCode::WrongOtp
                } else {
                    FailureCode::WrongCredentials
                });
            }
            401 | 403 => {
                return over(protocol(
                    "the gateway demands a way of signing in that this client does not have",
                ));
            }
            status if transient_status(status) => return over(busy(reply)),
            status => return over(protocol(format!("the gateway answers with status {status}"))),
        }
        match parse_server(&reply.body) {
            Ok(ServerDocument::Complete(complete)) => {
                let banner = complete.banner.or(complete.message);
                let cookie = complete.session_token.or_else(|| self.cookie(SESSION_COOKIE));
                self.granted(cookie, banner)
            }
            Ok(ServerDocument::AuthRequest(page)) => self.page(*page),
            Ok(ServerDocument::ClientCertRequest { .. }) if !self.no_certificate => {
                self.no_certificate = true;
                self.send_init()
            }
            Ok(ServerDocument::ClientCertRequest { .. }) => {
                over(protocol("the gateway demands a client certificate, which this client does not have"))
            }
            Ok(ServerDocument::HostScan(_)) => over(FailureCode::PostureUnsupported),
            Ok(ServerDocument::Error(error)) => over(gateway_says(&error)),
            Err(error) => over(protocol(format!("the gateway's page: {error}"))),
        }
    }

    /// Takes the person's answer.
    ///
    /// # Errors
    /// [`FailureCode::UnexpectedAnswer`].
    pub fn answer(&mut self, answer: SignInAnswer) -> Result<Progress, FailureCode> {
        let Some(page) = &mut self.page else {
            return Err(FailureCode::UnexpectedAnswer);
        };
        let Some(question) = page.question().cloned() else {
            return Err(FailureCode::UnexpectedAnswer);
        };
        let learnt = match page.answer(answer, self.account.as_deref()) {
            Ok(learnt) => learnt,
            Err(code @ FailureCode::PasswordRules { .. }) => {
                let step = page.step(&question, self.account.as_deref());
                return Ok(Progress::Ask { step, notice: Some(code.into()), expires_in: None });
            }
            Err(code) => return Err(code),
        };
        self.account = learnt.account.or(self.account.take());
        self.held = learnt.held.or(self.held.take());
        if let Some(group) = learnt.group {
            let proposed = page.proposed_group();
            self.group = Some(group);
            // Another group may have another form: the gateway is asked anew.
            if proposed != self.group {
                return Ok(self.send_init());
            }
        }
        Ok(self.go_on(None))
    }

    /// Opens the page's last question again after a request that got no reply.
    pub fn unanswered(&mut self) -> Option<SignInStep> {
        let page = self.page.as_mut()?;
        page.reopen();
        page.question().map(|question| page.step(question, self.account.as_deref()))
    }

    fn page(&mut self, page: AuthRequest) -> Progress {
        if let Some(opaque) = page.opaque.clone() {
            self.opaque = Some(opaque);
        }
        if page.sso.is_some() {
            return over(protocol("the gateway signs people in by a browser, which this client cannot do"));
        }
        if page.host_scan.is_some() {
            return over(FailureCode::PostureUnsupported);
        }
        if page.client_cert_request && !self.no_certificate {
            self.no_certificate = true;
            return self.send_init();
        }
        if let Some(banner) = &page.banner {
            self.banner = Some(banner.clone());
        }
        if page.authentication_complete {
            return self.send_reply(Vec::new());
        }
        let Some(form) = &page.form else {
            return over(match (&page.error, &page.message) {
                (Some(error), _) => gateway_says(error),
                (None, Some(message)) => FailureCode::GatewaySays { text: message.clone() },
                (None, None) => protocol("the gateway's page asks for nothing"),
            });
        };

        let again = self.repeats(&page);
        let notice = again.then(|| self.notice(&page)).or_else(|| page.error.as_ref().map(gateway_says));
        let last = self.last.take().map(|(question, _)| question);
        if again {
            // What was typed was wrong; it is not sent again by itself.
            self.held = None;
        }
        let asked = Page::new(&page, form, self.password_sent, last.as_ref().filter(|_| again));
        if asked.asks_account() {
            // The gateway begins anew; the password that comes next is no code.
            self.password_sent = false;
        }
        if let Some(question) = asked.question() {
            self.last = Some((question.clone(), page.message.clone()));
        }
        self.page = Some(asked);
        self.go_on(notice.map(Failure::from))
    }

    /// Whether a page asks for the last answer again because it was wrong.
    fn repeats(&self, page: &AuthRequest) -> bool {
        let Some((_, message)) = &self.last else { return false };
        let sounds_wrong = |text: &str| {
            let text = text.to_lowercase();
            ["fail", "incorrect", "invalid", "wrong", "denied"].iter().any(|word| text.contains(word))
        };
        let same = message.is_some() && *message == page.message;
        let answered = self.account_sent || self.password_sent;
        answered
            && (page.error.is_some()
                || page.message.as_deref().is_some_and(sounds_wrong)
                || (same && self.password_sent))
    }

    /// What was wrong with the last answer.
    fn notice(&self, page: &AuthRequest) -> FailureCode {
        match (&self.last, &page.error) {
            (Some((Question::Otp { .. }, _)), _) if self.only_a_code() => FailureCode::WrongOtp,
            (Some((Question::Otp { .. } | Question::Password { .. }, _)), _) => FailureCode::WrongCredentials,
            (
                Some((Question::Group | Question::NewPassword { .. } | Question::Form { .. }, _)) | None,
                error,
            ) => error.as_ref().map_or(FailureCode::WrongCredentials, gateway_says),
        }
    }

    /// Whether the last page was answered by a code and nothing else; then it is what was wrong.
    fn only_a_code(&self) -> bool {
        matches!(self.last, Some((Question::Otp { .. }, _)))
            && !self.page.as_ref().is_some_and(Page::asks_account)
    }

    /// Asks the page's next question, or sends its values when all are there.
    fn go_on(&mut self, notice: Option<Failure>) -> Progress {
        let Some(page) = &mut self.page else {
            return over(protocol("there is no page to answer"));
        };
        let wrong = notice.is_some();
        while let Some(question) = page.question().cloned() {
            match &question {
                Question::Group => match &self.group {
                    Some(group) if page.offers_group(group) => page.skip(),
                    Some(_) | None => break,
                },
                Question::Password { account: Some(index), password: None }
                    if self.account.is_some() && (self.held.is_some() || !self.account_sent) && !wrong =>
                {
                    page.fill(*index, Secret::new(self.account.clone().unwrap_or_default()));
                    page.skip();
                }
                Question::Password { account: None, password: Some(index) } if self.held.is_some() => {
                    page.fill(*index, self.held.take().unwrap_or_default());
                    page.skip();
                }
                Question::Password { .. }
                | Question::Otp { .. }
                | Question::NewPassword { .. }
                | Question::Form { .. } => break,
            }
        }
        match page.question() {
            Some(question) => {
                let step = page.step(question, self.account.as_deref());
                if let Some((last, _)) = &mut self.last {
                    *last = question.clone();
                }
                Progress::Ask { step, notice, expires_in: None }
            }
            None => {
                let fields = page.fields();
                self.account_sent |= page.sends_account();
                self.password_sent |= page.sends_password();
                let action = page.action.clone();
                if self.group.is_none() {
                    self.group = page.proposed_group();
                }
                match self.resolve(&action) {
                    Some(path) => self.path = path,
                    None => return over(protocol("the gateway's form leads to another host")),
                }
                self.send_reply(fields)
            }
        }
    }

    fn granted(&mut self, cookie: Option<Secret>, banner: Option<String>) -> Progress {
        let usable = |cookie: &Secret| {
            let text = cookie.expose();
            !text.is_empty()
                && text.len() <= MAX_COOKIE
                && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b',' | b'"'))
        };
        let Some(cookie) = cookie.filter(usable) else {
            return over(protocol("the gateway gave no usable session cookie"));
        };
        let account = AccountName::new(self.account.clone().unwrap_or_default());
        Progress::Granted(Box::new(Granted {
            grant: Grant { session: None, cookie, account },
            bound: false,
            banner: banner.or(self.banner.take()),
        }))
    }

    fn redirected(&mut self, reply: &HttpReply) -> Progress {
        self.redirects += 1;
        if !self.opening || self.redirects > MAX_REDIRECTS {
            return over(protocol("the gateway redirects too often"));
        }
        match reply.header("Location").and_then(|location| self.resolve(location)) {
            Some(path) => {
                self.path = path;
                self.send_init()
            }
            None => over(protocol("the gateway redirects to another host")),
        }
    }

    /// The path that `reference` leads to, if it stays on this host and port.
    fn resolve(&self, reference: &str) -> Option<String> {
        let reference = reference.trim();
        let clean = |path: &str| path.bytes().all(|b| b.is_ascii_graphic()).then(|| path.to_owned());
        if reference.is_empty() {
            return Some(self.path.clone());
        }
        let has_scheme = |(scheme, _): (&str, &str)| !scheme.contains(['/', '?', '#']);
        if reference.split_once("://").is_some_and(has_scheme) {
            let (url, query) = match reference.split_once('?') {
                Some((url, query)) => (url, Some(query)),
                None => (reference, None),
            };
            let address: GatewayAddress = url.parse().ok()?;
            let path = match query {
                Some(query) => format!("{}?{query}", address.path()),
                None => address.path().to_owned(),
            };
            return if address.same_origin(&self.introduction.profile.gateway) { clean(&path) } else { None };
        }
        if reference.starts_with("//") {
            return None;
        }
        if reference.starts_with('/') {
            return clean(reference);
        }
        let folder = self.path.split('?').next().unwrap_or_default();
        let folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
        clean(&format!("{folder}/{reference}"))
    }

    fn keep_cookies(&mut self, reply: &HttpReply) {
        for cookie in reply.all("Set-Cookie").filter_map(SetCookie::parse) {
            self.cookies.retain(|(name, _)| name != cookie.name);
            let fits =
                cookie.name.len() + cookie.value.len() <= MAX_COOKIE && self.cookies.len() < MAX_COOKIES;
            if !cookie.deleted && fits {
                self.cookies.push((cookie.name.to_owned(), Secret::new(cookie.value)));
            }
        }
    }

    fn cookie(&self, name: &str) -> Option<Secret> {
        self.cookies.iter().find(|(have, _)| have == name).map(|(_, value)| value.clone())
    }

    fn send_init(&mut self) -> Progress {
        self.opening = true;
        self.page = None;
        let mut document = Init { client: self.client(), ..Init::default() };
        document.group_access = Some(self.introduction.profile.gateway.to_string());
        document.group_select = self.group.clone();
        document.client_cert_fail = self.no_certificate;
        self.send(&ClientDocument::Init(document))
    }

    fn send_reply(&mut self, fields: Vec<(String, Secret)>) -> Progress {
        self.opening = false;
        let opaque = self.opaque.clone();
        let group_select = self.group.clone();
        let reply = AuthReply { client: self.client(), opaque, fields, group_select, host_scan_token: None };
        self.send(&ClientDocument::AuthReply(reply))
    }

    fn send(&mut self, document: &ClientDocument) -> Progress {
        self.requests += 1;
        if self.requests > MAX_REQUESTS {
            return over(protocol("the gateway asks without end"));
        }
        let text = match write_client(document) {
            Ok(text) => Secret::new(text),
            Err(error) => return over(protocol(format!("the answer cannot be sent: {error}"))),
        };
        let mut request = HttpRequest::new(Method::Post, self.path.clone());
        let padding = text.expose().len().next_multiple_of(64) - text.expose().len();
        for (name, value) in [
            ("User-Agent", self.user_agent()),
            ("Accept", "*/*".to_owned()),
            ("Accept-Encoding", "identity".to_owned()),
            ("X-Transcend-Version", "1".to_owned()),
            ("X-Aggregate-Auth", "1".to_owned()),
            // Hides the length of what was typed.
            ("X-Pad", "0".repeat(padding)),
        ] {
            request.headers.push((name, value));
        }
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={}", value.expose())).collect();
        request.cookies = (!cookies.is_empty()).then(|| Secret::new(cookies.join("; ")));
        request.body = Some(Body { content_type: "application/xml; charset=utf-8", text });
        Progress::Send(request)
    }

    /// ocserv knows OpenConnect's clients by this prefix, newer Cisco gateways by its first word.
    fn user_agent(&self) -> String {
        format!("AnyConnect-compatible OpenConnect VPN Agent (Praya) v{}", self.introduction.version)
    }

    fn client(&self) -> ClientInfo {
        ClientInfo {
            version: Some(format!("v{}", self.introduction.version)),
            device_id: Some("linux-64".to_owned()),
            device_attributes: Vec::new(),
            auth_methods: Vec::new(),
        }
    }
}

fn over(code: FailureCode) -> Progress {
    Progress::Over(code.into())
}

fn gateway_says(error: &PageError) -> FailureCode {
    FailureCode::GatewaySays { text: error.rendered() }
}
