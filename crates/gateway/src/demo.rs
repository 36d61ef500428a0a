//! `praya-gateway demo`: a throw-away gateway with people, tokens, groups and resources. Its folder is gone at exit.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use data_encoding::BASE32_NOPAD;
use praya_identity::account::PasswordRecord;
use praya_identity::password::{self, HashParams};
use praya_identity::{IdentityStore as _, TokenKind, WrappingKey, otp, people, random, tokens};
use praya_model::resource::{Endpoint, PortRange, Protocol, ResourceKind};
use praya_model::{AccountName, GroupName, Resource, ResourceId, Secret, Timestamp, TokenSerial};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::exit::{Code, Fatal, Result};
use crate::init::{StateDir, init, initial_config};
use crate::serve::{self, Prepared, Running, Signals};
use crate::store::{Group, Rates, Store};

/// What the demo can be told.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A name or address of the gateway; may be repeated.
    #[arg(long = "name", default_values_t = ["localhost".to_owned(), "127.0.0.1".to_owned()])]
    pub names: Vec<String>,
    /// Where to serve HTTPS.
    #[arg(long, default_value = "127.0.0.1:4443")]
    pub listen: SocketAddr,
    /// The machine behind the gateway that the demo's resources are on.
    #[arg(long, default_value = "10.99.0.10")]
    pub resource: IpAddr,
    /// The port of its web page.
    #[arg(long, default_value_t = 80)]
    pub resource_port: u16,
    /// A setting of the configuration as section.key=value, with a TOML value; may be repeated.
    #[arg(long = "set", value_name = "SETTING")]
    pub settings: Vec<String>,
    /// Print each token's code whenever it changes.
    #[arg(long)]
    pub codes: bool,
}

/// What the demo tells whoever tries it.
#[derive(Debug, Serialize)]
struct Site {
    ready: bool,
    https: Vec<SocketAddr>,
    pin: String,
    state: String,
    people: Vec<Person>,
    resources: Vec<Resource>,
}

/// Somebody to sign in as.
#[derive(Debug, Serialize)]
struct Person {
    account: AccountName,
    about: &'static str,
    password: Secret,
    must_change: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<DemoToken>,
}

#[derive(Debug, Serialize)]
struct DemoToken {
    serial: TokenSerial,
    secret: Secret,
    step: u32,
    digits: u8,
    #[serde(skip)]
    bytes: Zeroizing<Vec<u8>>,
    #[serde(skip)]
    kind: TokenKind,
}

/// How the names of the demo's folders begin; the process id comes next.
const PREFIX: &str = "praya-demo-";

/// A file in it with the network namespace that the demo runs in.
const NETWORK: &str = "network";

/// Runs the demo until a signal says to stop.
///
/// # Errors
/// What is wrong and what to do; the folder is gone also then.
pub fn run(arguments: &Arguments, json: bool, out: &mut dyn Write) -> Result<()> {
    let folder = tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .tempdir()
        .map_err(|error| Fatal::file("make a folder in", &std::env::temp_dir(), &error))?;
    if let Some(network) = own_network() {
        let file = folder.path().join(NETWORK);
        std::fs::write(&file, network).map_err(|error| Fatal::file("write", &file, &error))?;
    }
    let state = StateDir::new(folder.path().join("state"));
    let ended = serve_demo(arguments, &state, json, out);
    let path = folder.path().to_owned();
    let removed = folder.close().map_err(|error| Fatal::file("remove", &path, &error));
    ended.and(removed)
}

fn serve_demo(arguments: &Arguments, state: &StateDir, json: bool, out: &mut dyn Write) -> Result<()> {
    let mut settings = vec![
        format!("listen.https=[\"{}\"]", arguments.listen),
        "listen.metrics=\"127.0.0.1:0\"".to_owned(),
        "gateway.display_name=\"Praya demo\"".to_owned(),
        "gateway.help_desk=\"the person beside you\"".to_owned(),
        // Another demo, or a real gateway, may run beside it.
        format!("tunnel.device=\"pd{}\"", std::process::id()),
    ];
    settings.extend(arguments.settings.iter().cloned());
    let config = initial_config(arguments.names.clone(), &settings)?;
    init(state.path(), &config, serve::now())?;
    serve::start_log(&config);
    serve::runtime()?.block_on(async {
        // First: a signal in the middle of what follows is heard after it.
        let signals = Signals::listen()?.of_a_terminal();
        sweep().await;
        let (people, resources) = furnish(&state.store()?, &state.wrapping_key()?, arguments, serve::now())?;
        let prepared = Prepared::open(state)?;
        let pin = prepared.pin.clone();
        let running = Running::start(prepared).await?;
        let site = Site {
            ready: true,
            https: running.https().to_vec(),
            pin,
            state: state.path().display().to_string(),
            people,
            resources,
        };
        print(&site, json, out)?;
        let tokens: Vec<(AccountName, DemoToken)> = site
            .people
            .into_iter()
            .filter_map(|person| Some((person.account, person.token?)))
            .filter(|_| arguments.codes)
            .collect();
        tokio::select! {
            ended = running.until_stopped(signals) => ended.map(|_| ()),
            failed = show_codes(&tokens, json, out) => failed,
        }
    })
}

/// Takes away what demos left that were killed: forwarding, and their folders.
async fn sweep() {
    let folders = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    for folder in folders.map(|entry| entry.path()).filter(|path| is_left_over(path)) {
        let state = StateDir::new(folder.join("state"));
        let swept = async {
            praya_netcfg::revert_journal(&state.network_journal()).await?;
            praya_netcfg::revert_journal(&state.forwarding_journal()).await?;
            std::fs::remove_dir_all(&folder).map_err(anyhow::Error::from)
        };
        if let Err(error) = swept.await {
            tracing::warn!(%error, "what a killed demo left could not be taken away");
        }
    }
}

/// Whether `path` is the folder of a demo of this user in this network that is no longer there. Anybody may make
/// folders where temporary ones are, and what stands in another network's journal is not to be done here.
fn is_left_over(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let pid = name.and_then(|name| name.strip_prefix(PREFIX)?.split_once('-')?.0.parse::<u32>().ok());
    let is_ours = std::fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() && found.uid() == rustix::process::geteuid().as_raw());
    let network = std::fs::read_to_string(path.join(NETWORK)).ok();
    pid.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists())
        && is_ours
        && network.is_some_and(|network| Some(network) == own_network())
}

/// The name of the network namespace that this process is in.
fn own_network() -> Option<String> {
    Some(std::fs::read_link("/proc/self/ns/net").ok()?.display().to_string())
}

/// Puts people, tokens, groups and resources into the database.
fn furnish(
    store: &Store,
    key: &WrappingKey,
    arguments: &Arguments,
    now: Timestamp,
) -> Result<(Vec<Person>, Vec<Resource>)> {
    let machine = arguments.resource;
    let (staff, it) = (GroupName::new("Staff"), GroupName::new("IT"));
    let ping = Endpoint { protocol: Protocol::Icmp, net: machine.into(), ports: PortRange::ALL };
    let tcp =
        |port: u16| Endpoint { protocol: Protocol::Tcp, net: machine.into(), ports: PortRange::one(port) };
    for (name, description, networks) in
        [(&staff, "Everybody", vec![ping]), (&it, "The help desk", vec![tcp(22), tcp(3389)])]
    {
        let rates = Rates::default();
        store.put_group(&Group { name: name.clone(), description: description.into(), networks, rates })?;
    }
    let host = if machine.is_ipv6() { format!("[{machine}]") } else { machine.to_string() };
    let port = arguments.resource_port;
    let web = if port == 80 { format!("http://{host}/") } else { format!("http://{host}:{port}/") };
    let resource =
        |id: &str, name: &str, group: &GroupName, kind, address: String, endpoint: Endpoint| Resource {
            id: ResourceId::new(id),
            name: name.into(),
            description: String::new(),
            group: group.clone(),
            kind,
            address,
            endpoints: vec![endpoint],
        };
    let resources = vec![
        resource("intranet", "Intranet", &staff, ResourceKind::Web, web, tcp(port)),
        resource(
            "files",
            "Shared files",
            &staff,
            ResourceKind::FileShare,
            format!("//{machine}/shared"),
            tcp(445),
        ),
        resource("console", "Server console", &it, ResourceKind::Ssh, machine.to_string(), tcp(22)),
    ];
    for resource in &resources {
        store.put_resource(resource)?;
    }

    let mut everybody = Vec::new();
    for (name, display_name, about, first_time, token, groups) in [
        (
            "wong",
            "Wong Mei",
            "new here: initial password and a hardware token",
            true,
            Some(TokenKind::HARDWARE),
            vec![&staff],
        ),
        (
            "lei",
            "Lei Kin",
            "has chosen a password; an authenticator app",
            false,
            Some(TokenKind::SOFT),
            vec![&staff, &it],
        ),
        ("chan", "Chan Sio", "has lost the token, so cannot sign in", false, None, vec![&staff]),
    ] {
        let account = people::add(store, name, display_name, now)?.name;
        let password = if first_time {
            people::set_initial_password(store, &account, HashParams::default(), None, now)?
        } else {
            chosen_password(store, &account, now)?
        };
        for group in groups {
            store.add_member(group, &account)?;
        }
        let token = token.map(|kind| give_token(store, key, &account, kind, now)).transpose()?;
        everybody.push(Person { account, about, password, must_change: first_time, token });
    }
    Ok((everybody, resources))
}

/// A password as if the person had chosen it.
fn chosen_password(store: &Store, account: &AccountName, now: Timestamp) -> Result<Secret> {
    let broken = |error: random::RandomError| Fatal::new(Code::Software, error.to_string());
    let chosen = password::initial(random::bytes().map_err(broken)?);
    let hash = password::hash(&chosen, HashParams::default(), random::bytes().map_err(broken)?)
        .map_err(|error| Fatal::new(Code::Software, error.to_string()))?;
    store.set_password(account, &PasswordRecord { hash, set_at: now, initial_until: None }, false)?;
    Ok(chosen)
}

fn give_token(
    store: &Store,
    key: &WrappingKey,
    account: &AccountName,
    kind: TokenKind,
    now: Timestamp,
) -> Result<DemoToken> {
    let random: [u8; 20] = random::bytes().map_err(|error| Fatal::new(Code::Software, error.to_string()))?;
    let bytes = Zeroizing::new(random.to_vec());
    let serial = TokenSerial::new(format!("DEMO-{}", account.as_str().to_uppercase()));
    tokens::register(store, key, serial.clone(), kind, &bytes, None, now)?;
    tokens::assign(store, &serial, account, now)?;
    let secret = Secret::new(BASE32_NOPAD.encode(&bytes));
    Ok(DemoToken { serial, secret, step: kind.step_seconds(), digits: kind.digits(), bytes, kind })
}

fn print(site: &Site, json: bool, out: &mut dyn Write) -> Result<()> {
    let text = if json {
        serde_json::to_string(site)
            .map_err(|error| Fatal::new(Code::Software, format!("cannot write JSON: {error}")))?
    } else {
        describe(site)
    };
    writeln!(out, "{text}")
        .and_then(|()| out.flush())
        .map_err(|error| Fatal::new(Code::Disk, format!("cannot write the output: {error}")))
}

fn describe(site: &Site) -> String {
    let mut text = String::from("A throw-away Praya gateway is ready. Stop it with Ctrl-C; nothing stays.\n");
    for address in &site.https {
        text.push_str(&format!("\n  address   https://{address}\n"));
    }
    text.push_str(&format!("  identity  {}\n  state     {}\n", site.pin, site.state));
    for person in &site.people {
        text.push_str(&format!(
            "\n  {} ({})\n    password  {}\n",
            person.account,
            person.about,
            person.password.expose()
        ));
        if let Some(token) = &person.token {
            text.push_str(&format!(
                "    token     {}, {} digits every {} s, secret {}\n",
                token.serial,
                token.digits,
                token.step,
                token.secret.expose()
            ));
        }
    }
    if let (Some(address), Some(person)) =
        (site.https.first(), site.people.iter().find(|person| !person.must_change && person.token.is_some()))
        && let Some(token) = &person.token
    {
        text.push_str(&format!(
            "\n  With stock openconnect:\n    printf '%s\\n' '{}' | openconnect --user {} --passwd-on-stdin \\\n      \
             --servercert {} --token-mode=totp --token-secret base32:{} https://{address}\n",
            person.password.expose(),
            person.account,
            site.pin,
            token.secret.expose()
        ));
    }
    text
}

/// Prints each code when it becomes valid; without tokens it waits for ever.
async fn show_codes(tokens: &[(AccountName, DemoToken)], json: bool, out: &mut dyn Write) -> Result<()> {
    if tokens.is_empty() {
        return std::future::pending().await;
    }
    let mut shown: Vec<Option<i64>> = vec![None; tokens.len()];
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        let now = serve::now();
        for ((account, token), shown) in tokens.iter().zip(&mut shown) {
            let step = otp::step_at(token.kind, now);
            if shown.replace(step) == Some(step) {
                continue;
            }
            let code = otp::code(token.kind, &token.bytes, u64::try_from(step).unwrap_or(0));
            let left = otp::seconds_left(token.kind, now);
            let line = if json {
                let (account, code) = (account.as_str(), code.as_str());
                serde_json::json!({ "account": account, "code": code, "seconds_left": left }).to_string()
            } else {
                format!("  code of {account}: {} (for {left} s)", code.as_str())
            };
            writeln!(out, "{line}")
                .and_then(|()| out.flush())
                .map_err(|error| Fatal::new(Code::Disk, format!("cannot write the output: {error}")))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folder_of_a_dead_demo_of_this_user_in_this_network_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, network: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::write(path.join(NETWORK), network).unwrap();
            path
        };
        let (here, dead) = (own_network().unwrap(), u32::MAX);
        assert!(is_left_over(&make(&format!("{PREFIX}{dead}-a"), &here)));
        assert!(!is_left_over(&make(&format!("{PREFIX}{}-a", std::process::id()), &here)), "it lives");
        assert!(!is_left_over(&make(&format!("{PREFIX}{dead}-b"), "net:[1]")), "another network's");
        assert!(!is_left_over(&make(&format!("{PREFIX}old"), &here)));
        let link = folder.path().join(format!("{PREFIX}{dead}-c"));
        std::os::unix::fs::symlink(folder.path().join(format!("{PREFIX}{dead}-a")), &link).unwrap();
        assert!(!is_left_over(&link), "a link leads anywhere");
    }

    #[test]
    fn the_demo_has_somebody_for_every_case_and_what_it_prints_is_true() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = Arguments {
            names: vec!["localhost".into()],
            listen: "127.0.0.1:0".parse().unwrap(),
            resource: "10.99.0.10".parse().unwrap(),
            resource_port: 8080,
            settings: Vec::new(),
            codes: false,
        };
        let now = Timestamp::from_secs(1_790_000_000);
        let config = initial_config(arguments.names.clone(), &[]).unwrap();
        let state = init(&folder.path().join("state"), &config, now).unwrap().state;
        let store = state.store().unwrap();
        let key = state.wrapping_key().unwrap();
        let (people, resources) = furnish(&store, &key, &arguments, now).unwrap();
        for person in &people {
            let account = store.account(&person.account).unwrap().unwrap();
            assert_eq!(account.must_change, person.must_change, "{}", person.account);
            assert!(password::verify(&person.password, &account.password.unwrap().hash));
            if let Some(token) = &person.token {
                let code = otp::code(
                    token.kind,
                    &token.bytes,
                    u64::try_from(otp::step_at(token.kind, now)).unwrap(),
                );
                let used = tokens::use_code(
                    &store,
                    &key,
                    &person.account,
                    &code,
                    &tokens::TokenPolicy::default(),
                    now,
                );
                assert!(matches!(used.unwrap(), tokens::CodeOutcome::Accepted { .. }));
            }
        }
        assert!(people.iter().any(|person| person.token.is_none()));
        assert!(resources.iter().any(|resource| resource.address == "http://10.99.0.10:8080/"));
        assert!(store.resources_for(&AccountName::new("wong")).unwrap().len() == 2);
        let site = Site {
            ready: true,
            https: vec![arguments.listen],
            pin: "pin-sha256:x".into(),
            state: "/x".into(),
            people,
            resources,
        };
        let mut out = Vec::new();
        print(&site, true, &mut out).unwrap();
        let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["people"][0]["token"]["step"], 60);
        assert!(describe(&site).contains("openconnect"));
    }
}
