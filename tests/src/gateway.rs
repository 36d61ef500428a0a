//! Our gateway on the lab's middle machine, run as an operator runs it: `init`, settings in the file, `serve`,
//! administrative commands beside it.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use praya_testkit::namespace::{self, Door};
use praya_testkit::otp::Token;
use praya_testkit::{Process, Program, programs};
use serde_json::Value;

use crate::Lab;
use crate::lab::{GATEWAY, GATEWAY_NAME, GATEWAY_V6};
use crate::raw;

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 443);

/// The gateway.
pub struct Gateway {
    /// Its state folder.
    pub state: PathBuf,
    /// The pin of its key.
    pub pin: String,
    door: Door,
    network: File,
    process: Option<Process>,
}

impl Gateway {
    /// A state folder with the defaults.
    ///
    /// # Errors
    /// With what `init` says.
    pub fn init(lab: &Lab) -> Result<Self> {
        let state = lab.gateway.folder("gateway")?.join("state");
        let mut gateway = Self {
            state,
            pin: String::new(),
            door: lab.gateway.door(),
            network: lab.gateway.network()?,
            process: None,
        };
        let names = ["--name", GATEWAY_NAME, "--name", GATEWAY, "--name", GATEWAY_V6];
        let made = gateway.praya(&["init"])?.args(names).arg("--json").succeed()?;
        let made: Value = serde_json::from_slice(&made.output).with_context(|| made.everything.clone())?;
        gateway.pin = made["pin"].as_str().context("init tells the pin")?.to_owned();
        Ok(gateway)
    }

    /// `praya-gateway` with these words, on this state folder.
    ///
    /// # Errors
    /// When it is not built.
    pub fn praya(&self, words: &[&str]) -> Result<Program> {
        Ok(self.door.program(programs::path("praya-gateway")?).args(words).arg("--state").arg(&self.state))
    }

    /// A file of its state folder, as this process reaches it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.door.seen(&self.state.join(name))
    }

    /// Puts a setting into the configuration file; it is in force at the next start.
    ///
    /// # Errors
    /// When the file is not what it should be.
    pub fn set(&mut self, path: &str, value: impl Into<toml::Value>) -> Result<()> {
        let (section, key) = path.split_once('.').context("section.key")?;
        let file = self.file("config.toml");
        let mut table: toml::Table = fs::read_to_string(&file)?.parse()?;
        let section = table.get_mut(section).and_then(toml::Value::as_table_mut).context("a section")?;
        section.insert(key.to_owned(), value.into());
        Ok(fs::write(file, toml::to_string(&table)?)?)
    }

    /// Whom failures name.
    ///
    /// # Errors
    /// As [`Self::set`].
    pub fn set_help_desk(&mut self, text: &str) -> Result<()> {
        self.set("gateway.help_desk", text)
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// With what it says when it does not start.
    pub fn start(&mut self) -> Result<()> {
        let process = self.praya(&["serve"])?.start()?;
        process.wait_for("ready")?;
        self.process = Some(process);
        Ok(())
    }

    /// Ends it in order; returns everything it printed.
    ///
    /// # Errors
    /// When it does not end well.
    pub fn stop(&mut self) -> Result<String> {
        let ended = self.process.take().context("the gateway was not started")?.terminate()?;
        ensure!(ended.status.success(), "{}: {}", ended.status, ended.everything);
        Ok(ended.everything)
    }

    /// Lets a successor take its place (SIGUSR2), and waits until that is ready.
    ///
    /// # Errors
    /// When it was not started, or no successor comes.
    pub fn succeed(&self) -> Result<()> {
        let process = self.process.as_ref().context("the gateway was not started")?;
        let place = process.place();
        process.signal(rustix::process::Signal::USR2)?;
        process.wait_for_after(place, "ready: ")?;
        Ok(())
    }

    /// Kills it as `kill -9` does.
    ///
    /// # Errors
    /// When it was not started.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("the gateway was not started")?.kill()?;
        Ok(())
    }

    /// The running gateway.
    ///
    /// # Errors
    /// When it was not started.
    pub fn process(&self) -> Result<&Process> {
        self.process.as_ref().context("the gateway was not started")
    }

    /// What it has printed.
    pub fn printed(&self) -> String {
        self.process.as_ref().map(Process::printed).unwrap_or_default()
    }

    /// Its memory (resident set) in KiB.
    ///
    /// # Errors
    /// When it does not run.
    pub fn memory_kib(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most memory (resident set) that it ever had, in KiB.
    ///
    /// # Errors
    /// When it does not run.
    pub fn peak_memory_kib(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    /// The value of one of its metrics.
    ///
    /// # Errors
    /// When it does not run or has no such metric.
    pub fn metric(&self, name: &str) -> Result<u64> {
        let read = self.door.program("curl").args(["-s", "http://127.0.0.1:9443/metrics"]).succeed()?.text();
        let value = read.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(value.with_context(|| format!("{name} in {read}"))?.parse()?)
    }

    fn memory(&self, field: &str) -> Result<u64> {
        let pid = self.process.as_ref().context("the gateway was not started")?.pid();
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)).context("a line of memory")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }

    /// Runs an administrative command; returns its JSON.
    ///
    /// # Errors
    /// With what it says.
    pub fn admin(&self, words: &[&str]) -> Result<Value> {
        self.admin_with_input(words, "")
    }

    /// Lets so many days pass for one row of its database: the instants in these columns move back. Nothing but a
    /// clock does that otherwise; the gateway may run meanwhile, as with its own commands.
    ///
    /// # Errors
    /// When there is no such row.
    pub fn let_days_pass(&self, days: u32, table: &str, key: &str, columns: &[&str]) -> Result<()> {
        let (name, key) = key.split_once('=').context("column=value")?;
        let earlier: Vec<_> = columns.iter().map(|column| format!("{column} = {column} - ?1")).collect();
        let database = rusqlite::Connection::open(self.file("praya.db"))?;
        let changed = database.execute(
            &format!("UPDATE {table} SET {} WHERE {name} = ?2", earlier.join(", ")),
            (i64::from(days) * 86_400_000, key),
        )?;
        ensure!(changed == 1, "{changed} rows of {table} have {name} = {key}");
        Ok(())
    }

    /// Adds people whose password is this one and needs no change. An administrator knows initial passwords only, so
    /// each of them signs in once and chooses it, at a gateway that asks for nothing else.
    ///
    /// # Errors
    /// With what the commands or the gateway say.
    pub fn add_people(&mut self, names: &[&str], password: &str) -> Result<()> {
        let initial: Vec<String> = names.iter().map(|name| self.add_newcomer(name)).collect::<Result<_>>()?;
        let file = self.file("config.toml");
        let settings = fs::read_to_string(&file)?;
        self.set("sign_in.second_factor", "when_assigned")?;
        self.start()?;
        for (name, initial) in names.iter().zip(&initial) {
            let (person, initial, password) = ((*name).to_owned(), initial.clone(), password.to_owned());
            let network = self.network.try_clone()?;
            namespace::within(network, move || {
                raw::choose_password(LOOPBACK, &person, &initial, &password)
            })??;
            self.admin(&["person", "end-sessions", name])?;
        }
        self.stop()?;
        Ok(fs::write(file, settings)?)
    }

    /// Adds somebody with a random initial password; returns it.
    ///
    /// # Errors
    /// With what the command says.
    pub fn add_newcomer(&self, name: &str) -> Result<String> {
        let made = self.admin(&["person", "add", name])?;
        Ok(made["initial_password"].as_str().context("an initial password")?.to_owned())
    }

    /// Gives somebody a token.
    ///
    /// # Errors
    /// With what the command says.
    pub fn add_token(&self, name: &str, serial: &str, token: &Token) -> Result<()> {
        let (step, digits) = (token.step.to_string(), token.digits.to_string());
        let words = [
            "token",
            "add",
            serial,
            "--step",
            &step,
            "--digits",
            &digits,
            "--assign",
            name,
            "--secret-stdin",
        ];
        self.admin_with_input(&words, &token.base32())?;
        Ok(())
    }

    /// Saves a policy of the endpoint check and puts it into force.
    ///
    /// # Errors
    /// With what the commands say of it.
    pub fn set_policy(&self, policy: &str) -> Result<()> {
        let written: toml::Table = policy.parse()?;
        let id = written.get("id").and_then(toml::Value::as_str).context("a policy's id")?;
        let file = self.state.with_file_name("policy.toml");
        fs::write(&file, policy)?;
        self.admin(&["posture", "save", file.to_str().context("a path in UTF-8")?])?;
        self.admin(&["posture", "activate", id])?;
        Ok(())
    }

    /// Makes a group of these people and publishes the intranet's site to it, over both families.
    ///
    /// # Errors
    /// With what the commands say.
    pub fn publish_intranet(&self, group: &str, people: &[&str]) -> Result<()> {
        self.admin(&["group", "add", group])?;
        for person in people {
            self.admin(&["group", "members", group, "--add", person])?;
        }
        self.publish(
            group,
            "Intranet",
            "http://172.31.0.10/",
            &["tcp:172.31.0.10:80", "udp:172.31.0.10", "icmp:172.31.0.10"],
        )?;
        self.publish(
            group,
            "Intranet over IPv6",
            "http://[fd31::10]/",
            &["tcp:[fd31::10]:80", "icmp:[fd31::10]"],
        )
    }

    /// Publishes a web resource to a group.
    ///
    /// # Errors
    /// With what the command says.
    pub fn publish(&self, group: &str, name: &str, url: &str, endpoints: &[&str]) -> Result<()> {
        let id = format!("{group}-{}", name.to_lowercase().replace(' ', "-"));
        let mut words =
            vec!["resource", "add", &id, "--name", name, "--group", group, "--kind", "web", "--address", url];
        words.extend(endpoints.iter().flat_map(|endpoint| ["--endpoint", endpoint]));
        self.admin(&words)?;
        Ok(())
    }

    /// The sessions that live.
    ///
    /// # Errors
    /// With what the command says.
    pub fn sessions(&self) -> Result<Vec<Value>> {
        let listed = self.admin(&["session", "list"])?;
        Ok(listed.as_array().cloned().unwrap_or_default())
    }

    /// Ends every session of somebody.
    ///
    /// # Errors
    /// With what the command says.
    pub fn end_sessions(&self, account: &str) -> Result<()> {
        self.admin(&["person", "end-sessions", account])?;
        Ok(())
    }

    /// Waits until this many sessions have a tunnel.
    ///
    /// # Errors
    /// When that does not come.
    pub fn wait_for_tunnels(&self, count: usize) -> Result<()> {
        let until = std::time::Instant::now() + praya_testkit::HANG;
        while self.sessions()?.iter().filter(|session| session["attached"] == true).count() != count {
            ensure!(std::time::Instant::now() < until, "{:?}", self.sessions()?);
        }
        Ok(())
    }

    /// Waits until no session lives.
    ///
    /// # Errors
    /// When that does not come.
    pub fn wait_for_no_sessions(&self) -> Result<()> {
        let until = std::time::Instant::now() + praya_testkit::HANG;
        while !self.sessions()?.is_empty() {
            ensure!(std::time::Instant::now() < until, "{:?}", self.sessions()?);
        }
        Ok(())
    }

    fn admin_with_input(&self, words: &[&str], input: &str) -> Result<Value> {
        let process = self.praya(words)?.arg("--json").start()?;
        if !input.is_empty() {
            process.type_line(input)?;
        }
        process.close_input();
        let ended = process.wait()?;
        ensure!(ended.status.success(), "praya-gateway {}: {}", words.join(" "), ended.everything);
        if ended.output.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&ended.output).with_context(|| ended.everything.clone())
    }
}
