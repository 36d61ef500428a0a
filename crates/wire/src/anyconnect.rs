//! The XML documents of an AnyConnect-compatible sign-in ("aggregate auth"): what the client POSTs, what the gateway
//! answers. Both directions are here, for Praya's gateway and for Praya's client at foreign gateways.
//!
//! Documents are read strictly: UTF-8, no document type, no entities but XML's own five and character references,
//! and limits on everything ([`MAX_DOCUMENT`] and its neighbours).

use thiserror::Error;

mod client;
mod server;
mod urlencoded;
mod xml;

pub use client::{AuthReply, ClientDocument, ClientInfo, Init, parse_client, write_client};
pub use server::{
    AuthRequest, Choice, Complete, Form, HostScan, Input, InputKind, PageError, ProfileFile, ServerDocument,
    Sso, parse_server, write_server,
};
pub use urlencoded::{FormError, parse_urlencoded, write_urlencoded};

use praya_model::Secret;
use xml::Element;

/// The longest document that is read, in bytes; also the longest urlencoded body.
pub const MAX_DOCUMENT: usize = 64 * 1024;
/// The deepest nesting of elements, the root counted.
pub const MAX_DEPTH: usize = 16;
/// The most elements in a document.
pub const MAX_ELEMENTS: usize = 1024;
/// The most attributes of one element.
pub const MAX_ATTRIBUTES: usize = 32;
/// The longest text of one element and the longest attribute value, in bytes after decoding.
pub const MAX_TEXT: usize = 8 * 1024;
/// The most inputs of a form, and the most fields of a reply.
pub const MAX_INPUTS: usize = 64;

/// Why a document is refused, or cannot be written. Never holds any of the document's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum XmlError {
    /// Longer than [`MAX_DOCUMENT`].
    #[error("document is too long")]
    TooLong,
    /// Deeper than [`MAX_DEPTH`].
    #[error("document is nested too deeply")]
    TooDeep,
    /// More than [`MAX_ELEMENTS`], or [`MAX_ATTRIBUTES`] on one of them.
    #[error("document has too many elements or attributes")]
    TooManyElements,
    /// A text or an attribute is longer than [`MAX_TEXT`].
    #[error("a text in the document is too long")]
    TextTooLong,
    /// More than [`MAX_INPUTS`].
    #[error("form has too many inputs")]
    TooManyInputs,
    /// Not UTF-8.
    #[error("document is not UTF-8")]
    NotUtf8,
    /// It declares a document type.
    #[error("document type declarations are refused")]
    DocumentType,
    /// It uses an entity other than XML's own.
    #[error("entities are refused")]
    Entity,
    /// Not well-formed.
    #[error("malformed XML")]
    Malformed,
    /// The root element is not what is spoken here.
    #[error("unknown document")]
    UnknownRoot,
    /// The `type` of the document is not one that is understood.
    #[error("unknown document type")]
    UnknownType,
    /// `<auth>` without an `id`, which decides what the page means.
    #[error("auth page without an id")]
    MissingAuthId,
    /// Neither a page nor anything else to act on.
    #[error("document asks for nothing")]
    Empty,
    /// A field's name is not usable as an element's name, or a form's input has none.
    #[error("unusable field name")]
    BadName,
    /// A value holds a character that XML cannot carry.
    #[error("a value holds a character that XML cannot carry")]
    BadCharacter,
}

/// The gateway's own state that a client carries from reply to reply and sends back as it was.
#[derive(Clone, PartialEq, Eq)]
pub struct Opaque(Element);

impl Opaque {
    /// An opaque element that carries `text`.
    pub fn new(text: &Secret) -> Self {
        Self(Element::new("opaque").attribute("is-for", "sg").text(text.expose()))
    }

    /// The text directly in it, e.g. what was given to [`Opaque::new`].
    pub fn text(&self) -> Secret {
        self.0.value()
    }
}

impl std::fmt::Debug for Opaque {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opaque([secret])")
    }
}
