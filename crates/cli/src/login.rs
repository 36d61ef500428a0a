//! `praya login`: the gateway names the next step, the person answers, until there is a session or a refusal.

use std::io::{self, Write};
use std::time::{Duration, Instant, SystemTime};

use praya_ipc::{Client, KnownProfile, Request, Response, Subscription, Target};
use praya_model::password::PasswordRules;
use praya_model::posture::{Check, Finding};
use praya_model::sign_in::{ElsewhereChoice, FormField};
use praya_model::snapshot::{SignInProgress, Snapshot};
use praya_model::{
    AccountName, Failure, FailureCode, GatewayAddress, Secret, SignInAnswer, SignInStep, Timestamp,
    TunnelState,
};
use praya_texts::printable;
use tokio::task::JoinHandle;
use unicode_normalization::UnicodeNormalization;

use crate::args::Login;
use crate::ask::{Asker, Echo};
use crate::exit::Exit;
use crate::out::Out;
use crate::status::{Status, view};
use crate::{Ended, check, password, text};

/// How long a signed-in person waits for the tunnel before the command stops waiting; the service goes on.
const TUNNEL_PATIENCE: Duration = Duration::from_secs(60);

/// How long the service may take to hear that the person pressed Ctrl-C.
const GIVING_UP: Duration = Duration::from_secs(2);

/// Signs in and waits for the tunnel; Ctrl-C ends it at any point.
pub(crate) async fn run(client: &Client, args: Login, out: Out) -> Result<(), Ended> {
    let profiles = profiles(client).await?;
    let named = named(&args, &profiles)?;
    let snapshot = client.snapshot().await?;
    if has_session(&snapshot) {
        return attach(&snapshot, named.as_ref().map(|(_, gateway)| gateway), args.account.as_deref(), out);
    }
    let target = match named {
        Some((target, _)) => target,
        None => only_profile(&profiles)?,
    };
    let asker = Asker::new(args.answers_stdin).map_err(|_| Ended::Usage(text::say("cli-no-terminal")))?;
    // Puts the terminal back when this function is left, even if a hidden answer is still being typed.
    let _restore = asker.restorer();
    // The first use of this signal takes its default action away for good, so one future listens all along.
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => Err(interrupted(client).await),
        result = sign_in(client, args, target, asker, out) => result,
    }
}

/// After Ctrl-C: a sign-in under way is given up, a session that is there already stays.
async fn interrupted(client: &Client) -> Ended {
    let stop = async {
        let cancelled = client.request(Request::CancelSignIn).await.is_ok();
        !cancelled && client.snapshot().await.is_ok_and(|snapshot| has_session(&snapshot))
    };
    // Whether the service heard it or not, this program ends now.
    let stays = tokio::time::timeout(GIVING_UP, stop).await.unwrap_or(false);
    Ended::interrupted(if stays { "cli-session-stays" } else { "cli-cancelled" })
}

/// Whether the snapshot's holder is signed in, with the tunnel up or not.
pub(crate) fn has_session(snapshot: &Snapshot) -> bool {
    snapshot.sign_in.is_none() && !matches!(snapshot.state, TunnelState::NoSession | TunnelState::Ended)
}

async fn sign_in(
    client: &Client,
    args: Login,
    target: Target,
    mut asker: Asker,
    out: Out,
) -> Result<(), Ended> {
    let begin = || Request::BeginSignIn { target: target.clone(), account: args.account.clone() };
    match client.request(begin()).await {
        Ok(_) => {}
        Err(error) => {
            let failure = error.into_failure();
            if failure.code != FailureCode::AlreadySignedIn {
                return Err(failure.into());
            }
            let snapshot = client.snapshot().await?;
            if snapshot.sign_in.is_none() {
                return still_signed_in(&snapshot, out);
            }
            // A sign-in that was left half-way: whoever types `login` again starts again.
            client.request(Request::CancelSignIn).await?;
            client.request(begin()).await?;
        }
    }
    let mut subscription = client.subscribe().await?;
    let mut conversation = Conversation::new(asker.is_script());
    let snapshot = loop {
        let snapshot = subscription.next().await?;
        if let Some(checks) = conversation.begins_reading(&snapshot) {
            asker.say(&text::reads(checks))?;
        }
        match conversation.react(&snapshot) {
            Reaction::Wait => {}
            Reaction::Ask(progress) => {
                let account = snapshot.account.as_ref().map(|account| account.as_str().to_owned());
                let round = progress.round;
                let rules = rules_of(&progress).cloned();
                asker = match answer(&mut subscription, asker, *progress, account).await? {
                    (asker, Some(answer)) => {
                        conversation.answered = round;
                        client.request(Request::Answer { round, answer }).await?;
                        asker
                    }
                    (_, None) => {
                        // The sign-in may be over already; what counts is why the person could not go on.
                        let _ = client.request(Request::CancelSignIn).await;
                        let trouble =
                            conversation.trouble.take().unwrap_or_else(|| FailureCode::Cancelled.into());
                        return Err(conversation.explained(Ended::told_under(trouble, rules.as_ref())));
                    }
                };
            }
            Reaction::SignedIn => break wait_for_tunnel(&mut subscription, &snapshot, &mut asker).await?,
            Reaction::Refused(ended) => return Err(conversation.explained(ended)),
        }
    };
    let now = now();
    if out.json {
        out.json(&Status::new(&snapshot, now))?
    } else {
        out.text(&view(&snapshot, now, out))?
    }
    Ok(())
}

/// whoever is signed in already is shown so and need not sign in again; whoever wants to be signed in
/// elsewhere, or as somebody else, is told what is in the way.
fn attach(
    snapshot: &Snapshot,
    gateway: Option<&GatewayAddress>,
    account: Option<&str>,
    out: Out,
) -> Result<(), Ended> {
    if snapshot.in_use_by_another {
        return Err(FailureCode::InUseByAnother.into());
    }
    if is_wanted(snapshot, gateway, account) {
        return still_signed_in(snapshot, out);
    }
    let text = text::signed_in_otherwise(
        snapshot.account.as_ref().map(AccountName::as_str),
        snapshot.gateway.as_ref().map(GatewayAddress::authority).as_deref(),
    );
    Err(Ended::Told { failure: Box::new(FailureCode::AlreadySignedIn.into()), text, exit: Exit::Failed })
}

/// Whether the session is at that gateway and of that account, as far as they were named.
fn is_wanted(snapshot: &Snapshot, gateway: Option<&GatewayAddress>, account: Option<&str>) -> bool {
    // As gateways compare names: compatibility forms and case do not matter.
    let folded = |name: &str| name.trim().nfkc().flat_map(char::to_lowercase).nfkc().collect::<String>();
    let here = gateway.is_none_or(|gateway| snapshot.gateway.as_ref() == Some(gateway));
    let same = account.map(folded).filter(|account| !account.is_empty()).is_none_or(|account| {
        snapshot.account.as_ref().is_some_and(|present| folded(present.as_str()) == account)
    });
    here && same
}

fn still_signed_in(snapshot: &Snapshot, out: Out) -> Result<(), Ended> {
    if out.json {
        out.json(&Status::new(snapshot, now()))?;
    } else {
        out.text(&text::say("cli-still-signed-in"))?;
        out.text(&view(snapshot, now(), out))?;
    }
    Ok(())
}

async fn profiles(client: &Client) -> Result<Vec<KnownProfile>, Ended> {
    let answer = client.request(Request::ListProfiles).await?;
    let Response::Profiles { profiles } = answer else { return Err(Ended::unexpected()) };
    Ok(profiles)
}

/// What the command line names, if it names a gateway.
fn named(args: &Login, profiles: &[KnownProfile]) -> Result<Option<(Target, GatewayAddress)>, Ended> {
    if let Some(address) = &args.gateway {
        let target = Target::Gateway { address: address.clone(), pin: args.pin.clone() };
        return Ok(Some((target, address.clone())));
    }
    let Some(name) = &args.profile else { return Ok(None) };
    let known = profiles.iter().find(|known| known.profile.name == *name);
    let known = known.ok_or_else(|| FailureCode::NoSuchProfile { name: name.to_string() })?;
    Ok(Some((Target::Profile { name: name.clone() }, known.profile.gateway.clone())))
}

fn only_profile(profiles: &[KnownProfile]) -> Result<Target, Ended> {
    match profiles {
        [only] => Ok(Target::Profile { name: only.profile.name.clone() }),
        [] => Err(Ended::Usage(text::say("cli-no-profile"))),
        _ => Err(Ended::Usage(text::say("cli-several-profiles"))),
    }
}

/// What the conversation has come to, as far as this view is concerned.
struct Conversation {
    /// The last round that was answered from here.
    answered: u32,
    /// What was wrong with the last answer.
    trouble: Option<Failure>,
    /// The person was told what is read of the machine.
    reading: bool,
    /// What the endpoint check found last.
    findings: Vec<Finding>,
    /// A script answers, which is told nothing meanwhile.
    script: bool,
}

#[derive(Debug)]
enum Reaction {
    Wait,
    Ask(Box<SignInProgress>),
    SignedIn,
    Refused(Ended),
}

impl Conversation {
    fn new(script: bool) -> Self {
        Self { answered: 0, trouble: None, reading: false, findings: Vec::new(), script }
    }

    /// Whoever looks after a script learns at its end what a person has seen in between.
    fn explained(&self, ended: Ended) -> Ended {
        if !self.script || self.findings.is_empty() {
            return ended;
        }
        let findings = check::findings(&self.findings, Out::new(true));
        let text = format!("{}\n{findings}", text::findings_title(&self.findings));
        Ended::Told { failure: Box::new(FailureCode::PostureFailed.into()), text, exit: Exit::Failed }
    }

    /// What is being read of the machine, the first time.
    fn begins_reading<'a>(&mut self, snapshot: &'a Snapshot) -> Option<&'a [Check]> {
        let step = snapshot.sign_in.as_ref().and_then(|progress| progress.step.as_ref());
        let Some(SignInStep::Posture { checks, .. }) = step else { return None };
        (!std::mem::replace(&mut self.reading, true)).then_some(checks)
    }

    fn react(&mut self, snapshot: &Snapshot) -> Reaction {
        if let Some(progress) = &snapshot.sign_in {
            return match &progress.step {
                Some(SignInStep::Refused(failure)) => Reaction::Refused(failure.clone().into()),
                Some(_) if !progress.waiting && progress.round > self.answered => {
                    self.trouble = progress.notice.clone().or(self.trouble.take());
                    if let Some(SignInStep::Posture { findings, .. }) = &progress.step {
                        self.findings.clone_from(findings);
                    }
                    Reaction::Ask(Box::new(progress.clone()))
                }
                Some(_) | None => Reaction::Wait,
            };
        }
        match snapshot.state {
            TunnelState::NoSession | TunnelState::Ended => {
                Reaction::Refused(over(snapshot, FailureCode::Cancelled))
            }
            TunnelState::SigningIn
            | TunnelState::Restoring
            | TunnelState::Connected
            | TunnelState::Reconnecting
            | TunnelState::IdleWarning => Reaction::SignedIn,
        }
    }
}

/// Why there is no sign-in and no session any more, for whoever waited for it.
fn over(snapshot: &Snapshot, otherwise: FailureCode) -> Ended {
    let ended = snapshot.ended.map(|reason| FailureCode::SessionEnded { reason }.into());
    let failure = snapshot.last_failure.clone().or(ended).unwrap_or_else(|| otherwise.into());
    if !snapshot.ended_by_administrator {
        return failure.into();
    }
    let exit = Exit::from(&failure);
    Ended::Told { failure: Box::new(failure), text: text::ended_by_administrator(snapshot.state), exit }
}

/// Waits until the tunnel is up; the session is there already.
async fn wait_for_tunnel(
    subscription: &mut Subscription,
    first: &Snapshot,
    asker: &mut Asker,
) -> Result<Snapshot, Ended> {
    let until = tokio::time::sleep(TUNNEL_PATIENCE);
    tokio::pin!(until);
    let mut snapshot = first.clone();
    let mut said = false;
    loop {
        match snapshot.state {
            TunnelState::Connected | TunnelState::IdleWarning => return Ok(snapshot),
            TunnelState::NoSession | TunnelState::Ended => {
                return Err(over(&snapshot, FailureCode::NotSignedIn));
            }
            TunnelState::SigningIn | TunnelState::Restoring | TunnelState::Reconnecting => {}
        }
        if snapshot.state == TunnelState::Reconnecting && !said {
            said = true;
            asker.say(&text::say("cli-tunnel-late"))?;
        }
        tokio::select! {
            next = subscription.next() => snapshot = Snapshot::clone(&*next?),
            () = &mut until => {
                let late = FailureCode::Unreachable {
                    gateway: snapshot.gateway.as_ref().map_or_else(String::new, |gateway| gateway.host_port()),
                    cause: "timeout".to_owned(),
                };
                return Err(snapshot.last_failure.unwrap_or_else(|| late.into()).into());
            }
        }
    }
}

/// Asks the person; ends early when the question dies. `None` when there is no answer.
async fn answer(
    subscription: &mut Subscription,
    asker: Asker,
    progress: SignInProgress,
    account: Option<String>,
) -> Result<(Asker, Option<SignInAnswer>), Ended> {
    let round = progress.round;
    let bar = live_bar(&asker, &progress);
    let mut asking = tokio::task::spawn_blocking(move || {
        let mut asker = asker;
        let answer = question(&mut asker, &progress, account.as_deref());
        (asker, answer)
    });
    let result = loop {
        tokio::select! {
            done = &mut asking => {
                let (asker, answer) = done.map_err(|error| Ended::from(io::Error::other(error)))?;
                break Ok((asker, answer?));
            }
            next = subscription.next() => match next {
                Ok(snapshot) if snapshot.sign_in.as_ref().is_some_and(|now| now.round == round) => {}
                Ok(snapshot) => break Err(over(&snapshot, FailureCode::SignInExpired)),
                Err(error) => break Err(error.into()),
            },
        }
    };
    if let Some(bar) = bar {
        bar.abort();
    }
    result
}

/// The rules that a new password is asked under.
fn rules_of(progress: &SignInProgress) -> Option<&PasswordRules> {
    if let Some(SignInStep::NewPassword { rules }) = &progress.step { rules.as_ref() } else { None }
}

/// Puts one question; `None` at the end of the input.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is non-exhaustive; what is new gets the general case"
)]
fn question(
    asker: &mut Asker,
    progress: &SignInProgress,
    account: Option<&str>,
) -> io::Result<Option<SignInAnswer>> {
    if let Some(notice) = &progress.notice {
        asker.say(&text::failure_under(notice, rules_of(progress)))?;
    }
    let Some(step) = &progress.step else { return Ok(None) };
    Ok(match step {
        SignInStep::Password { account: Some(account) } => {
            let prompt = text::ask_password_of(account.as_str());
            asker
                .ask(&prompt, Echo::Hidden)?
                .map(|password| SignInAnswer::Password { account: None, password })
        }
        SignInStep::Password { account: None } => {
            let Some(account) = asker.ask(&text::ask("cli-ask-account"), Echo::Shown)? else {
                return Ok(None);
            };
            let account = account.expose().trim().to_owned();
            asker
                .ask(&text::ask("cli-ask-password"), Echo::Hidden)?
                .map(|password| SignInAnswer::Password { account: Some(account), password })
        }
        SignInStep::Otp { prompt, token } => {
            if let Some(prompt) = prompt {
                asker.say(&printable(prompt))?;
            }
            if let Some(token) = token {
                asker.say(&text::token(token))?;
                let left = token.seconds_left_after(since_asked(progress));
                asker.say(&text::token_bar(token.step_seconds, left))?;
            }
            asker
                .ask(&text::ask("cli-ask-code"), Echo::Shown)?
                .map(|code| SignInAnswer::Otp { code: Secret::new(code.expose().trim()) })
        }
        SignInStep::NewPassword { rules } => {
            password::choose(asker, Some("cli-new-password-due"), rules.as_ref(), account)?
                .map(|(password, repeat)| SignInAnswer::NewPassword { password, repeat })
        }
        SignInStep::Form { message, fields } => form(asker, message.as_deref(), fields)?,
        SignInStep::Elsewhere { sessions, choices } => {
            asker.say(&text::elsewhere(sessions))?;
            if choices.contains(&ElsewhereChoice::Replace) {
                asker.ask(&text::ask("cli-take-over"), Echo::Shown)?.map(|answer| {
                    let yes = text::is_yes(answer.expose());
                    let choice = if yes { ElsewhereChoice::Replace } else { ElsewhereChoice::Cancel };
                    SignInAnswer::Elsewhere { choice }
                })
            } else {
                Some(SignInAnswer::Elsewhere { choice: ElsewhereChoice::Cancel })
            }
        }
        SignInStep::Posture { findings, retry_seconds, .. } => {
            if !findings.is_empty() {
                asker.say(&text::findings_title(findings))?;
                asker.say(&check::findings(findings, Out::new(true)))?;
                asker.say(&text::say("cli-posture-see-sent"))?;
            }
            let since = since_asked(progress);
            let left = retry_seconds.map(|all| Duration::from_secs(u64::from(all)).saturating_sub(since));
            if let Some(left) = left {
                asker.say(&text::retry_within(left))?;
            }
            let answer = asker.ask(&text::ask("cli-check-again"), Echo::Shown)?;
            answer.map(|answer| {
                if text::is_no(answer.expose()) { SignInAnswer::Cancel } else { SignInAnswer::CheckAgain }
            })
        }
        // Steps that ask nobody, and steps of a later version.
        _ => Some(SignInAnswer::Cancel),
    })
}

fn form(asker: &mut Asker, message: Option<&str>, fields: &[FormField]) -> io::Result<Option<SignInAnswer>> {
    if let Some(message) = message {
        asker.say(&printable(message))?;
    }
    let mut values = Vec::new();
    for field in fields {
        for (value, label) in &field.choices {
            asker.say(&text::choice(value, label))?;
        }
        let echo = if field.secret { Echo::Hidden } else { Echo::Shown };
        let Some(answer) = asker.ask(&text::ask_field(&field.label), echo)? else { return Ok(None) };
        let chosen = field.choices.iter().find(|(_, label)| label == answer.expose());
        let answer = chosen.map_or(answer, |(value, _)| Secret::new(value.as_str()));
        values.push((field.name.clone(), answer));
    }
    Ok(Some(SignInAnswer::Form { values }))
}

/// Keeps the token's bar, one line above the prompt, up to date while the code is typed.
fn live_bar(asker: &Asker, progress: &SignInProgress) -> Option<JoinHandle<()>> {
    let Some(SignInStep::Otp { token: Some(token), .. }) = &progress.step else { return None };
    let mut screen = asker.screen()?;
    let (token, before, since) = (token.clone(), since_asked(progress), Instant::now());
    Some(tokio::spawn(async move {
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.tick().await;
        loop {
            tick.tick().await;
            let bar = text::token_bar(token.step_seconds, token.seconds_left_after(before + since.elapsed()));
            // Save the cursor, one line up, write, clear the rest, restore the cursor (ECMA-48, DEC).
            if write!(screen, "\u{1b}7\u{1b}[1A\r{bar}\u{1b}[K\u{1b}8").is_err() {
                return;
            }
        }
    }))
}

/// How long ago the gateway asked.
fn since_asked(progress: &SignInProgress) -> Duration {
    progress.asked_at.map_or(Duration::ZERO, |asked_at| now().since(asked_at))
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

#[cfg(test)]
mod tests {
    use praya_model::EndReason;

    use super::*;

    fn asking(round: u32, waiting: bool, notice: Option<Failure>) -> Snapshot {
        let step = Some(SignInStep::Password { account: Some(AccountName::new("wong")) });
        Snapshot {
            state: TunnelState::SigningIn,
            sign_in: Some(SignInProgress { round, step, asked_at: None, notice, deadline: None, waiting }),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_question_is_asked_once_and_only_while_an_answer_is_awaited() {
        let mut conversation = Conversation::new(false);
        assert!(matches!(conversation.react(&asking(1, true, None)), Reaction::Wait));
        assert!(matches!(conversation.react(&asking(1, false, None)), Reaction::Ask(_)));
        conversation.answered = 1;
        assert!(matches!(conversation.react(&asking(1, false, None)), Reaction::Wait));
        let wrong = Some(FailureCode::WrongCredentials.into());
        assert!(matches!(conversation.react(&asking(2, false, wrong.clone())), Reaction::Ask(_)));
        assert_eq!(conversation.trouble, wrong);
    }

    #[test]
    fn a21_what_is_read_of_the_machine_is_said_once() {
        let mut conversation = Conversation::new(false);
        let checks = vec![Check::Firewall];
        let nonce = String::new();
        let step = SignInStep::Posture { checks, findings: Vec::new(), retry_seconds: None, nonce };
        let mut snapshot = asking(1, true, None);
        assert_eq!(conversation.begins_reading(&snapshot), None);
        if let Some(progress) = &mut snapshot.sign_in {
            progress.step = Some(step);
        }
        assert_eq!(conversation.begins_reading(&snapshot), Some(&[Check::Firewall][..]));
        assert_eq!(conversation.begins_reading(&snapshot), None);
        assert!(text::reads(&[Check::Firewall]).ends_with("\n  Whether the firewall is on"));
    }

    #[test]
    fn a32_a_session_is_taken_for_the_wanted_one_only_where_gateway_and_account_are_its_own() {
        let snapshot = Snapshot {
            state: TunnelState::Connected,
            gateway: "https://vpn.example".parse().ok(),
            account: Some(AccountName::new("wong")),
            ..Snapshot::default()
        };
        let address = |text: &str| text.parse::<GatewayAddress>().unwrap();
        for (gateway, account, wanted) in [
            (None, None, true),
            (Some("vpn.example:443"), Some(" Wong "), true),
            (Some("vpn.example"), Some(""), true),
            (Some("other.example"), None, false),
            (Some("vpn.example:8443"), Some("wong"), false),
            (None, Some("chan"), false),
        ] {
            let gateway = gateway.map(address);
            assert_eq!(is_wanted(&snapshot, gateway.as_ref(), account), wanted, "{gateway:?} {account:?}");
        }
    }

    #[test]
    fn a_refusal_ends_with_its_reason() {
        let mut conversation = Conversation { answered: 1, ..Conversation::new(false) };
        let locked: Failure = FailureCode::Locked { seconds_left: 300 }.into();
        let snapshot = Snapshot { last_failure: Some(locked.clone()), ..Snapshot::default() };
        let Reaction::Refused(Ended::Failure(failure)) = conversation.react(&snapshot) else { panic!() };
        assert_eq!(*failure, locked);
        let ended =
            Snapshot { state: TunnelState::Ended, ended: Some(EndReason::Admin), ..Snapshot::default() };
        let Reaction::Refused(Ended::Failure(failure)) = conversation.react(&ended) else { panic!() };
        assert_eq!(failure.code, FailureCode::SessionEnded { reason: EndReason::Admin });
        let by_root = Snapshot { ended_by_administrator: true, ..ended };
        let Reaction::Refused(Ended::Told { text, .. }) = conversation.react(&by_root) else { panic!() };
        assert_eq!(text, text::ended_by_administrator(TunnelState::Ended));
    }
}
