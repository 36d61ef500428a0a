//! Client documents as openconnect writes them, and as they must not be.

use proptest::prelude::*;

use super::*;
use crate::anyconnect::{MAX_DEPTH, MAX_DOCUMENT, MAX_ELEMENTS, MAX_TEXT};

const INIT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<config-auth client="vpn" type="init" aggregate-auth-version="2"><version who="vpn">v9.01-3</version><device-id>linux-64</device-id><capabilities><auth-method>single-sign-on-v2</auth-method><auth-method>single-sign-on-external-browser</auth-method></capabilities><group-access>https://vpn.lab/</group-access></config-auth>"#;

const REPLY: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<config-auth client="vpn" type="auth-reply" aggregate-auth-version="2"><version who="vpn">v9.01-3</version><device-id computer-name="LAPTOP" unique-id="abc">linux-64</device-id><opaque is-for="sg"><tunnel-group>T</tunnel-group> <auth-method>x&amp;y</auth-method></opaque><auth><username>alice</username><password> p&lt;&#x20;&amp;&quot;&#39;ss </password><password/></auth><group-select>staff</group-select><host-scan-token>HST</host-scan-token></config-auth>"#;

fn reply(document: &str) -> AuthReply {
    match parse_client(document.as_bytes()).unwrap() {
        ClientDocument::AuthReply(reply) => reply,
        ClientDocument::Init(_) => panic!("an init"),
    }
}

fn error(document: impl AsRef<[u8]>) -> XmlError {
    parse_client(document.as_ref()).expect_err("refused")
}

fn with_auth(auth: &str) -> String {
    format!(r#"<config-auth client="vpn" type="auth-reply"><auth>{auth}</auth></config-auth>"#)
}

#[test]
fn openconnects_init_is_read() {
    let ClientDocument::Init(init) = parse_client(INIT.as_bytes()).unwrap() else { panic!("not an init") };
    assert_eq!(init.client.version.as_deref(), Some("v9.01-3"));
    assert_eq!(init.client.device_id.as_deref(), Some("linux-64"));
    assert_eq!(init.client.auth_methods, ["single-sign-on-v2", "single-sign-on-external-browser"]);
    assert_eq!(init.group_access.as_deref(), Some("https://vpn.lab/"));
    assert_eq!((init.group_select, init.client_cert_fail), (None, false));
}

#[test]
fn openconnects_reply_is_read_with_values_exactly_as_typed() {
    let reply = reply(REPLY);
    assert_eq!(reply.field("username").unwrap().expose(), "alice");
    assert_eq!(reply.field("password").unwrap().expose(), " p< &\"'ss ");
    assert_eq!(reply.fields.len(), 3);
    assert_eq!(reply.group_select.as_deref(), Some("staff"));
    assert_eq!(reply.host_scan_token.as_ref().unwrap().expose(), "HST");
    assert_eq!(
        reply.client.device_attributes,
        [("computer-name".to_owned(), "LAPTOP".to_owned()), ("unique-id".to_owned(), "abc".to_owned())]
    );
}

#[test]
fn opaque_is_returned_as_it_was() {
    let document = ClientDocument::AuthReply(reply(REPLY));
    let written = write_client(&document).unwrap();
    let opaque =
        r#"<opaque is-for="sg"><tunnel-group>T</tunnel-group> <auth-method>x&amp;y</auth-method></opaque>"#;
    assert!(written.contains(opaque), "{written}");
    let own = Opaque::new(&Secret::new("ticket <1>"));
    assert_eq!(own.text().expose(), "ticket <1>");
}

#[test]
fn a_document_is_written_as_openconnect_writes_it() {
    assert_eq!(write_client(&parse_client(INIT.as_bytes()).unwrap()).unwrap(), INIT);
}

#[test]
fn an_empty_reply_has_no_fields() {
    assert!(reply(r#"<config-auth client="vpn" type="auth-reply"><auth/></config-auth>"#).fields.is_empty());
    assert!(reply(r#"<config-auth client="vpn" type="auth-reply"></config-auth>"#).fields.is_empty());
}

#[test]
fn character_data_sections_and_comments_are_understood() {
    let reply = reply(&with_auth("<!-- x --><password>a<![CDATA[<&>]]>b</password>"));
    assert_eq!(reply.field("password").unwrap().expose(), "a<&>b");
}

#[test]
fn document_types_and_entities_are_refused() {
    let doctype = format!("<!DOCTYPE x [<!ENTITY e \"boom\">]>{}", with_auth("<password>&e;</password>"));
    assert_eq!(error(doctype), XmlError::DocumentType);
    assert_eq!(error(with_auth("<password>&e;</password>")), XmlError::Entity);
    assert_eq!(error(with_auth("<password>&nbsp;</password>")), XmlError::Entity);
    assert_eq!(error(with_auth("<password a=\"&e;\"/>")), XmlError::Entity);
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for document in [
        "",
        "plain",
        "<config-auth type='init'>",
        "<config-auth type='init'></other>",
        "<config-auth type='init'/><config-auth type='init'/>",
        "<config-auth type='init'/>trailing",
        "<config-auth type='init' type='auth-reply'/>",
        "<config-auth type='init'>&#0;</config-auth>",
        "<config-auth type='init'>&#xFFFF;</config-auth>",
        "<config-auth type='init'>\u{1}</config-auth>",
        "<config-auth type='init'>a & b</config-auth>",
        "<config-auth type='init'",
        "</config-auth>",
    ] {
        assert_eq!(error(document), XmlError::Malformed, "{document:?}");
    }
    assert_eq!(error(b"<config-auth type='init'>\xff</config-auth>"), XmlError::NotUtf8);
}

#[test]
fn other_documents_are_refused() {
    assert_eq!(error("<html/>"), XmlError::UnknownRoot);
    assert_eq!(error("<config-auth type='logout'/>"), XmlError::UnknownType);
    assert_eq!(error("<config-auth/>"), XmlError::UnknownType);
    assert_eq!(error(with_auth("<p\u{e4}ss/>")), XmlError::BadName);
}

#[test]
fn every_limit_holds() {
    assert_eq!(error(vec![b' '; MAX_DOCUMENT + 1]), XmlError::TooLong);
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(parse_client(with_auth(&nested(MAX_DEPTH - 2)).as_bytes()).is_ok());
    assert_eq!(error(with_auth(&nested(MAX_DEPTH - 1))), XmlError::TooDeep);
    assert_eq!(error(nested(9_000)), XmlError::TooDeep);
    assert!(parse_client(with_auth(&"<a/>".repeat(MAX_INPUTS)).as_bytes()).is_ok());
    assert_eq!(error(with_auth(&"<a/>".repeat(MAX_INPUTS + 1))), XmlError::TooManyInputs);
    assert_eq!(error(with_auth(&"<a/>".repeat(MAX_ELEMENTS))), XmlError::TooManyElements);
    let text = |len: usize| with_auth(&format!("<a>{}</a>", "x".repeat(len)));
    assert!(parse_client(text(MAX_TEXT).as_bytes()).is_ok());
    assert_eq!(error(text(MAX_TEXT + 1)), XmlError::TextTooLong);
    assert_eq!(error(with_auth(&format!("<a b='{}'/>", "x".repeat(MAX_TEXT + 1)))), XmlError::TextTooLong);
    let attributes: String = (0..40).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(error(with_auth(&format!("<a{attributes}/>"))), XmlError::TooManyElements);
}

#[test]
fn pieces_of_one_text_count_together() {
    let pieces = format!("<a>{}</a>", "xxxxxxx&amp;".repeat(MAX_TEXT / 8 + 1));
    assert_eq!(error(with_auth(&pieces)), XmlError::TextTooLong);
}

#[test]
fn what_xml_cannot_carry_is_not_written() {
    let with = |name: &str, value: &str| {
        write_client(&ClientDocument::AuthReply(AuthReply {
            fields: vec![(name.to_owned(), Secret::new(value))],
            ..AuthReply::default()
        }))
    };
    assert_eq!(with("password", "a\u{0}"), Err(XmlError::BadCharacter));
    assert_eq!(with("pass word", "a"), Err(XmlError::BadName));
    assert_eq!(with("", "a"), Err(XmlError::BadName));
    assert_eq!(with("a><b", "a"), Err(XmlError::BadName));
}

#[test]
fn secrets_do_not_print() {
    let text = format!("{:?}", reply(REPLY));
    assert!(!text.contains("ss ") && !text.contains("HST") && !text.contains("tunnel-group"), "{text}");
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(
        fields in prop::collection::vec(("[a-z_][a-z0-9_.-]{0,12}", "[\\t\\r\\n -~\u{e9}\u{5bc6}\u{1f511}]{0,30}"), 0..8),
        group in prop::option::of("[a-z<&\"]{1,10}"),
        ticket in prop::option::of("[a-zA-Z0-9_<>&-]{1,40}"),
        version in prop::option::of("[!-~]{1,20}"),
    ) {
        let document = ClientDocument::AuthReply(AuthReply {
            client: ClientInfo { version, device_id: Some("linux-64".into()), ..ClientInfo::default() },
            opaque: ticket.map(|ticket| Opaque::new(&Secret::from(ticket))),
            fields: fields.into_iter().map(|(name, value)| (name, Secret::from(value))).collect(),
            group_select: group,
            host_scan_token: None,
        });
        let written = write_client(&document).unwrap();
        prop_assert_eq!(parse_client(written.as_bytes()), Ok(document));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::xml_client(&bytes);
    }

    #[test]
    fn any_markup_is_read_without_panic(
        inside in prop::collection::vec(
            prop::sample::select(vec!["<a>", "</a>", "<opaque b='&#9;'>", "</opaque>", "<auth>", "</auth>", "&amp;",
                "&#x41;", "&x;", "<![CDATA[", "]]>", "<!--", "-->", "<?pi", "?>", "<!DOCTYPE", "text", " ", "\r"]),
            0..20,
        ),
    ) {
        let inside = inside.concat();
        crate::fuzz::xml_client(format!("<config-auth type='auth-reply'>{inside}</config-auth>").as_bytes());
        crate::fuzz::xml_server(format!("<config-auth>{inside}<auth id='main'/></config-auth>").as_bytes());
    }
}
