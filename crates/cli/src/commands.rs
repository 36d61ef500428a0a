//! Each command of `praya` in a few lines, those with more to them by name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::CommandFactory;
use praya_ipc::{Client, ClientKind, KnownProfile, Request, Response};
use praya_model::paths::JOURNAL_FILE;
use praya_model::{EndReason, Failure, FailureCode, Profile, TunnelState};
use praya_texts::printable;

use crate::args::{self, Cli, Command};
use crate::exit::Exit;
use crate::format::{padded, widest};
use crate::out::Out;
use crate::{Ended, check, doctor, login, password, resources, text, watch};

/// How long the service may take to say hello.
const HELLO: Duration = Duration::from_secs(5);

/// How long the service's word on a logout is awaited, in case it hangs; it waits less itself.
const FAREWELL: Duration = Duration::from_secs(10);
/// A logout that takes longer says what it waits for.
const SOON: Duration = Duration::from_secs(1);

/// Runs one command.
pub(crate) async fn run(cli: Cli, out: Out) -> Result<(), Ended> {
    let connect = || Client::connect(&cli.socket, ClientKind::Cli, HELLO);
    match cli.command {
        Command::Login(args) => login::run(&connect().await?, args, out).await,
        Command::Status(args) if args.watch => watch::watch(&connect().await?, out).await,
        Command::Status(_) => watch::once(&connect().await?, out).await,
        Command::Resources => resources::list(&connect().await?, out).await,
        Command::Open { name } => resources::open(&connect().await?, &name, out).await,
        Command::Password(args) => password::change(&connect().await?, args.answers_stdin, out).await,
        Command::Connect => simple(&connect().await?, Request::Connect, "cli-connecting", out).await,
        Command::Disconnect => simple(&connect().await?, Request::Disconnect, "cli-disconnected", out).await,
        Command::Logout => logout(&connect().await?, out).await,
        Command::Check(args) if args.again => {
            simple(&connect().await?, Request::CheckAgain, "cli-posture-again", out).await
        }
        Command::Check(args) if args.sent => check::sent(&connect().await?, out).await,
        Command::Check(args) => check::run(&connect().await?, &args, out).await,
        Command::Doctor(args) => {
            let client = connect().await.map_err(praya_ipc::ClientError::into_failure);
            doctor::run(client, &args.state, out).await
        }
        Command::ResetNetwork(args) => {
            let client = connect().await.map_err(praya_ipc::ClientError::into_failure);
            reset_network(client, &args.state, out).await
        }
        Command::Profile(command) => profile(&connect().await?, command, out).await,
        Command::Completion { shell } => completion(shell),
    }
}

/// A request that has no result but that it is done, which the message `done` says.
pub(crate) async fn simple(client: &Client, request: Request, done: &str, out: Out) -> Result<(), Ended> {
    client.request(request).await?;
    Ok(out.either(&Done { done: true }, |_| text::say(done))?)
}

/// Ends the session, and says so if the gateway did not hear of it.
async fn logout(client: &Client, out: Out) -> Result<(), Ended> {
    let logout = async {
        client.request(Request::Logout { reason: EndReason::UserLogout }).await?;
        let mut subscription = client.subscribe().await?;
        loop {
            let snapshot = subscription.next().await?;
            // A sign-in that was given up, and a new session, have nothing to tell.
            if snapshot.state != TunnelState::Ended || snapshot.gateway_told.is_some() {
                return Ok::<_, Ended>(snapshot);
            }
        }
    };
    let mut logout = std::pin::pin!(tokio::time::timeout(FAREWELL, logout));
    let ended = match tokio::time::timeout(SOON, &mut logout).await {
        Ok(ended) => ended,
        Err(_) => {
            out.meanwhile(&text::say("cli-telling-gateway"));
            logout.await
        }
    };
    let snapshot = ended.map_err(|_| FailureCode::ServiceUnavailable)??;
    let left = LoggedOut {
        done: true,
        gateway_told: snapshot.gateway_told.unwrap_or(true),
        gateway_forgets_in_seconds: snapshot.gateway_forgets_at.map(|at| at.since(login::now()).as_secs()),
    };
    Ok(out.either(&left, |left| {
        if left.gateway_told {
            return text::say("cli-logged-out");
        }
        let left = left.gateway_forgets_in_seconds.map(Duration::from_secs);
        format!("{}\n{}", text::say("cli-logged-out"), text::gateway_not_told(left))
    })?)
}

/// What `logout` did, as JSON.
#[derive(serde::Serialize)]
struct LoggedOut {
    done: bool,
    /// Whether the gateway knows; if not, it ends the session by itself later.
    gateway_told: bool,
    /// When that is at the latest, where it is known.
    gateway_forgets_in_seconds: Option<u64>,
}

/// What `--json` says where there is nothing else to say.
#[derive(serde::Serialize)]
struct Done {
    done: bool,
}

/// What `reset-network` did, as JSON.
#[derive(serde::Serialize)]
struct Reset {
    undone: usize,
    gone: usize,
    left_alone: Vec<String>,
    failed: Vec<String>,
    damaged_journal: Option<PathBuf>,
}

fn text_of_reset(reset: &Reset) -> String {
    let done = if !reset.failed.is_empty() {
        "cli-network-partly-reset"
    } else if reset.damaged_journal.is_some() {
        "cli-network-perhaps-reset"
    } else if reset.undone + reset.gone + reset.left_alone.len() == 0 {
        "cli-nothing-to-reset"
    } else {
        "cli-network-reset"
    };
    let line = |id, what: &String| text::indented(&text::say_with(id, &[("what", what.into())]));
    let left = reset.left_alone.iter().map(|what| line("cli-left-alone", what));
    let failed = reset.failed.iter().map(|what| line("cli-not-undone", what));
    let damaged = reset.damaged_journal.as_deref().map(text::journal_damaged);
    std::iter::once(text::say(done)).chain(left).chain(failed).chain(damaged).collect::<Vec<_>>().join("\n")
}

/// Puts the network back: through the service where it runs, else by the journal that it left.
async fn reset_network(client: Result<Client, Failure>, state: &Path, out: Out) -> Result<(), Ended> {
    match client {
        Ok(client) => match client.request(Request::ResetNetwork).await {
            Ok(_) => Ok(out.either(&Done { done: true }, |_| text::say("cli-network-reset"))?),
            Err(error) => Err(not_reset(error.into_failure())),
        },
        Err(failure) if failure.code == FailureCode::ServiceUnavailable => {
            if !rustix::process::geteuid().is_root() {
                return Err(not_reset(FailureCode::NotPermitted.into()));
            }
            let report = praya_netcfg::revert_journal(&state.join(JOURNAL_FILE))
                .await
                .map_err(|error| not_reset(FailureCode::from(error).into()))?;
            let failed = !report.failed.is_empty();
            let reset = Reset {
                undone: report.undone,
                gone: report.gone,
                left_alone: report.left_alone,
                failed: report.failed,
                damaged_journal: report.damaged,
            };
            out.either(&reset, text_of_reset)?;
            if failed { Err(Ended::Silent(Exit::Failed)) } else { Ok(()) }
        }
        Err(failure) => Err(not_reset(failure)),
    }
}

/// What refuses a reset, in the words of a reset.
fn not_reset(failure: Failure) -> Ended {
    let text = if failure.code == FailureCode::NotPermitted {
        text::say("cli-reset-needs-root")
    } else if let FailureCode::NetworkSetup { detail } = &failure.code {
        text::say_with("cli-not-reset", &[("why", detail.into())])
    } else {
        return failure.into();
    };
    Ended::Told { failure: Box::new(failure), text, exit: Exit::Failed }
}

async fn profile(client: &Client, command: args::Profile, out: Out) -> Result<(), Ended> {
    match command {
        args::Profile::Add { name, gateway, pin, replace } => {
            let profile = Profile { name, gateway, pin };
            simple(client, Request::AddProfile { profile, replace }, "cli-profile-added", out).await
        }
        args::Profile::Remove { name } => {
            simple(client, Request::RemoveProfile { name }, "cli-profile-removed", out).await
        }
        args::Profile::List => {
            let answer = client.request(Request::ListProfiles).await?;
            let Response::Profiles { profiles } = answer else { return Err(Ended::unexpected()) };
            Ok(out.either(&profiles, |profiles| profile_table(profiles))?)
        }
    }
}

fn profile_table(profiles: &[KnownProfile]) -> String {
    if profiles.is_empty() {
        return text::say("cli-no-profiles");
    }
    let width = widest(profiles.iter().map(|known| printable(known.profile.name.as_str())));
    let lines: Vec<String> = profiles
        .iter()
        .map(|KnownProfile { profile, shared }| {
            let pin = profile.pin.as_ref().map_or("", |pin| pin.as_str());
            let shared = if *shared { text::say("cli-shared") } else { String::new() };
            let name = padded(&printable(profile.name.as_str()), width);
            format!("{name}  {}  {pin}  {shared}", profile.gateway).trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}

fn completion(shell: clap_complete::Shell) -> Result<(), Ended> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "praya", &mut script);
    std::io::Write::write_all(&mut std::io::stdout().lock(), &script)?;
    Ok(())
}
