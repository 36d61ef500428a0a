//! What a client POSTs: `init`, then one `auth-reply` per page.

use praya_model::Secret;

use super::xml::{self, Element};
use super::{MAX_INPUTS, Opaque, XmlError};

/// A client's document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientDocument {
    /// Starts the conversation, or starts it anew for another group.
    Init(Init),
    /// Answers a page.
    AuthReply(AuthReply),
}

/// What a client says about itself in every document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its version, e.g. `v9.01-3`.
    pub version: Option<String>,
    /// Its platform: `linux-64`, `win`, `mac-intel`, `android`, `apple-ios`, …
    pub device_id: Option<String>,
    /// What else it says about the device, e.g. `computer-name`, `platform-version`, `unique-id`.
    pub device_attributes: Vec<(String, String)>,
    /// The extra ways of signing in that it can do, e.g. `single-sign-on-v2`.
    pub auth_methods: Vec<String>,
}

/// `type="init"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Init {
    /// Who asks.
    pub client: ClientInfo,
    /// The URL that the person gave.
    pub group_access: Option<String>,
    /// The group that was chosen on an earlier page.
    pub group_select: Option<String>,
    /// Whether the client has no certificate to show.
    pub client_cert_fail: bool,
}

/// `type="auth-reply"`.
///
/// Which name a value is sent under is the client's business: openconnect sends the inputs `answer`, `whichpin` and
/// `new_password` as `password`, leaves `verify_pin` and `verify_password` out, and moves `group_list` into
/// [`AuthReply::group_select`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthReply {
    /// Who answers.
    pub client: ClientInfo,
    /// The gateway's own state, returned.
    pub opaque: Option<Opaque>,
    /// The values, in order, exactly as typed; a name may come twice.
    pub fields: Vec<(String, Secret)>,
    /// The group that was chosen.
    pub group_select: Option<String>,
    /// The token of a host scan.
    pub host_scan_token: Option<Secret>,
}

impl AuthReply {
    /// The first value of that name.
    pub fn field(&self, name: &str) -> Option<&Secret> {
        self.fields.iter().find(|(have, _)| have == name).map(|(_, value)| value)
    }
}

/// Reads a client's document.
///
/// # Errors
/// See [`XmlError`].
pub fn parse_client(document: &[u8]) -> Result<ClientDocument, XmlError> {
    let root = xml::parse(document)?;
    if root.name() != "config-auth" {
        return Err(XmlError::UnknownRoot);
    }
    match root.get("type") {
        Some("init") => Ok(ClientDocument::Init(Init {
            client: client_info(&root),
            group_access: root.shown_child("group-access"),
            group_select: root.shown_child("group-select"),
            client_cert_fail: root.find("client-cert-fail").is_some(),
        })),
        Some("auth-reply") => Ok(ClientDocument::AuthReply(AuthReply {
            client: client_info(&root),
            opaque: root.find("opaque").cloned().map(Opaque),
            fields: fields(&root)?,
            group_select: root.shown_child("group-select"),
            host_scan_token: root.find("host-scan-token").map(Element::value),
        })),
        Some(_) | None => Err(XmlError::UnknownType),
    }
}

/// Writes a client's document.
///
/// # Errors
/// [`XmlError::BadName`] for a field that cannot be an element, [`XmlError::BadCharacter`] for a value that XML
/// cannot carry, [`XmlError::TooManyInputs`] above [`MAX_INPUTS`].
pub fn write_client(document: &ClientDocument) -> Result<String, XmlError> {
    let root = |kind: &str| {
        Element::new("config-auth")
            .attribute("client", "vpn")
            .attribute("type", kind)
            .attribute("aggregate-auth-version", "2")
    };
    let root = match document {
        ClientDocument::Init(init) => {
            let mut root = root("init");
            push_client_info(&mut root, &init.client);
            root.push_optional("group-access", init.group_access.as_deref());
            if init.client_cert_fail {
                root.push(Element::new("client-cert-fail"));
            }
            root.push_optional("group-select", init.group_select.as_deref());
            root
        }
        ClientDocument::AuthReply(reply) => {
            if reply.fields.len() > MAX_INPUTS {
                return Err(XmlError::TooManyInputs);
            }
            let mut root = root("auth-reply");
            push_client_info(&mut root, &reply.client);
            if let Some(Opaque(opaque)) = &reply.opaque {
                root.push(opaque.clone());
            }
            let mut auth = Element::new("auth");
            for (name, value) in &reply.fields {
                auth.push(Element::new(name.as_str()).text(value.expose()));
            }
            root.push(auth);
            root.push_optional("group-select", reply.group_select.as_deref());
            root.push_optional("host-scan-token", reply.host_scan_token.as_ref().map(Secret::expose));
            root
        }
    };
    Ok(xml::write(&root)?.to_string())
}

fn client_info(root: &Element) -> ClientInfo {
    let device = root.find("device-id");
    let attribute = |(name, value): (&str, &str)| (name.to_owned(), xml::clean(value));
    ClientInfo {
        version: root.shown_child("version"),
        device_id: device.and_then(Element::shown),
        device_attributes: device.map(|d| d.attributes().map(attribute).collect()).unwrap_or_default(),
        auth_methods: root
            .find("capabilities")
            .map(|list| {
                list.children().filter(|c| c.name() == "auth-method").filter_map(Element::shown).collect()
            })
            .unwrap_or_default(),
    }
}

fn fields(root: &Element) -> Result<Vec<(String, Secret)>, XmlError> {
    let Some(auth) = root.find("auth") else {
        return Ok(Vec::new());
    };
    if auth.children().count() > MAX_INPUTS {
        return Err(XmlError::TooManyInputs);
    }
    Ok(auth.children().map(|field| (field.name().to_owned(), field.value())).collect())
}

fn push_client_info(root: &mut Element, client: &ClientInfo) {
    if let Some(version) = &client.version {
        root.push(Element::new("version").attribute("who", "vpn").text(version));
    }
    if client.device_id.is_some() || !client.device_attributes.is_empty() {
        let mut device = Element::new("device-id");
        for (name, value) in &client.device_attributes {
            device = device.attribute(name, value);
        }
        root.push(device.text(client.device_id.as_deref().unwrap_or_default()));
    }
    if !client.auth_methods.is_empty() {
        let mut list = Element::new("capabilities");
        for method in &client.auth_methods {
            list.push_optional("auth-method", Some(method));
        }
        root.push(list);
    }
}

#[cfg(test)]
#[path = "client/tests.rs"]
mod tests;
