//! `praya password`, and choosing a new password wherever one is due.

use std::cell::Cell;
use std::io;

use praya_ipc::{Client, Request};
use praya_model::password::PasswordRules;
use praya_model::{AccountName, FailureCode, Secret};
use unicode_normalization::UnicodeNormalization;

use crate::ask::{Asker, Echo};
use crate::commands::simple;
use crate::login::has_session;
use crate::out::Out;
use crate::{Ended, text};

/// Asks for the present password and the new one, and has it changed.
pub(crate) async fn change(client: &Client, answers_stdin: bool, out: Out) -> Result<(), Ended> {
    let snapshot = client.snapshot().await?;
    if snapshot.in_use_by_another {
        return Err(FailureCode::InUseByAnother.into());
    }
    let signed_in = has_session(&snapshot);
    let account = snapshot.account.filter(|_| signed_in).ok_or(FailureCode::NotSignedIn)?;
    let rules = snapshot.password_rules;
    let asker = Asker::new(answers_stdin).map_err(|_| Ended::Usage(text::say("cli-no-terminal")))?;
    let _restore = asker.restorer();
    let sent = Cell::new(false);
    let change = async {
        let to_keep = rules.clone();
        let asking = tokio::task::spawn_blocking(move || ask(asker, to_keep.as_ref(), &account));
        let answers = asking.await.map_err(|error| Ended::from(io::Error::other(error)))??;
        let (current, new) = answers.ok_or(FailureCode::Cancelled)?;
        sent.set(true);
        simple(client, Request::ChangePassword { current, new }, "cli-password-changed", out).await
    };
    let result = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {
            Err(Ended::interrupted(if sent.get() { "cli-change-unknown" } else { "cli-cancelled" }))
        }
        result = change => result,
    };
    result.map_err(|ended| match ended {
        Ended::Failure(failure) => Ended::told_under(*failure, rules.as_ref()),
        other @ (Ended::Told { .. } | Ended::Usage(_) | Ended::Silent(_)) => other,
    })
}

/// The present password and the new one; `None` at the end of the input.
fn ask(
    mut asker: Asker,
    rules: Option<&PasswordRules>,
    account: &AccountName,
) -> io::Result<Option<(Secret, Secret)>> {
    let Some(current) = asker.ask(&text::ask("cli-ask-present-password"), Echo::Hidden)? else {
        return Ok(None);
    };
    if asker.is_script() {
        return Ok(asker.ask(&text::ask("cli-ask-new-password"), Echo::Hidden)?.map(|new| (current, new)));
    }
    let new = choose(&mut asker, None, rules, Some(account.as_str()))?;
    Ok(new.map(|(new, _)| (current, new)))
}

/// Asks for a new password until both entries agree and keep the rules that can be judged here. The
/// message `heading` goes before.
pub(crate) fn choose(
    asker: &mut Asker,
    heading: Option<&str>,
    rules: Option<&PasswordRules>,
    account: Option<&str>,
) -> io::Result<Option<(Secret, Secret)>> {
    if let Some(heading) = heading {
        asker.say(&text::say(heading))?;
    }
    if let Some(rules) = rules {
        asker.say(&text::rules(rules, &[]))?;
    }
    loop {
        let Some(password) = asker.ask(&text::ask("cli-ask-new-password"), Echo::Hidden)? else {
            return Ok(None);
        };
        if asker.is_script() {
            // A script's answers go as they are, and the gateway's refusal is its result.
            let repeat = asker.ask(&text::ask("cli-ask-repeat-password"), Echo::Hidden)?;
            return Ok(repeat.map(|repeat| (password, repeat)));
        }
        let mut broken = Vec::new();
        if let Some(rules) = rules {
            let candidate = zeroize::Zeroizing::new(password.expose().nfc().collect::<String>());
            broken = rules.broken_by(&candidate, account.unwrap_or_default());
        }
        if let (Some(rules), false) = (rules, broken.is_empty()) {
            asker.say(&text::rules(rules, &broken))?;
            asker.say(&text::say("cli-once-more"))?;
            continue;
        }
        let Some(repeat) = asker.ask(&text::ask("cli-ask-repeat-password"), Echo::Hidden)? else {
            return Ok(None);
        };
        if repeat == password {
            return Ok(Some((password, repeat)));
        }
        asker.say(&text::entries_differ())?;
        asker.say(&text::say("cli-once-more"))?;
    }
}
