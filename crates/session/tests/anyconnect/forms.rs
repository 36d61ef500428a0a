//! What each form asks of a person, and what goes back.

use praya_model::password::PasswordRule;
use praya_model::sign_in::FormField;
use praya_model::{FailureCode, SignInStep};

use crate::talk::*;

#[test]
fn ocserv_asks_account_and_password_on_two_pages_and_the_person_is_asked_once() {
    let mut talk = Talk::begin(None);
    talk.form("Please enter your username.", USERNAME);
    assert_eq!(talk.asked(), (&ask_password(None), None));
    talk.answer(account_and_password(" alice ", "pw-1"));
    assert_eq!((talk.request().path.as_str(), talk.fields()), ("/auth", fields(&[("username", "alice")])));
    talk.form("Please enter your password.", PASSWORD);
    assert_eq!(talk.fields(), fields(&[("password", "pw-1")]));
}

#[test]
fn a_known_account_is_sent_without_asking() {
    let mut talk = Talk::begin(Some("alice"));
    talk.form("Please enter your username.", USERNAME);
    assert_eq!(talk.fields(), fields(&[("username", "alice")]));
    talk.form("Please enter your password.", PASSWORD);
    assert_eq!(talk.asked(), (&ask_password(Some("alice")), None));
    talk.answer(password("pw-1"));
    assert_eq!(talk.fields(), fields(&[("password", "pw-1")]));
}

#[test]
fn one_form_for_account_and_password_is_one_question_and_one_request() {
    let both = format!("{USERNAME}{PASSWORD}");
    let mut talk = Talk::begin(None);
    talk.form("Please sign in.", &both);
    assert_eq!(talk.asked(), (&ask_password(None), None));
    talk.answer(account_and_password("alice", "pw-1"));
    assert_eq!(talk.fields(), fields(&[("username", "alice"), ("password", "pw-1")]));

    let mut talk = Talk::begin(Some("alice"));
    talk.form("Please sign in.", &both);
    assert_eq!(talk.asked(), (&ask_password(Some("alice")), None));
    talk.answer(password("pw-1"));
    assert_eq!(talk.fields(), fields(&[("username", "alice"), ("password", "pw-1")]));
}

#[test]
fn a_form_without_any_account_takes_no_answer() {
    let mut talk = Talk::begin(None);
    talk.form("Please sign in.", &format!("{USERNAME}{PASSWORD}"));
    assert_eq!(talk.conversation.answer(password("pw-1")), Err(FailureCode::UnexpectedAnswer));
}

#[test]
fn b15_ocserv_says_a_wrong_password_in_the_message() {
    let mut talk = Talk::password_sent();
    talk.form("Login failed.\nPlease enter your password.", PASSWORD);
    assert_eq!(talk.asked(), (&ask_password(Some("alice")), Some(&FailureCode::WrongCredentials)));
    talk.answer(password("pw-2"));
    assert_eq!(talk.fields(), fields(&[("password", "pw-2")]));
    // The third is as wrong as the second, and the text is the same.
    talk.form("Login failed.\nPlease enter your password.", PASSWORD);
    assert_eq!(talk.asked(), (&ask_password(Some("alice")), Some(&FailureCode::WrongCredentials)));
}

#[test]
fn a_wrong_password_that_was_held_for_its_page_is_not_sent_again() {
    let mut talk = Talk::begin(None);
    talk.form("Please enter your username.", USERNAME);
    talk.answer(account_and_password("alice", "pw-1"));
    talk.form("Please enter your password.", PASSWORD);
    talk.form("Login failed.\nPlease enter your password.", PASSWORD);
    assert_eq!(talk.asked(), (&ask_password(Some("alice")), Some(&FailureCode::WrongCredentials)));
    // A gateway that refuses the account first.
    let mut refused = Talk::begin(None);
    refused.form("Please enter your username.", USERNAME);
    refused.answer(account_and_password("alice", "pw-1"));
    refused.form("Unknown account or login denied. Please enter your password.", PASSWORD);
    assert_eq!(refused.asked(), (&ask_password(Some("alice")), Some(&FailureCode::WrongCredentials)));
    // A gateway that begins anew after a wrong password asks for both.
    talk.answer(password("pw-2"));
    talk.form("Login failed.\nPlease enter your username.", USERNAME);
    assert_eq!(talk.asked(), (&ask_password(Some("alice")), Some(&FailureCode::WrongCredentials)));
    talk.answer(password("pw-3"));
    assert_eq!(talk.fields(), fields(&[("username", "alice")]));
    talk.form("Please enter your password.", PASSWORD);
    assert_eq!(talk.fields(), fields(&[("password", "pw-3")]));
}

#[test]
fn a_wrong_password_said_by_an_error_element() {
    let mut talk = Talk::begin(Some("alice"));
    let both = format!("{USERNAME}{PASSWORD}");
    talk.form("Please sign in.", &both);
    talk.answer(password("pw-1"));
    talk.page(
        "main",
        &format!(
            r#"<error id="13" param1="" param2="">Login failed.</error><message>Please sign in.</message>
            <form method="post" action="/auth">{both}</form>"#
        ),
    );
    assert_eq!(talk.asked(), (&ask_password(Some("alice")), Some(&FailureCode::WrongCredentials)));
}

#[test]
fn errors_are_shown_with_their_parameters() {
    for (error, text) in [
        (
            r#"<error id="1" param1="600" param2="">Account locked for %s seconds.</error>"#,
            "Account locked for 600 seconds.",
        ),
        (r#"<error id="1" param1="a" param2="b">%s and %s and %s</error>"#, "a and b and %s"),
        ("<error>Closed for today.</error>", "Closed for today."),
        ("<message>Closed for today.</message>", "Closed for today."),
    ] {
        let mut talk = Talk::password_sent();
        talk.page("main", error);
        assert_eq!(talk.over(), &says(text));
    }
}

#[test]
fn an_error_on_the_first_page_is_a_notice() {
    let mut talk = Talk::begin(None);
    talk.page(
        "main",
        &format!("<error>Maintenance at noon.</error><form method=\"post\" action=\"/\">{USERNAME}</form>"),
    );
    assert_eq!(talk.asked(), (&ask_password(None), Some(&says("Maintenance at noon."))));
}

#[test]
fn a_401_is_a_refusal_of_what_was_typed_last() {
    let mut talk = Talk::password_sent();
    talk.reply(401, &[], "");
    assert_eq!(talk.over(), &FailureCode::WrongCredentials);

    // ocserv, `plain[passwd=..,otp=..]`: a wrong code is answered by a 401 at once.
    let mut talk = Talk::password_sent();
    talk.form("Please enter your OTP password.", PASSWORD);
    talk.answer(otp("000000"));
    talk.reply(401, &[], "");
    assert_eq!(talk.over(), &FailureCode::WrongOtp);

    let mut talk = Talk::begin(None);
    talk.reply(401, &[("WWW-Authenticate", "Negotiate")], "");
    assert!(matches!(talk.over(), FailureCode::Protocol { .. }));
}

#[test]
fn b15_a_code_is_asked_in_the_servers_words_and_sent_as_password() {
    let challenge = r#"<input type="password" name="answer" label="Code:"/>"#;
    let whichpin = r#"<input type="password" name="whichpin" label="PIN:"/>"#;
    for (id, message, input, prompt) in [
        ("challenge", "<message>Code of your token</message>", challenge, "Code of your token"),
        ("challenge", "", challenge, "Code:"),
        ("main", "", whichpin, "PIN:"),
        ("challenge", "<message>SMS sent to +886*89</message>", PASSWORD, "SMS sent to +886*89"),
        (
            "main",
            "<message>Please enter your OTP password.</message>",
            PASSWORD,
            "Please enter your OTP password.",
        ),
    ] {
        let mut talk = Talk::password_sent();
        talk.page(id, &format!("{message}<form method=\"post\" action=\"/auth\">{input}</form>"));
        assert_eq!(talk.asked(), (&ask_otp(prompt), None), "{id} {input}");
        talk.answer(otp("123456"));
        assert_eq!(talk.fields(), fields(&[("password", "123456")]));
    }
}

#[test]
fn a_wrong_code_is_asked_again_as_a_code() {
    let mut talk = Talk::password_sent();
    talk.form("Please enter your OTP password.", PASSWORD);
    talk.answer(otp("000000"));
    talk.form("Login failed.\nPlease enter your OTP password.", PASSWORD);
    let step = ask_otp("Login failed.\nPlease enter your OTP password.");
    assert_eq!(talk.asked(), (&step, Some(&FailureCode::WrongOtp)));
}

#[test]
fn a_second_password_on_the_same_page_is_a_second_question_with_its_own_prompt() {
    let inputs = format!(
        r#"{USERNAME}{PASSWORD}<input type="password" name="secondary_password" label="Token code:" second-auth="1"/>"#
    );
    let mut talk = Talk::begin(None);
    talk.form("Please enter your username and password.", &inputs);
    assert_eq!(talk.asked(), (&ask_password(None), None));
    talk.answer(account_and_password("alice", "pw-1"));
    assert_eq!(talk.asked(), (&ask_otp("Token code:"), None));
    talk.answer(otp("123456"));
    let all = [("username", "alice"), ("password", "pw-1"), ("secondary_password", "123456")];
    assert_eq!(talk.fields(), fields(&all));
    // Which of the two was wrong, nobody says.
    talk.form("Login failed. Please enter your username and password.", &inputs);
    assert_eq!(talk.asked(), (&ask_password(Some("alice")), Some(&FailureCode::WrongCredentials)));
}

#[test]
fn a18_a_new_password_is_asked_twice_and_sent_by_the_forms_names() {
    let cisco = r#"<input type="password" name="new_password" label="New:"/>
        <input type="password" name="verify_password" label="Verify:"/>"#;
    let praya = r#"<input type="password" name="new_password_1" label="New:"/>
        <input type="password" name="new_password_2" label="Again:"/>"#;
    let single = r#"<input type="password" name="new_password" label="New:"/>"#;
    for (inputs, sent) in [
        (cisco, vec![("password", "n")]),
        (praya, vec![("new_password_1", "n"), ("new_password_2", "n")]),
        (single, vec![("password", "n")]),
    ] {
        let mut talk = Talk::password_sent();
        talk.form("Your password has expired.", inputs);
        assert_eq!(talk.asked(), (&SignInStep::NewPassword { rules: None }, None));
        talk.answer(new_password("n", "m"));
        let broken = FailureCode::PasswordRules { broken: vec![PasswordRule::Matches] };
        assert_eq!(talk.asked(), (&SignInStep::NewPassword { rules: None }, Some(&broken)));
        talk.answer(new_password("n", "n"));
        assert_eq!(talk.fields(), fields(&sent));
    }
}

#[test]
fn a_refused_new_password_is_asked_again_with_the_gateways_words() {
    let inputs = r#"<input type="password" name="new_password_1" label="New:"/>
        <input type="password" name="new_password_2" label="Again:"/>"#;
    let mut talk = Talk::password_sent();
    talk.form("Choose a new password.", inputs);
    talk.answer(new_password("n", "n"));
    talk.page(
        "main",
        &format!(
            "<error>It is too short.</error><message>Choose a new password.</message>\
             <form method=\"post\" action=\"/auth\">{inputs}</form>"
        ),
    );
    assert_eq!(talk.asked(), (&SignInStep::NewPassword { rules: None }, Some(&says("It is too short."))));
}

#[test]
fn the_proposed_group_goes_back_outside_the_fields() {
    let mut talk = Talk::begin(Some("alice"));
    talk.form("Please enter your username.", &format!("{USERNAME}{GROUPS}"));
    let (SignInStep::Form { fields: asked, .. }, None) = talk.asked() else { panic!("no group question") };
    let choices =
        vec![("staff".to_owned(), "Staff members".to_owned()), ("guests".to_owned(), "Guests".to_owned())];
    let (name, label) = ("group_list".to_owned(), "Group:".to_owned());
    assert_eq!(asked, &[FormField { name, label, secret: false, choices }]);
    talk.answer(values(&[("group_list", "staff")]));
    assert_eq!(talk.fields(), fields(&[("username", "alice")]));
    assert_eq!(talk.sent().group_select.as_deref(), Some("staff"));
    talk.form("Please enter your password.", PASSWORD);
    talk.answer(password("pw-1"));
    assert_eq!(talk.sent().group_select.as_deref(), Some("staff"));
}

#[test]
fn another_group_begins_anew_with_it_and_is_not_asked_again() {
    let mut talk = Talk::begin(Some("alice"));
    let inputs = format!("{USERNAME}{GROUPS}");
    talk.form("Please enter your username.", &inputs);
    talk.answer(values(&[("group_list", "guests")]));
    assert_eq!(talk.init().group_select.as_deref(), Some("guests"));
    talk.form("Please enter your username.", &inputs);
    assert_eq!(talk.fields(), fields(&[("username", "alice")]));
    assert_eq!(talk.sent().group_select.as_deref(), Some("guests"));
}

#[test]
fn a_single_group_is_no_question_and_an_unknown_one_no_answer() {
    let one = r#"<select name="group_list" label="Group:"><option value="staff">Staff</option></select>"#;
    let mut talk = Talk::begin(Some("alice"));
    talk.form("Please enter your username.", &format!("{USERNAME}{one}"));
    assert_eq!(talk.sent().group_select.as_deref(), Some("staff"));

    let mut talk = Talk::begin(Some("alice"));
    talk.form("Please enter your username.", &format!("{USERNAME}{GROUPS}"));
    let strange = values(&[("group_list", "root")]);
    assert_eq!(talk.conversation.answer(strange), Err(FailureCode::UnexpectedAnswer));
}

#[test]
fn a_form_without_a_name_here_is_asked_field_by_field() {
    let inputs = r#"<input type="hidden" name="token" value="hidden-1"/>
        <input type="text" name="employee" label="Employee number:"/>
        <input type="password" name="pin"/>
        <select name="site" label="Site:"><option value="tpe">Taipei</option></select>
        <input type="submit" name="go" value="Go"/>"#;
    let mut talk = Talk::begin(None);
    talk.form("Who are you?", inputs);
    let field = |name: &str, label: &str, secret, choices: &[(&str, &str)]| FormField {
        name: name.to_owned(),
        label: label.to_owned(),
        secret,
        choices: choices.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect(),
    };
    let step = SignInStep::Form {
        message: Some("Who are you?".to_owned()),
        fields: vec![
            field("employee", "Employee number:", false, &[]),
            field("pin", "pin", true, &[]),
            field("site", "Site:", false, &[("tpe", "Taipei")]),
        ],
    };
    assert_eq!(talk.asked(), (&step, None));
    let incomplete = values(&[("employee", "7"), ("pin", "1234")]);
    assert_eq!(talk.conversation.answer(incomplete), Err(FailureCode::UnexpectedAnswer));
    talk.answer(values(&[("employee", "7"), ("pin", "1234"), ("site", "tpe")]));
    let all = [("token", "hidden-1"), ("employee", "7"), ("pin", "1234"), ("site", "tpe")];
    assert_eq!(talk.fields(), fields(&all));
}

#[test]
fn the_same_code_page_twice_is_two_codes_or_a_wrong_one_but_never_a_password() {
    let mut talk = Talk::password_sent();
    for code in ["1", "2", "3"] {
        talk.form("Please enter your OTP password.", PASSWORD);
        assert!(matches!(talk.asked().0, SignInStep::Otp { .. }));
        talk.answer(otp(code));
    }
}
