//! Failures, ends, states and rules in words. The ids follow from the names in the model, so that a new code needs a
//! text and no code here.

use std::time::Duration;

use praya_model::failure::LastSignIn;
use praya_model::password::{PasswordRule, PasswordRules};
use praya_model::resource::ResourceKind;
use praya_model::sign_in::ElsewhereSession;
use praya_model::snapshot::Warning;
use praya_model::{ChannelReason, DataChannel, EndReason, Failure, FailureCode, TunnelState};
use serde::Serialize;
use serde_json::Value;

use crate::{Arg, Texts, printable};

/// A failure in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureText {
    /// What happened, and why.
    pub what: String,
    /// What to do about it, where there is something to do.
    pub remedy: Option<String>,
    /// Whom to ask, in the gateway's own words.
    pub help_desk: Option<String>,
    /// What to quote to them.
    pub support: Option<String>,
}

impl Texts {
    /// A failure in words.
    pub fn failure(&self, failure: &Failure) -> FailureText {
        self.failure_under(failure, None)
    }

    /// As [`Texts::failure`], where the rules of a new password are known: a broken one is named with its numbers.
    pub fn failure_under(&self, failure: &Failure, rules: Option<&PasswordRules>) -> FailureText {
        let (what, remedy) = if let FailureCode::SessionEnded { reason } = &failure.code {
            (self.end(*reason), self.end_remedy(*reason))
        } else if let FailureCode::PasswordRules { broken } = &failure.code {
            self.password_refused(broken, rules)
        } else {
            self.failure_as_named(&failure.code)
        };
        FailureText {
            what,
            remedy,
            help_desk: failure.help_desk.as_deref().map(printable),
            support: failure.support.as_ref().map(|support| printable(support.as_str())),
        }
    }

    fn failure_as_named(&self, code: &FailureCode) -> (String, Option<String>) {
        let (name, fields) = named(code, "code");
        let mut args = borrowed(&fields);
        if let FailureCode::SignedInElsewhere { sessions } = code {
            args.push(("sessions", self.elsewhere(sessions).into()));
        }
        let id = format!("failure-{name}");
        (self.say_with(&id, &args), self.attribute(&id, "remedy", &args))
    }

    /// What is wrong with a new password. That both entries are the same is no rule to fulfil but a slip to name.
    fn password_refused(
        &self,
        broken: &[PasswordRule],
        rules: Option<&PasswordRules>,
    ) -> (String, Option<String>) {
        let differ = broken.contains(&PasswordRule::Matches);
        let differ = differ.then(|| self.attribute("rule-matches", "broken", &[])).flatten();
        let broken: Vec<String> = broken
            .iter()
            .filter(|rule| **rule != PasswordRule::Matches)
            .map(|rule| self.rule(*rule, rules))
            .collect();
        let args = [("broken", broken.join(&self.say("list-separator")).into())];
        let must = (!broken.is_empty()).then(|| self.say_with("failure-password-rules", &args));
        // Whoever mistyped has chosen well enough.
        let remedy = must.as_ref().and_then(|_| self.attribute("failure-password-rules", "remedy", &args));
        (differ.into_iter().chain(must).collect::<Vec<_>>().join(" "), remedy)
    }

    /// Where else an account is signed in, one session a line.
    pub fn elsewhere(&self, sessions: &[ElsewhereSession]) -> String {
        let line = |session: &ElsewhereSession| {
            let (host_name, source) = (&session.host_name, &session.source);
            let args =
                [("host_name", host_name.into()), ("source", source.into()), ("since", session.since.into())];
            format!("  {}", self.say_with("elsewhere-session", &args))
        };
        sessions.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Why a session ended (1F).
    pub fn end(&self, reason: EndReason) -> String {
        self.say(&id("end", &reason))
    }

    /// What to do after a session ended so.
    pub fn end_remedy(&self, reason: EndReason) -> Option<String> {
        self.attribute(&id("end", &reason), "remedy", &[])
    }

    /// The machine's administrator ended the session or, where it was not there yet, the sign-in; `state` is what is
    /// left of it.
    pub fn ended_by_administrator(&self, state: TunnelState) -> String {
        self.say(if state == TunnelState::Ended {
            "ended-by-administrator-session"
        } else {
            "ended-by-administrator-sign-in"
        })
    }

    /// The end of a session that the gateway did not hear of; `left` until it ends the session by itself.
    pub fn gateway_not_told(&self, left: Option<Duration>) -> String {
        match left {
            Some(left) => self.say_with("gateway-not-told-until", &[("seconds_left", left.into())]),
            None => self.say("gateway-not-told"),
        }
    }

    /// A state in a word or two.
    pub fn state(&self, state: TunnelState) -> String {
        self.say(&id("state", &state))
    }

    /// The channel that carries a session's packets, and why that one.
    pub fn channel(&self, channel: DataChannel, reason: ChannelReason) -> String {
        let args = [
            ("channel", self.say(&id("channel", &channel)).into()),
            ("reason", self.channel_reason(reason).into()),
        ];
        self.say_with("channel-line", &args)
    }

    /// Why a channel carries a session's packets.
    pub fn channel_reason(&self, reason: ChannelReason) -> String {
        self.say(&id("channel-reason", &reason))
    }

    /// A round trip to the gateway, in whole milliseconds.
    pub fn round_trip(&self, time: Duration) -> String {
        match u64::try_from(time.as_millis()).unwrap_or(u64::MAX) {
            0 => self.say("round-trip-short"),
            ms => self.say_with("round-trip", &[("ms", ms.into())]),
        }
    }

    /// What is not as it should be although the tunnel is up.
    pub fn warning(&self, warning: &Warning) -> String {
        let (name, fields) = named(warning, "warning");
        self.say_with(&format!("warning-{name}"), &borrowed(&fields))
    }

    /// A password rule as a person reads it, with its numbers where they are known.
    pub fn rule(&self, rule: PasswordRule, rules: Option<&PasswordRules>) -> String {
        let id = id("rule", &rule);
        let Some(rules) = rules else {
            return self.attribute(&id, "unknown", &[]).unwrap_or_else(|| self.say(&id));
        };
        let args = [("min_length", rules.min_length.into()), ("max_length", rules.max_length.into())];
        self.say_with(&id, &args)
    }

    /// A kind of resource.
    pub fn kind(&self, kind: ResourceKind) -> String {
        self.say(&id("kind", &kind))
    }

    /// The sign-in before this one.
    pub fn last_sign_in(&self, last: &LastSignIn) -> String {
        self.say_with("last-sign-in", &[("at", last.at.into()), ("source", (&last.source).into())])
    }
}

/// The name of a failure as ids of texts have it, such as `wrong-otp`.
pub fn failure_name(code: &FailureCode) -> String {
    named(code, "code").0
}

/// The message of a value that is nothing but its name.
pub(crate) fn id(prefix: &str, value: &impl Serialize) -> String {
    format!("{prefix}-{}", named(value, "").0)
}

/// A value's name in kebab case, and those of its fields that can be shown as they are, by their names in the model.
pub(crate) fn named(value: &impl Serialize, tag: &str) -> (String, Vec<(String, Arg)>) {
    match serde_json::to_value(value) {
        Ok(Value::String(name)) => (kebab(&name), Vec::new()),
        Ok(Value::Object(fields)) => {
            let name = fields.get(tag).and_then(Value::as_str).map(kebab).unwrap_or_default();
            let args = fields.into_iter().filter_map(|(name, value)| match value {
                Value::String(text) => Some((name, text.into())),
                Value::Number(number) => number.as_f64().map(|number| (name, Arg::Number(number))),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            });
            (name, args.collect())
        }
        // What the model says is always JSON, and has a name.
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | Err(_) => Default::default(),
    }
}

fn kebab(snake: &str) -> String {
    snake.replace('_', "-")
}

pub(crate) fn borrowed(fields: &[(String, Arg)]) -> Vec<(&str, Arg)> {
    fields.iter().map(|(name, arg)| (name.as_str(), arg.clone())).collect()
}
