//! `praya-gateway token …`

use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};
use data_encoding::BASE32_NOPAD;
use praya_identity::token::TokenAct;
use praya_identity::tokens::{self, TokenPolicy};
use praya_identity::{IdentityStore as _, OtpAlgorithm, Token, TokenKind, TokenState, otp, random};
use praya_model::{AccountName, EndReason, Secret, Timestamp, TokenSerial};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Context, Table, printable, shown};
use crate::exit::{Code, Fatal, Result};
use crate::sign_in::SignInPolicy;
use crate::store::AuditEvent;

/// What is done to tokens.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Register a token. Its secret is generated and shown once, or read from the standard input.
    Add {
        /// The serial number printed on it, or one of your choice.
        serial: String,
        /// How its codes are made.
        #[arg(long = "type", value_enum, default_value_t = Type::Totp)]
        kind: Type,
        /// Seconds that one code lives: 30 for authenticator apps, 60 for the usual hardware.
        #[arg(long, default_value_t = 30)]
        step: u32,
        /// Digits of a code, 6 to 8.
        #[arg(long, default_value_t = 6)]
        digits: u8,
        /// The HMAC's hash: SHA1, SHA256 or SHA512.
        #[arg(long, default_value = "SHA1", value_parser = algorithm)]
        algorithm: OtpAlgorithm,
        /// Read the secret (base32 or hex) from the standard input.
        #[arg(long)]
        secret_stdin: bool,
        /// Give it to this person at once.
        #[arg(long)]
        assign: Option<String>,
    },
    /// Register many tokens from a CSV file with the columns serial,secret,type,digits,step: all of them or none.
    Import {
        /// The file; `-` is the standard input.
        file: PathBuf,
    },
    /// Every token.
    List,
    /// Give a token to a person.
    Assign {
        /// The token.
        serial: String,
        /// The person.
        name: String,
    },
    /// Take a token back; the person's sessions end at once.
    Unassign {
        /// The token.
        serial: String,
    },
    /// Set a token's clock by two consecutive codes, read from the standard input, one per line.
    Resync {
        /// The token.
        serial: String,
    },
    /// Bring back a token that is inactive, locked, disabled or was lost.
    Reactivate {
        /// The token.
        serial: String,
        /// Why, for the audit.
        #[arg(long)]
        reason: String,
    },
    /// Switch a token off; the person's sessions end at once.
    Disable {
        /// The token.
        serial: String,
    },
    /// Note that a token is lost; the person's sessions end at once.
    Lost {
        /// The token.
        serial: String,
    },
}

/// The type of a token on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Type {
    /// By time.
    Totp,
    /// By counter.
    Hotp,
}

/// From so many days before it falls inactive on, the list points at a token.
const REMIND_DAYS: u64 = 14;

/// A token in lists, without its secret.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) serial: TokenSerial,
    account: Option<AccountName>,
    #[serde(flatten)]
    kind: TokenKind,
    pub(super) state: &'static str,
    drift_steps: i64,
    wrong_codes: u32,
    last_used: Option<String>,
    counting_since: String,
    /// Days until it falls inactive if it is not used; absent where it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<u64>,
    /// Whether that is soon.
    falls_soon: bool,
}

impl Shown {
    pub(super) fn all(tokens: &[Token], context: &Context<'_>) -> Result<Vec<Self>> {
        let unused_limit = SignInPolicy::from_config(&context.config()?).tokens.unused_limit;
        Ok(tokens.iter().map(|token| Self::of(token, unused_limit, context.now)).collect())
    }

    fn of(token: &Token, unused_limit: Option<Duration>, now: Timestamp) -> Self {
        let limit = unused_limit.filter(|_| token.state == TokenState::Active);
        let days_left = limit.map(|limit| token.days_left(limit, now));
        Self {
            serial: token.serial.clone(),
            account: token.account.clone(),
            kind: token.kind,
            state: token.state.as_str(),
            drift_steps: token.drift,
            wrong_codes: token.failures,
            last_used: token.last_used.map(shown),
            counting_since: shown(token.counting_since),
            days_left,
            falls_soon: days_left.is_some_and(|days| days <= REMIND_DAYS),
        }
    }
}

#[derive(Debug, Serialize)]
struct Added {
    #[serde(flatten)]
    token: Shown,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    otpauth: Option<Secret>,
}

#[derive(Debug, Serialize)]
struct Done<'a> {
    serial: &'a TokenSerial,
    done: &'static str,
    sessions_ended: usize,
}

pub(super) fn run(command: &Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::Add { serial, kind, step, digits, algorithm, secret_stdin, assign } => {
            let kind = match kind {
                Type::Totp => TokenKind::Totp { step_seconds: *step, digits: *digits, algorithm: *algorithm },
                Type::Hotp => TokenKind::Hotp { digits: *digits, algorithm: *algorithm },
            };
            add(context, serial, kind, *secret_stdin, assign.as_deref())
        }
        Command::Import { file } => super::import::run(file, context),
        Command::List => list(context),
        Command::Assign { serial, name } => {
            let (serial, account) = (find(context, serial)?.serial, context.account(name)?.name);
            give(context, &serial, &account)?;
            done(context, &serial, "assigned", 0)
        }
        Command::Unassign { serial } => act(context, serial, TokenAct::Unassign, "unassigned"),
        Command::Disable { serial } => act(context, serial, TokenAct::Disable, "disabled"),
        Command::Lost { serial } => act(context, serial, TokenAct::ReportLost, "lost"),
        Command::Resync { serial } => resync(context, serial),
        Command::Reactivate { serial, reason } => reactivate(context, serial, reason),
    }
}

/// Checks a serial number as people write it.
pub(super) fn serial_of(text: &str) -> Result<TokenSerial, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=64).contains(&text.len()) && text.bytes().all(plain) {
        Ok(TokenSerial::new(text))
    } else {
        Err("a serial number has 1 to 64 of letters, digits, '-', '_' and '.'".into())
    }
}

fn add(
    context: &mut Context<'_>,
    serial: &str,
    kind: TokenKind,
    secret_stdin: bool,
    assign: Option<&str>,
) -> Result<()> {
    let serial = serial_of(serial).map_err(|why| Fatal::new(Code::Failed, why))?;
    let account = assign.map(|name| context.account(name).map(|account| account.name)).transpose()?;
    let secret = if secret_stdin {
        let line = context.secret_line("the token's secret")?;
        otp::parse_secret(line.expose()).ok_or_else(|| {
            Fatal::new(Code::BadInput, "the secret is neither base32 nor hex of 16 to 128 bytes")
        })?
    } else {
        let random: [u8; 20] =
            random::bytes().map_err(|error| Fatal::new(Code::Software, error.to_string()))?;
        Zeroizing::new(random.to_vec())
    };
    let key = context.key()?;
    tokens::register(&context.store, &key, serial.clone(), kind, &secret, None, context.now)?;
    context.audit(AuditEvent::TokenChanged, "added", |record| record.token = Some(serial.clone()))?;
    if let Some(account) = &account {
        give(context, &serial, account)?;
    }
    let token = find(context, serial.as_str())?;
    let generated = !secret_stdin;
    let owner = account.as_ref().map_or(serial.as_str(), AccountName::as_str);
    let config = context.config()?;
    let issuer = config.gateway.display_name.clone();
    let added = Added {
        token: Shown::of(&token, SignInPolicy::from_config(&config).tokens.unused_limit, context.now),
        secret: generated.then(|| Secret::new(BASE32_NOPAD.encode(&secret))),
        otpauth: generated.then(|| Secret::new(otp::otpauth_uri(kind, &issuer, owner, &secret).as_str())),
    };
    context.out.show(&added, || {
        let mut text = format!("{serial}: registered, {}", added.token.state);
        if let Some(account) = &account {
            text.push_str(&format!(", given to {account}"));
        }
        if let (Some(secret), Some(otpauth)) = (&added.secret, &added.otpauth) {
            text.push_str(&format!(
                "\nThe secret is shown this once: {}\n{}",
                secret.expose(),
                otpauth.expose()
            ));
        }
        text
    })
}

fn list(context: &mut Context<'_>) -> Result<()> {
    let tokens = Shown::all(&context.store.tokens()?, context)?;
    context.out.show(&tokens, || {
        let mut table = Table::new(["SERIAL", "PERSON", "STATE", "TYPE", "DRIFT", "LAST USED", "DAYS LEFT"]);
        for token in &tokens {
            let kind = match token.kind {
                TokenKind::Totp { step_seconds, digits, .. } => {
                    format!("totp {digits} digits/{step_seconds} s")
                }
                TokenKind::Hotp { digits, .. } => format!("hotp {digits} digits"),
            };
            table.row([
                token.serial.to_string(),
                token.account.as_ref().map_or_else(|| "-".into(), ToString::to_string),
                token.state.into(),
                kind,
                token.drift_steps.to_string(),
                token.last_used.clone().unwrap_or_else(|| "never".into()),
                match token.days_left {
                    Some(days) if token.falls_soon => format!("{days}, falls inactive soon"),
                    Some(days) => days.to_string(),
                    None => "-".into(),
                },
            ]);
        }
        table.render("no tokens; register one with `praya-gateway token add SERIAL`")
    })
}

fn give(context: &Context<'_>, serial: &TokenSerial, account: &AccountName) -> Result<()> {
    tokens::assign(&context.store, serial, account, context.now)?;
    context.audit(AuditEvent::TokenChanged, "assigned", |record| {
        record.token = Some(serial.clone());
        record.account = Some(account.clone());
    })
}

fn act(context: &mut Context<'_>, serial: &str, act: TokenAct, code: &'static str) -> Result<()> {
    let token = find(context, serial)?;
    tokens::act(&context.store, &token.serial, act, context.now)?;
    context.audit(AuditEvent::TokenChanged, code, |record| {
        record.token = Some(token.serial.clone());
        record.account.clone_from(&token.account);
    })?;
    // Sessions that this token opened must not outlive it, and a session does not remember its token. A sign-in under
    // way notices by itself.
    let ended = match &token.account {
        Some(account) => super::people::end(context, account, EndReason::TokenDisabled)?,
        None => 0,
    };
    done(context, &token.serial, code, ended)
}

fn resync(context: &mut Context<'_>, serial: &str) -> Result<()> {
    let token = find(context, serial)?;
    let first = context.secret_line("the first code")?;
    let second = context.secret_line("the second code")?;
    let (key, policy) = (context.key()?, TokenPolicy::default());
    let drift = tokens::resync(
        &context.store,
        &key,
        &token.serial,
        first.expose(),
        second.expose(),
        &policy,
        context.now,
    )?;
    context.audit(AuditEvent::TokenChanged, "resynced", |record| {
        record.token = Some(token.serial.clone());
        record.account.clone_from(&token.account);
        record.detail = serde_json::json!({ "drift_steps": drift });
    })?;
    let shown = serde_json::json!({ "serial": token.serial, "done": "resynced", "drift_steps": drift });
    context.out.show(&shown, || format!("{}: resynced, its clock is {drift} steps ahead", token.serial))
}

fn reactivate(context: &mut Context<'_>, serial: &str, reason: &str) -> Result<()> {
    if reason.trim().is_empty() || reason.chars().count() > 500 || printable(reason) != reason {
        return Err(Fatal::new(Code::Failed, "give a reason of one line, at most 500 characters"));
    }
    let token = find(context, serial)?;
    tokens::act(&context.store, &token.serial, TokenAct::Reactivate, context.now)?;
    context.audit(AuditEvent::TokenChanged, "reactivated", |record| {
        record.token = Some(token.serial.clone());
        record.account.clone_from(&token.account);
        record.detail = serde_json::json!({ "reason": reason, "was": token.state.as_str() });
    })?;
    done(context, &token.serial, "reactivated", 0)
}

fn done(
    context: &mut Context<'_>,
    serial: &TokenSerial,
    done: &'static str,
    sessions_ended: usize,
) -> Result<()> {
    context.out.show(&Done { serial, done, sessions_ended }, || match sessions_ended {
        0 => format!("{serial}: {done}"),
        n => format!("{serial}: {done}; sessions ended: {n}"),
    })
}

fn find(context: &Context<'_>, serial: &str) -> Result<Token> {
    context.store.token(&TokenSerial::new(serial))?.ok_or_else(|| {
        Fatal::new(
            Code::Failed,
            format!("there is no token \"{}\"; `praya-gateway token list` shows them", printable(serial)),
        )
    })
}

fn algorithm(name: &str) -> Result<OtpAlgorithm, String> {
    OtpAlgorithm::from_name(name).ok_or_else(|| "one of SHA1, SHA256, SHA512".into())
}
