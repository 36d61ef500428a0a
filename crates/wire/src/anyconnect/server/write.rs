//! Writes a gateway's document so that stock clients understand it.

use praya_model::Secret;

use super::{
    AuthRequest, Choice, Complete, Form, HostScan, InputKind, PageError, ServerDocument, usable_name,
};
use crate::anyconnect::xml::{self, Element};
use crate::anyconnect::{MAX_INPUTS, Opaque, XmlError};

/// Writes a gateway's document.
///
/// Control characters in words for people become blanks.
///
/// # Errors
/// [`XmlError::MissingAuthId`] for a page without an id, [`XmlError::BadName`] for an input whose name a client could
/// not send back, [`XmlError::BadCharacter`] for a value that XML cannot carry, [`XmlError::TooManyInputs`].
pub fn write_server(document: &ServerDocument) -> Result<String, XmlError> {
    let kind = if matches!(document, ServerDocument::Complete(_)) { "complete" } else { "auth-request" };
    let mut root = Element::new("config-auth")
        .attribute("client", "vpn")
        .attribute("type", kind)
        .child(Element::new("version").attribute("who", "sg").text("0.1(1)"));
    match document {
        ServerDocument::AuthRequest(page) => write_page(&mut root, page)?,
        ServerDocument::Complete(complete) => write_complete(&mut root, complete),
        ServerDocument::ClientCertRequest { multiple } => push_cert_request(&mut root, *multiple),
        ServerDocument::HostScan(scan) => root.push(host_scan_element(scan)),
        ServerDocument::Error(error) => root.push(error_element(error)),
    }
    Ok(xml::write(&root)?.to_string())
}

fn write_page(root: &mut Element, page: &AuthRequest) -> Result<(), XmlError> {
    if page.id.is_empty() || page.id == "success" {
        return Err(XmlError::MissingAuthId);
    }
    if let Some(Opaque(opaque)) = &page.opaque {
        root.push(opaque.clone());
    }
    root.push_optional("session-id", page.session_id.as_ref().map(Secret::expose));
    root.push_optional("session-token", page.session_token.as_ref().map(Secret::expose));
    if page.client_cert_request {
        push_cert_request(root, false);
    }
    if page.multiple_client_cert_request {
        push_cert_request(root, true);
    }
    if page.cert_authenticated {
        root.push(Element::new("cert-authenticated"));
    }
    if let Some(scan) = &page.host_scan {
        root.push(host_scan_element(scan));
    }
    let mut auth = Element::new("auth").attribute("id", &xml::clean(&page.id));
    push_shown(&mut auth, "title", page.title.as_deref());
    push_shown(&mut auth, "banner", page.banner.as_deref());
    push_shown(&mut auth, "message", page.message.as_deref());
    if let Some(error) = &page.error {
        auth.push(error_element(error));
    }
    if let Some(sso) = &page.sso {
        push_shown(&mut auth, "sso-v2-login", sso.login.as_deref());
        push_shown(&mut auth, "sso-v2-login-final", sso.login_final.as_deref());
        push_shown(&mut auth, "sso-v2-token-cookie-name", sso.token_cookie_name.as_deref());
        push_shown(&mut auth, "sso-v2-error-cookie-name", sso.error_cookie_name.as_deref());
        push_shown(&mut auth, "sso-v2-browser-mode", sso.browser_mode.as_deref());
    }
    if page.authentication_complete {
        auth.push(Element::new("authentication-complete"));
    }
    if let Some(form) = &page.form {
        auth.push(form_element(form)?);
    }
    root.push(auth);
    Ok(())
}

fn write_complete(root: &mut Element, complete: &Complete) {
    root.push_optional("session-id", complete.session_id.as_ref().map(Secret::expose));
    root.push_optional("session-token", complete.session_token.as_ref().map(Secret::expose));
    let mut auth = Element::new("auth").attribute("id", "success");
    push_shown(&mut auth, "title", complete.title.as_deref());
    push_shown(&mut auth, "banner", complete.banner.as_deref());
    push_shown(&mut auth, "message", complete.message.as_deref());
    root.push(auth);
    if let Some(profile) = &complete.profile {
        let mut file = Element::new("file").attribute("type", "profile").attribute("service-type", "user");
        push_shown(&mut file, "uri", Some(&profile.uri));
        if let Some(sha1) = &profile.sha1 {
            file.push(Element::new("hash").attribute("type", "sha1").text(&xml::clean(sha1)));
        }
        let vpn = Element::new("vpn").attribute("rev", "1.0").child(file);
        root.push(
            Element::new("config")
                .attribute("client", "vpn")
                .child(Element::new("vpn-profile-manifest").child(vpn)),
        );
    }
}

fn form_element(form: &Form) -> Result<Element, XmlError> {
    if form.inputs.len() > MAX_INPUTS {
        return Err(XmlError::TooManyInputs);
    }
    let mut element = Element::new("form")
        .attribute("method", &xml::clean(&form.method))
        .attribute("action", &xml::clean(&form.action));
    for input in &form.inputs {
        if !usable_name(&input.name, &input.kind) {
            return Err(XmlError::BadName);
        }
        let kind = match &input.kind {
            InputKind::Text => "text",
            InputKind::Password => "password",
            InputKind::Hidden => "hidden",
            InputKind::Sso => "sso",
            InputKind::Submit => "submit",
            InputKind::Reset => "reset",
            InputKind::Select(_) => "",
        };
        let mut child = match kind {
            "" => Element::new("select"),
            kind => Element::new("input").attribute("type", kind),
        };
        child = child.attribute("name", &input.name);
        if let Some(label) = &input.label {
            child = child.attribute("label", &xml::clean(label));
        }
        if let Some(value) = &input.value {
            child = child.attribute("value", value.expose());
        }
        if input.second_auth {
            child = child.attribute("second-auth", "1");
        }
        if let InputKind::Select(choices) = &input.kind {
            if choices.len() > MAX_INPUTS {
                return Err(XmlError::TooManyInputs);
            }
            choices.iter().for_each(|choice| child.push(choice_element(choice)));
        }
        element.push(child);
    }
    Ok(element)
}

fn choice_element(choice: &Choice) -> Element {
    let mut option = Element::new("option").attribute("value", &xml::clean(&choice.value));
    for (name, value) in [
        ("selected", choice.selected.then_some("true")),
        ("noaaa", choice.no_aaa.then_some("1")),
        ("second-auth", choice.second_auth.then_some("1")),
        ("override-name", choice.override_name.as_deref()),
        ("override-label", choice.override_label.as_deref()),
        ("auth-type", choice.auth_type.as_deref()),
    ] {
        if let Some(value) = value {
            option = option.attribute(name, &xml::clean(value));
        }
    }
    option.text(&xml::clean(&choice.label))
}

fn error_element(error: &PageError) -> Element {
    Element::new("error")
        .attribute("id", &xml::clean(error.id.as_deref().unwrap_or_default()))
        .attribute("param1", &xml::clean(error.param1.as_deref().unwrap_or_default()))
        .attribute("param2", &xml::clean(error.param2.as_deref().unwrap_or_default()))
        .text(&xml::clean(&error.text))
}

fn host_scan_element(scan: &HostScan) -> Element {
    let mut element = Element::new("host-scan");
    element.push_optional("host-scan-ticket", scan.ticket.as_ref().map(Secret::expose));
    element.push_optional("host-scan-token", scan.token.as_ref().map(Secret::expose));
    push_shown(&mut element, "host-scan-base-uri", scan.base_uri.as_deref());
    push_shown(&mut element, "host-scan-wait-uri", scan.wait_uri.as_deref());
    element
}

fn push_cert_request(root: &mut Element, multiple: bool) {
    root.push(Element::new(if multiple { "multiple-client-cert-request" } else { "client-cert-request" }));
}

fn push_shown(parent: &mut Element, name: &str, text: Option<&str>) {
    parent.push_optional(name, text.map(xml::clean).as_deref());
}
