//! Reads a gateway's document: ocserv's, Cisco's, ours.

use praya_model::Secret;

use super::{
    AuthRequest, Choice, Complete, Form, HostScan, Input, InputKind, PageError, ProfileFile, ServerDocument,
    Sso, usable_name,
};
use crate::anyconnect::xml::{self, Element};
use crate::anyconnect::{MAX_INPUTS, Opaque, XmlError};

/// Reads a gateway's document: `<config-auth>`, or the bare `<auth>` of old gateways.
///
/// Words for people come without control characters and surrounding blanks; values come exactly as they are.
///
/// # Errors
/// See [`XmlError`].
pub fn parse_server(document: &[u8]) -> Result<ServerDocument, XmlError> {
    let root = xml::parse_forgiving(document)?;
    match root.name() {
        "config-auth" => read_config_auth(&root),
        "auth" => read_auth(&root, &root),
        _ => Err(XmlError::UnknownRoot),
    }
}

fn read_config_auth(root: &Element) -> Result<ServerDocument, XmlError> {
    if let Some(auth) = root.find("auth") {
        return read_auth(root, auth);
    }
    if root.find("multiple-client-cert-request").is_some() {
        return Ok(ServerDocument::ClientCertRequest { multiple: true });
    }
    if root.find("client-cert-request").is_some() {
        return Ok(ServerDocument::ClientCertRequest { multiple: false });
    }
    if let Some(scan) = read_host_scan(root, root) {
        return Ok(ServerDocument::HostScan(scan));
    }
    read_error(root).map(ServerDocument::Error).ok_or(XmlError::Empty)
}

/// `root` is `auth` itself in an old gateway's document.
fn read_auth(root: &Element, auth: &Element) -> Result<ServerDocument, XmlError> {
    let id = auth.get("id").map(xml::clean).filter(|id| !id.is_empty()).ok_or(XmlError::MissingAuthId)?;
    let secret = |name| root.find(name).map(Element::value).filter(|value| !value.is_empty());
    if id == "success" {
        return Ok(ServerDocument::Complete(Complete {
            title: auth.shown_child("title"),
            banner: auth.shown_child("banner"),
            message: auth.shown_child("message"),
            session_token: secret("session-token"),
            session_id: secret("session-id"),
            profile: read_profile(root),
        }));
    }
    Ok(ServerDocument::AuthRequest(Box::new(AuthRequest {
        id,
        title: auth.shown_child("title"),
        banner: auth.shown_child("banner"),
        message: auth.shown_child("message"),
        error: read_error(auth).or_else(|| read_error(root)),
        form: auth.find("form").map(read_form).transpose()?,
        sso: read_sso(auth),
        authentication_complete: auth.find("authentication-complete").is_some(),
        host_scan: read_host_scan(root, auth),
        opaque: root.find("opaque").cloned().map(Opaque),
        session_id: secret("session-id"),
        session_token: secret("session-token"),
        client_cert_request: root.find("client-cert-request").is_some(),
        multiple_client_cert_request: root.find("multiple-client-cert-request").is_some(),
        cert_authenticated: root.find("cert-authenticated").is_some(),
    })))
}

fn read_error(parent: &Element) -> Option<PageError> {
    let error = parent.find("error")?;
    let attribute = |name| error.get(name).map(xml::clean).filter(|text| !text.is_empty());
    let (id, param1, param2) = (attribute("id"), attribute("param1"), attribute("param2"));
    let text = error.shown().unwrap_or_default();
    let says_something = !text.is_empty() || id.is_some();
    says_something.then_some(PageError { id, text, param1, param2 })
}

fn read_form(form: &Element) -> Result<Form, XmlError> {
    let attribute = |name, default: &str| {
        form.get(name).map(xml::clean).filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned())
    };
    let mut inputs = Vec::new();
    for element in form.children() {
        let kind = match (element.name(), element.get("type").map(str::to_ascii_lowercase).as_deref()) {
            ("select", _) => InputKind::Select(read_choices(element)?),
            ("input", None | Some("text")) => InputKind::Text,
            ("input", Some("password")) => InputKind::Password,
            ("input", Some("hidden")) => InputKind::Hidden,
            ("input", Some("sso")) => InputKind::Sso,
            ("input", Some("submit")) => InputKind::Submit,
            ("input", Some("reset")) => InputKind::Reset,
            _ => continue,
        };
        if inputs.len() == MAX_INPUTS {
            return Err(XmlError::TooManyInputs);
        }
        let name = element.get("name").unwrap_or_default();
        if !usable_name(name, &kind) {
            return Err(XmlError::BadName);
        }
        inputs.push(Input {
            name: name.to_owned(),
            label: element.get("label").map(xml::clean).filter(|label| !label.is_empty()),
            kind,
            value: element.get("value").filter(|value| !value.is_empty()).map(Secret::new),
            second_auth: is_set(element, "second-auth"),
        });
    }
    Ok(Form { method: attribute("method", "post"), action: attribute("action", "/"), inputs })
}

fn read_choices(select: &Element) -> Result<Vec<Choice>, XmlError> {
    let mut choices = Vec::new();
    for option in select.children().filter(|child| child.name() == "option") {
        if choices.len() == MAX_INPUTS {
            return Err(XmlError::TooManyInputs);
        }
        let attribute = |name| option.get(name).map(xml::clean).filter(|text| !text.is_empty());
        let label = option.shown();
        let value = attribute("value").or_else(|| label.clone()).unwrap_or_default();
        choices.push(Choice {
            label: label.unwrap_or_else(|| value.clone()),
            value,
            selected: is_set(option, "selected"),
            no_aaa: is_set(option, "noaaa"),
            second_auth: is_set(option, "second-auth"),
            override_name: attribute("override-name"),
            override_label: attribute("override-label"),
            auth_type: attribute("auth-type"),
        });
    }
    Ok(choices)
}

fn read_sso(auth: &Element) -> Option<Sso> {
    let sso = Sso {
        login: auth.shown_child("sso-v2-login"),
        login_final: auth.shown_child("sso-v2-login-final"),
        token_cookie_name: auth.shown_child("sso-v2-token-cookie-name"),
        error_cookie_name: auth.shown_child("sso-v2-error-cookie-name"),
        browser_mode: auth.shown_child("sso-v2-browser-mode"),
    };
    (sso != Sso::default()).then_some(sso)
}

/// Either the new form (`host-scan` beside `auth`) or the old one (`csd*` inside it).
fn read_host_scan(root: &Element, auth: &Element) -> Option<HostScan> {
    let mut scan = HostScan::default();
    let mut demanded = false;
    if let Some(element) = root.find("host-scan") {
        demanded = true;
        let secret = |name| element.find(name).map(Element::value).filter(|value| !value.is_empty());
        scan.ticket = secret("host-scan-ticket");
        scan.token = secret("host-scan-token");
        scan.base_uri = element.shown_child("host-scan-base-uri");
        scan.wait_uri = element.shown_child("host-scan-wait-uri");
    }
    for element in auth.children().filter(|child| child.name().starts_with("csd")) {
        demanded = true;
        let secret = |name| element.get(name).filter(|value| !value.is_empty()).map(Secret::new);
        let shown = |name| element.get(name).map(xml::clean).filter(|text| !text.is_empty());
        scan.ticket = scan.ticket.or_else(|| secret("ticket"));
        scan.token = scan.token.or_else(|| secret("token"));
        scan.base_uri = scan.base_uri.or_else(|| shown("stuburl"));
        scan.wait_uri = scan.wait_uri.or_else(|| shown("waiturl"));
    }
    demanded.then_some(scan)
}

fn read_profile(root: &Element) -> Option<ProfileFile> {
    let manifest = root.find("config")?.find("vpn-profile-manifest")?;
    let files = manifest.find("vpn").unwrap_or(manifest);
    let file =
        files.children().find(|child| child.name() == "file" && child.get("type") == Some("profile"))?;
    Some(ProfileFile { uri: file.shown_child("uri")?, sha1: file.shown_child("hash") })
}

fn is_set(element: &Element, attribute: &str) -> bool {
    element.get(attribute).is_some_and(|value| matches!(value, "true" | "1" | "yes" | "selected"))
}
