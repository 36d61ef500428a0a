//! Gateway documents as ocserv and Cisco write them, and ours as openconnect needs them.

use praya_model::Secret;
use proptest::prelude::*;

use super::*;
use crate::anyconnect::{MAX_INPUTS, XmlError};

const OCSERV_MAIN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<config-auth client="vpn" type="auth-request">
<version who="sg">0.1(1)</version>
<auth id="main">
<banner>Authorised users only</banner><message>Please enter your username.</message>
<form method="post" action="/auth">
<input type="text" name="username" label="Username:" />
<select name="group_list" label="Group:"><option value="staff">Staff members</option></select>
</form></auth>
</config-auth>
"#;

const OCSERV_SUCCESS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<config-auth client="vpn" type="complete"><version who="sg">0.1(1)</version>
<auth id="success"><title>SSL VPN Service</title><banner>Welcome to the lab</banner></auth></config-auth>"#;

const CISCO_MAIN: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<config-auth client="vpn" type="auth-request" aggregate-auth-version="2">
<opaque is-for="sg"><tunnel-group>Staff</tunnel-group><config-hash>1234</config-hash></opaque>
<session-id>SID</session-id>
<host-scan><host-scan-ticket>TICKET</host-scan-ticket><host-scan-token>TOKEN</host-scan-token>
<host-scan-base-uri>/CACHE</host-scan-base-uri><host-scan-wait-uri>/+CSCOE+/sdesktop/wait.html</host-scan-wait-uri></host-scan>
<cert-authenticated></cert-authenticated>
<auth id="main"><title>Login</title><message>Please enter your username and password.</message>
<error id="13" param1="600" param2="twice">Locked for %s seconds, %s. %s</error>
<form><input type="text" name="username" label="Username:"></input>
<input type="password" name="password" label="Password:"/>
<input type="text" name="secondary_username" label="Second Username:" second-auth="1"/>
<input type="hidden" name="state" value="a&#10;b"/>
<input type="submit" name="Login" value="Login"/><input type="reset"/><unknown/>
<select name="group_list" label="GROUP:"><option value="A" noaaa="0" second-auth="1" override-name="who" override-label="Who:" auth-type="x">Alpha</option><option selected="true" noaaa="1">B</option></select>
</form></auth></config-auth>"#;

fn page(document: &str) -> AuthRequest {
    match parse_server(document.as_bytes()) {
        Ok(ServerDocument::AuthRequest(page)) => *page,
        other => panic!("{other:?}"),
    }
}

#[test]
fn ocservs_first_page_is_read() {
    let page = page(OCSERV_MAIN);
    assert_eq!(page.id, "main");
    assert_eq!(page.banner.as_deref(), Some("Authorised users only"));
    assert_eq!(page.message.as_deref(), Some("Please enter your username."));
    let form = page.form.unwrap();
    assert_eq!(
        form,
        Form::post(
            "/auth",
            vec![
                Input::text("username", "Username:"),
                Input::select("group_list", "Group:", vec![Choice::new("staff", "Staff members")]),
            ]
        )
    );
}

#[test]
fn ocservs_success_is_read_and_carries_no_token() {
    let document = parse_server(OCSERV_SUCCESS.as_bytes()).unwrap();
    assert_eq!(
        document,
        ServerDocument::Complete(Complete {
            title: Some("SSL VPN Service".into()),
            banner: Some("Welcome to the lab".into()),
            ..Complete::default()
        })
    );
}

#[test]
fn ocservs_unescaped_ampersand_in_a_banner_is_put_up_with() {
    let read = |banner: &str| {
        parse_server(
            format!("<config-auth><auth id='success'><banner>{banner}</banner></auth></config-auth>")
                .as_bytes(),
        )
    };
    for banner in ["R&D lab", "R & D", "a&"] {
        let complete = Complete { banner: Some(banner.into()), ..Complete::default() };
        assert_eq!(read(banner), Ok(ServerDocument::Complete(complete)));
    }
    assert_eq!(read("Q&A; R&D"), Err(XmlError::Entity));
}

#[test]
fn ciscos_page_is_read_with_everything_on_it() {
    let page = page(CISCO_MAIN);
    assert_eq!(page.title.as_deref(), Some("Login"));
    assert_eq!(page.session_id.unwrap().expose(), "SID");
    assert!(page.cert_authenticated && page.opaque.is_some());
    let scan = page.host_scan.unwrap();
    assert_eq!(scan.token.unwrap().expose(), "TOKEN");
    assert_eq!(scan.wait_uri.as_deref(), Some("/+CSCOE+/sdesktop/wait.html"));
    assert_eq!(page.error.unwrap().rendered(), "Locked for 600 seconds, twice. %s");
    let form = page.form.unwrap();
    assert_eq!((form.method.as_str(), form.action.as_str()), ("post", "/"));
    let kinds: Vec<_> = form.inputs.iter().map(|input| (input.name.as_str(), &input.kind)).collect();
    assert_eq!(kinds.len(), 7);
    assert_eq!(kinds[1], ("password", &InputKind::Password));
    assert_eq!(kinds[5], ("", &InputKind::Reset));
    assert!(form.inputs[2].second_auth && !form.inputs[1].second_auth);
    assert_eq!(form.inputs[3].value.as_ref().unwrap().expose(), "a\nb");
    let InputKind::Select(choices) = &form.inputs[6].kind else { panic!("not a select") };
    assert_eq!(choices[0].override_label.as_deref(), Some("Who:"));
    assert!(choices[0].second_auth && !choices[0].no_aaa && !choices[0].selected);
    assert_eq!((choices[1].value.as_str(), choices[1].selected, choices[1].no_aaa), ("B", true, true));
}

#[test]
fn ciscos_success_carries_the_token_and_a_profile() {
    let document = r#"<config-auth client="vpn" type="complete"><session-id>7</session-id>
<session-token>A@1@B</session-token><auth id="success"><message>Hi</message></auth>
<config client="vpn" type="private"><vpn-base-config/><vpn-profile-manifest><vpn rev="1.0">
<file type="profile" service-type="user"><uri>/CACHE/p.xml</uri><hash type="sha1">ABCD</hash></file></vpn></vpn-profile-manifest></config></config-auth>"#;
    let Ok(ServerDocument::Complete(complete)) = parse_server(document.as_bytes()) else {
        panic!("not complete")
    };
    assert_eq!(complete.session_token.unwrap().expose(), "A@1@B");
    assert_eq!(complete.profile, Some(ProfileFile { uri: "/CACHE/p.xml".into(), sha1: Some("ABCD".into()) }));
}

#[test]
fn an_old_gateways_bare_page_is_read() {
    let document =
        r#"<auth id="main"><message>Hello</message><form><input name="username" label="U:"/></form></auth>"#;
    let page = page(document);
    assert_eq!(page.form.unwrap().inputs, [Input::text("username", "U:")]);
    assert!(matches!(parse_server(b"<auth id='success'/>"), Ok(ServerDocument::Complete(_))));
}

#[test]
fn other_demands_are_read() {
    let read = |inside: &str| parse_server(format!("<config-auth>{inside}</config-auth>").as_bytes());
    assert_eq!(read("<client-cert-request/>"), Ok(ServerDocument::ClientCertRequest { multiple: false }));
    assert_eq!(
        read("<multiple-client-cert-request/>"),
        Ok(ServerDocument::ClientCertRequest { multiple: true })
    );
    assert_eq!(
        read("<error id='9'>No.</error>"),
        Ok(ServerDocument::Error(PageError { id: Some("9".into()), ..PageError::new("No.") }))
    );
    assert!(matches!(read("<host-scan/>"), Ok(ServerDocument::HostScan(_))));
    assert_eq!(read("<version/>"), Err(XmlError::Empty));
    assert_eq!(read("<error/>"), Err(XmlError::Empty));
    assert_eq!(read("<auth/>"), Err(XmlError::MissingAuthId));
    assert_eq!(read("<auth id=' '/>"), Err(XmlError::MissingAuthId));
    let sso = page(
        "<config-auth><auth id='main'><sso-v2-login>https://idp/</sso-v2-login>\
         <sso-v2-token-cookie-name>acSamlv2Token</sso-v2-token-cookie-name>\
         <form><input type='sso' name='sso-token'/></form></auth></config-auth>",
    );
    assert_eq!(sso.sso.unwrap().login.as_deref(), Some("https://idp/"));
    assert_eq!(sso.form.unwrap().inputs[0].kind, InputKind::Sso);
    let old_scan = page("<auth id='main'><csd token='T'/><csdLinux stuburl='/s' waiturl='/w'/></auth>");
    let scan = old_scan.host_scan.unwrap();
    assert_eq!((scan.base_uri.as_deref(), scan.wait_uri.as_deref()), (Some("/s"), Some("/w")));
}

#[test]
fn words_for_people_come_without_control_characters() {
    let page = page("<auth id='main'><message>\n  two\nlines\u{9b}31m\u{7f} </message></auth>");
    assert_eq!(page.message.as_deref(), Some("two\nlines 31m"));
}

#[test]
fn too_many_inputs_are_refused() {
    let form = |count: usize| {
        format!("<auth id='main'><form>{}</form></auth>", "<input type='text' name='a'/>".repeat(count))
    };
    assert!(parse_server(form(MAX_INPUTS).as_bytes()).is_ok());
    assert_eq!(parse_server(form(MAX_INPUTS + 1).as_bytes()), Err(XmlError::TooManyInputs));
}

#[test]
fn an_input_that_cannot_be_sent_back_is_refused() {
    for form in ["<input type='text'/>", "<input type='text' name='a b'/>", "<select name='1'/>"] {
        let document = format!("<auth id='main'><form>{form}</form></auth>");
        assert_eq!(parse_server(document.as_bytes()), Err(XmlError::BadName), "{form}");
    }
}

#[test]
fn our_first_page_is_written_as_openconnect_needs_it() {
    let page = AuthRequest {
        id: "main".into(),
        banner: Some("Authorised <users> only\u{7}".into()),
        message: Some("Please sign in.".into()),
        error: Some(PageError { id: Some("13".into()), ..PageError::new("Login failed.") }),
        form: Some(Form::post(
            "/auth",
            vec![Input::text("username", "Username:"), Input::password("password", "Password:")],
        )),
        opaque: Some(Opaque::new(&Secret::new("T1"))),
        ..AuthRequest::default()
    };
    assert_eq!(
        write_server(&ServerDocument::AuthRequest(Box::new(page))).unwrap(),
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n",
            "<config-auth client=\"vpn\" type=\"auth-request\"><version who=\"sg\">0.1(1)</version>",
            "<opaque is-for=\"sg\">T1</opaque>",
            "<auth id=\"main\"><banner>Authorised &lt;users&gt; only</banner><message>Please sign in.</message>",
            "<error id=\"13\" param1=\"\" param2=\"\">Login failed.</error>",
            "<form method=\"post\" action=\"/auth\">",
            "<input type=\"text\" name=\"username\" label=\"Username:\"/>",
            "<input type=\"password\" name=\"password\" label=\"Password:\"/></form></auth></config-auth>",
        )
    );
}

#[test]
fn our_challenge_with_hidden_and_select_inputs_is_written_as_openconnect_needs_it() {
    let page = AuthRequest {
        id: "challenge".into(),
        form: Some(Form::post(
            "/auth",
            vec![
                Input::password("answer", "Code:"),
                Input::hidden("ticket", Secret::new("a\"b")),
                Input::select(
                    "choice",
                    "Other session:",
                    vec![
                        Choice { selected: true, ..Choice::new("replace", "End it") },
                        Choice::new("cancel", "Stop"),
                    ],
                ),
            ],
        )),
        ..AuthRequest::default()
    };
    let written = write_server(&ServerDocument::AuthRequest(Box::new(page))).unwrap();
    assert!(written.contains(concat!(
        "<auth id=\"challenge\"><form method=\"post\" action=\"/auth\">",
        "<input type=\"password\" name=\"answer\" label=\"Code:\"/>",
        "<input type=\"hidden\" name=\"ticket\" value=\"a&quot;b\"/>",
        "<select name=\"choice\" label=\"Other session:\"><option value=\"replace\" selected=\"true\">End it</option>",
        "<option value=\"cancel\">Stop</option></select></form></auth>",
    )), "{written}");
}

#[test]
fn a_lock_is_written_with_its_parameter_and_without_a_form() {
    let page = AuthRequest {
        id: "main".into(),
        error: Some(PageError {
            param1: Some("600".into()),
            ..PageError::new("Account locked for %s seconds.")
        }),
        ..AuthRequest::default()
    };
    let written = write_server(&ServerDocument::AuthRequest(Box::new(page))).unwrap();
    assert!(written.contains(
        "<auth id=\"main\"><error id=\"\" param1=\"600\" param2=\"\">Account locked for %s seconds.</error></auth>"
    ));
}

#[test]
fn our_success_carries_the_token() {
    let complete = Complete { session_token: Some(Secret::new("TOKEN")), ..Complete::default() };
    let written = write_server(&ServerDocument::Complete(complete.clone())).unwrap();
    assert!(
        written.contains("<session-token>TOKEN</session-token><auth id=\"success\"/></config-auth>"),
        "{written}"
    );
    assert_eq!(parse_server(written.as_bytes()), Ok(ServerDocument::Complete(complete)));
}

#[test]
fn a_page_that_means_nothing_is_not_written() {
    let page = |id: &str, name: &str| {
        write_server(&ServerDocument::AuthRequest(Box::new(AuthRequest {
            id: id.into(),
            form: Some(Form::post("/", vec![Input::text(name, "x")])),
            ..AuthRequest::default()
        })))
    };
    assert_eq!(page("", "a"), Err(XmlError::MissingAuthId));
    assert_eq!(page("success", "a"), Err(XmlError::MissingAuthId));
    assert_eq!(page("main", "a b"), Err(XmlError::BadName));
}

#[test]
fn secrets_do_not_print() {
    let text = format!("{:?}", page(CISCO_MAIN));
    assert!(!text.contains("TICKET") && !text.contains("SID") && !text.contains("a\\nb"), "{text}");
}

fn shown() -> impl Strategy<Value = Option<String>> {
    prop::option::of("[!-~\u{e9}]([ -~\n]{0,20}[!-~])?")
}

fn input() -> impl Strategy<Value = Input> {
    let choice = ("[!-~]{1,8}", "[!-~]{1,8}", any::<bool>(), any::<bool>()).prop_map(
        |(value, label, selected, no_aaa)| Choice { selected, no_aaa, ..Choice::new(value, label) },
    );
    let kind = prop_oneof![
        Just(InputKind::Text),
        Just(InputKind::Password),
        Just(InputKind::Hidden),
        Just(InputKind::Sso),
        Just(InputKind::Submit),
        prop::collection::vec(choice, 0..4).prop_map(InputKind::Select),
    ];
    let value = prop::option::of("[\t\n\r -~]{1,20}".prop_map(Secret::from));
    ("[a-z_]{1,10}", shown(), kind, value, any::<bool>())
        .prop_map(|(name, label, kind, value, second_auth)| Input { name, label, kind, value, second_auth })
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(
        id in "[a-rt-z]{1,10}",
        (title, banner, message) in (shown(), shown(), shown()),
        error in prop::option::of(("[!-~]{1,20}", shown()).prop_map(|(text, param1)| PageError { param1, ..PageError::new(text) })),
        inputs in prop::option::of(prop::collection::vec(input(), 0..6)),
        login in shown(),
        flags in any::<(bool, bool, bool, bool)>(),
    ) {
        let page = AuthRequest {
            id, title, banner, message, error,
            form: inputs.map(|inputs| Form::post("/auth", inputs)),
            sso: login.map(|login| Sso { login: Some(login), ..Sso::default() }),
            authentication_complete: flags.0,
            client_cert_request: flags.1,
            cert_authenticated: flags.2,
            host_scan: flags.3.then(HostScan::default),
            ..AuthRequest::default()
        };
        let document = ServerDocument::AuthRequest(Box::new(page));
        let written = write_server(&document).unwrap();
        prop_assert_eq!(parse_server(written.as_bytes()), Ok(document));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        crate::fuzz::xml_server(&bytes);
    }
}
