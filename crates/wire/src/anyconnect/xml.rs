//! A small element tree over quick-xml, with the limits and refusals of this protocol, and its writer.

use praya_model::Secret;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use zeroize::{Zeroize, Zeroizing};

use super::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_DOCUMENT, MAX_ELEMENTS, MAX_TEXT, XmlError};

/// One element. It has no `Debug`, because documents carry passwords, and is overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    nodes: Vec<Node>,
}

#[derive(Clone, PartialEq, Eq)]
enum Node {
    Text(Zeroizing<String>),
    Element(Element),
}

impl Element {
    /// An empty element; `name` must satisfy [`is_name`].
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), attributes: Vec::new(), nodes: Vec::new() }
    }

    /// With one more attribute.
    pub(super) fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attributes.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With more text at its end.
    pub(super) fn text(mut self, text: &str) -> Self {
        self.push_text(text);
        self
    }

    /// With one more child.
    pub(super) fn child(mut self, child: Self) -> Self {
        self.push(child);
        self
    }

    /// Appends a child.
    pub(super) fn push(&mut self, child: Self) {
        self.nodes.push(Node::Element(child));
    }

    /// Appends `<name>text</name>`, when there is a text.
    pub(super) fn push_optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.push(Self::new(name).text(text));
        }
    }

    /// Its name, with whatever prefix it came with.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// An attribute's value.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.attributes().find(|(have, _)| *have == name).map(|(_, value)| value)
    }

    /// Every attribute.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (&str, &str)> {
        self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Its child elements, in order.
    pub(super) fn children(&self) -> impl Iterator<Item = &Self> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child of that name.
    pub(super) fn find(&self, name: &str) -> Option<&Self> {
        self.children().find(|child| child.name == name)
    }

    /// The text directly in it, exactly as it is.
    pub(super) fn value(&self) -> Secret {
        let mut text = String::new();
        for node in &self.nodes {
            if let Node::Text(part) = node {
                text.push_str(part);
            }
        }
        Secret::new(text)
    }

    /// The text directly in it, for eyes: see [`clean`]. `None` when nothing is left.
    pub(super) fn shown(&self) -> Option<String> {
        Some(clean(self.value().expose())).filter(|text| !text.is_empty())
    }

    /// [`Element::shown`] of the first child of that name.
    pub(super) fn shown_child(&self, name: &str) -> Option<String> {
        self.find(name)?.shown()
    }

    fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(Node::Text(last)) = self.nodes.last_mut() {
            last.push_str(text);
        } else {
            self.nodes.push(Node::Text(Zeroizing::new(text.to_owned())));
        }
    }

    fn last_text_len(&self) -> usize {
        match self.nodes.last() {
            Some(Node::Text(text)) => text.len(),
            Some(Node::Element(_)) | None => 0,
        }
    }

    fn write(&self, out: &mut Zeroizing<String>) -> Result<(), XmlError> {
        if !is_name(&self.name) {
            return Err(XmlError::BadName);
        }
        out.push('<');
        out.push_str(&self.name);
        for (name, value) in self.attributes() {
            if !is_name(name) {
                return Err(XmlError::BadName);
            }
            out.push(' ');
            out.push_str(name);
            out.push_str("=\"");
            escape(value, true, out)?;
            out.push('"');
        }
        if self.nodes.is_empty() {
            out.push_str("/>");
            return Ok(());
        }
        out.push('>');
        for node in &self.nodes {
            match node {
                Node::Text(text) => escape(text, false, out)?,
                Node::Element(element) => element.write(out)?,
            }
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
        Ok(())
    }
}

impl Drop for Element {
    fn drop(&mut self) {
        for (_, value) in &mut self.attributes {
            value.zeroize();
        }
    }
}

/// Reads a document into its root element.
pub(super) fn parse(document: &[u8]) -> Result<Element, XmlError> {
    parse_with(document, false)
}

/// As [`parse`], but an ampersand that begins no reference stands for itself: ocserv 1.1.6 copies the
/// administrator's banner into its last document unescaped, and stock clients put up with it.
pub(super) fn parse_forgiving(document: &[u8]) -> Result<Element, XmlError> {
    parse_with(document, true)
}

fn parse_with(document: &[u8], dangling_ampersand: bool) -> Result<Element, XmlError> {
    if document.len() > MAX_DOCUMENT {
        return Err(XmlError::TooLong);
    }
    let text = str::from_utf8(document).map_err(|_| XmlError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if !text.chars().all(is_xml_char) {
        return Err(XmlError::Malformed);
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    reader.config_mut().allow_dangling_amp = dangling_ampersand;
    let mut tree = Tree::default();
    loop {
        match reader.read_event().map_err(|_| XmlError::Malformed)? {
            Event::Start(start) => tree.open(element(&start)?)?,
            Event::Empty(start) => {
                tree.open(element(&start)?)?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => tree.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let c = reference.resolve_char_ref().map_err(|_| XmlError::Malformed)?;
                match c {
                    Some(c) if is_xml_char(c) => tree.text(c.encode_utf8(&mut [0; 4]))?,
                    Some(_) => return Err(XmlError::Malformed),
                    None => {
                        let name = reference.xml10_content();
                        tree.text(resolve_predefined_entity(&name).ok_or(XmlError::Entity)?)?;
                    }
                }
            }
            Event::DocType(_) => return Err(XmlError::DocumentType),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return tree.finish(),
        }
    }
}

/// A document with `root`, as bytes.
pub(super) fn write(root: &Element) -> Result<Zeroizing<String>, XmlError> {
    let mut out = Zeroizing::new(String::with_capacity(1024));
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    root.write(&mut out)?;
    Ok(out)
}

/// Text for eyes: without surrounding blanks and without control characters other than line breaks and tabs.
pub(super) fn clean(text: &str) -> String {
    let replace = |c: char| {
        let harmless = c == '\n' || c == '\t' || (!c.is_control() && is_xml_char(c));
        if harmless { c } else { ' ' }
    };
    text.chars().map(replace).collect::<String>().trim().to_owned()
}

/// Whether `text` can stand as an element's or an attribute's name: ASCII letters, digits and `-._:`.
pub(super) fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"-._:".contains(&b))
        && text.len() <= 64
}

/// XML 1.0 production 2.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..)
}

fn escape(text: &str, in_attribute: bool, out: &mut String) -> Result<(), XmlError> {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if in_attribute => out.push_str("&quot;"),
            // Readers normalise these three away unless they are character references.
            '\r' => out.push_str("&#13;"),
            '\n' if in_attribute => out.push_str("&#10;"),
            '\t' if in_attribute => out.push_str("&#9;"),
            c if is_xml_char(c) => out.push(c),
            _ => return Err(XmlError::BadCharacter),
        }
    }
    Ok(())
}

fn element(start: &BytesStart<'_>) -> Result<Element, XmlError> {
    let name = start.name();
    if !is_name(name.as_ref()) {
        return Err(XmlError::BadName);
    }
    let mut element = Element::new(name.as_ref());
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| XmlError::Malformed)?;
        if element.attributes.len() == MAX_ATTRIBUTES {
            return Err(XmlError::TooManyElements);
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| XmlError::Entity)?;
        if value.len() > MAX_TEXT {
            return Err(XmlError::TextTooLong);
        }
        if !is_name(attribute.key.as_ref()) {
            return Err(XmlError::BadName);
        }
        if !value.chars().all(is_xml_char) {
            return Err(XmlError::Malformed);
        }
        element.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(element)
}

/// The part of the tree that is read so far: the elements that are open, and the root once it is closed.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), XmlError> {
        if self.root.is_some() {
            return Err(XmlError::Malformed);
        }
        if self.open.len() == MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(XmlError::TooManyElements);
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) -> Result<(), XmlError> {
        let element = self.open.pop().ok_or(XmlError::Malformed)?;
        match self.open.last_mut() {
            Some(parent) => parent.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        let Some(element) = self.open.last_mut() else {
            let blank = text.bytes().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'));
            return if blank { Ok(()) } else { Err(XmlError::Malformed) };
        };
        if element.last_text_len().saturating_add(text.len()) > MAX_TEXT {
            return Err(XmlError::TextTooLong);
        }
        element.push_text(text);
        Ok(())
    }

    fn finish(self) -> Result<Element, XmlError> {
        if !self.open.is_empty() {
            return Err(XmlError::Malformed);
        }
        self.root.ok_or(XmlError::Malformed)
    }
}
