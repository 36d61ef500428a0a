//! The state folder: what is in it, how `init` makes one, and how the others find their way in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand;
use ipnet::Ipv6Net;
use praya_identity::WrappingKey;
use praya_model::Timestamp;

use crate::config::{self, Config};
use crate::exit::{Code, Fatal, Result};
use crate::pki;
use crate::store::Store;

/// Where the state is unless `--state` says otherwise.
pub const DEFAULT_STATE: &str = "/var/lib/praya-gateway";
/// Environment variable that may hold the wrapping key in place of the file.
pub const KEY_VARIABLE: &str = "PRAYA_WRAPPING_KEY";

const DATABASE: &str = "praya.db";
const KEY: &str = "wrapping.key";
const CA_CERTIFICATE: &str = "tls/ca.crt";
const CA_KEY: &str = "tls/ca.key";

/// A state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir(PathBuf);

/// What `init` has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The folder.
    pub state: StateDir,
    /// The pin of the server's key.
    pub pin: String,
    /// The pin of the authority's key.
    pub ca_pin: String,
}

impl StateDir {
    /// The folder at `path`; nothing is checked yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.0.join(config::FILE_NAME)
    }

    /// The undo journal of the tunnel device's addresses and routes.
    pub fn network_journal(&self) -> PathBuf {
        self.0.join("network.journal")
    }

    /// The undo journal of forwarding and address translation.
    pub fn forwarding_journal(&self) -> PathBuf {
        self.0.join("forwarding.journal")
    }

    /// The configuration.
    ///
    /// # Errors
    /// See [`Config::load`].
    pub fn config(&self) -> Result<Config> {
        let file = self.config_file();
        match File::open(&file) {
            // Not a wrong setting, but a wrong user.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(Fatal::file("read", &file, &error))
            }
            Ok(_) | Err(_) => Ok(Config::load(&self.0, None)?),
        }
    }

    /// Opens the database.
    ///
    /// # Errors
    /// There is none, or it cannot be used; the message says what to do.
    pub fn store(&self) -> Result<Store> {
        let path = self.0.join(DATABASE);
        match fs::metadata(&path) {
            Ok(_) => Ok(Store::open(&path)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Fatal::new(
                Code::NoInput,
                format!(
                    "{} is not a state folder: it has no {DATABASE}; name the right one with --state, or make \
                     one with `praya-gateway init`",
                    self.0.display()
                ),
            )),
            Err(error) => Err(Fatal::file("open", &path, &error)),
        }
    }

    /// Reads the wrapping key, from the environment when it is there, else from its file.
    ///
    /// # Errors
    /// No key, one that is none, or a file that others may read.
    pub fn wrapping_key(&self) -> Result<WrappingKey> {
        let parse = |text: &str, origin: &str| {
            WrappingKey::from_base64(text)
                .map_err(|error| Fatal::new(Code::Config, format!("{origin}: {error}")))
        };
        if let Ok(text) = std::env::var(KEY_VARIABLE) {
            return parse(&text, KEY_VARIABLE);
        }
        let path = self.0.join(KEY);
        private(&path)?;
        let text = fs::read_to_string(&path).map_err(|error| Fatal::file("read", &path, &error))?;
        parse(&text, &path.display().to_string())
    }

    /// Issues the server's certificate anew for the configured names, with the same key, so that pins stay. Only for a
    /// certificate that this folder's own authority issued.
    ///
    /// # Errors
    /// The authority's files are not there, or the certificate cannot be written; the old one stays.
    pub fn renew_certificate(&self, config: &Config, now: Timestamp) -> Result<()> {
        let read = |path: &Path| fs::read_to_string(path).map_err(|error| Fatal::file("read", path, &error));
        let authority = pki::Authority {
            certificate: read(&self.0.join(CA_CERTIFICATE))?,
            key: read(&self.0.join(CA_KEY))?,
        };
        let chain = pki::issue(&authority, &read(&config.tls.key)?, &config.gateway.names, now)?;
        let target = &config.tls.certificate;
        let fresh = target.with_extension("new");
        write(&fresh, chain.as_bytes(), 0o644, true)?;
        fs::rename(&fresh, target).map_err(|error| Fatal::file("replace", target, &error))
    }
}

impl StateDir {
    /// Refuses secrets that anybody but their owner can read: the database, the server's key, and the authority's,
    /// where it is kept here.
    ///
    /// # Errors
    /// One of them is too open, or not there.
    pub fn secrets_are_private(&self, config: &Config) -> Result<()> {
        private(&self.0.join(DATABASE))?;
        private(&config.tls.key)?;
        let authority = self.0.join(CA_KEY);
        if authority.exists() { private(&authority) } else { Ok(()) }
    }
}

/// Refuses a secret file that anybody but its owner can read.
///
/// # Errors
/// It is not there, or too open.
pub fn private(path: &Path) -> Result<()> {
    let mode = fs::metadata(path).map_err(|error| Fatal::file("read", path, &error))?.mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let path = path.display();
    Err(Fatal::new(
        Code::NoPermission,
        format!("{path} can be read by others (mode {:03o}); run `chmod 600 {path}`", mode & 0o777),
    ))
}

/// A configuration for `names` with `settings` (each `section.key=value`, the value in TOML) put in.
///
/// # Errors
/// A setting that does not parse or does not fit.
pub fn initial_config(names: Vec<String>, settings: &[String]) -> Result<Config> {
    let mut config = Config::initial(names);
    config.tunnel.pool_v6 = Some(random_pool()?);
    let mut table = toml::Table::try_from(&config).map_err(|error| {
        Fatal::new(Code::Software, format!("the configuration cannot be written: {error}"))
    })?;
    for setting in settings {
        set(&mut table, setting)?;
    }
    let text = toml::to_string(&table).map_err(|error| {
        Fatal::new(Code::Software, format!("the configuration cannot be written: {error}"))
    })?;
    // The line numbers of this text mean nothing to anybody.
    Config::parse(&text).map_err(|error| config::ConfigError { line: None, ..error }.into())
}

/// Makes a state folder at `state`: all of it, or nothing.
///
/// # Errors
/// There is something already, or it cannot be made; then everything is as before.
pub fn init(state: &Path, config: &Config, now: Timestamp) -> Result<Made> {
    let occupied = || {
        Fatal::new(
            Code::CannotCreate,
            format!(
                "{} is there already and not empty; choose another folder with --state, or move this one away",
                state.display()
            ),
        )
    };
    let exists = match fs::read_dir(state) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(occupied());
            }
            true
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(occupied()),
        Err(error) => return Err(Fatal::file("look into", state, &error)),
    };
    // Beside the target, so that one rename puts it in place; inside it when it is there, as a mounted volume is.
    let name = format!(".praya-init-{}", std::process::id());
    let parent = match state.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let work = if exists { state.join(&name) } else { parent.join(&name) };
    let made = build(&work, config, now).and_then(|pins| {
        if exists {
            move_in(&work, state)?
        } else {
            put_in_place(&work, state)?
        }
        Ok(pins)
    });
    match made {
        Ok((pin, ca_pin)) => Ok(Made { state: StateDir::new(state), pin, ca_pin }),
        Err(fatal) => {
            // What is left there is ours alone and half-made.
            let _leftover = fs::remove_dir_all(&work);
            Err(fatal)
        }
    }
}

fn build(work: &Path, config: &Config, now: Timestamp) -> Result<(String, String)> {
    for folder in [work.to_owned(), work.join("tls")] {
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Fatal::file("make the folder", &folder, &error))?;
    }
    let authority = pki::new_authority(&config.gateway.display_name, now)?;
    let key = pki::new_server_key()?;
    let chain = pki::issue(&authority, &key, &config.gateway.names, now)?;
    write(&work.join(CA_CERTIFICATE), authority.certificate.as_bytes(), 0o644, false)?;
    write(&work.join(CA_KEY), authority.key.as_bytes(), 0o600, false)?;
    write(&work.join("tls/server.crt"), chain.as_bytes(), 0o644, false)?;
    write(&work.join("tls/server.key"), key.as_bytes(), 0o600, false)?;
    let wrapping =
        WrappingKey::generate().map_err(|error| Fatal::new(Code::Software, error.to_string()))?.to_base64();
    write(&work.join(KEY), format!("{}\n", wrapping.expose()).as_bytes(), 0o600, false)?;
    write(&work.join(config::FILE_NAME), config::render_template(config).as_bytes(), 0o600, false)?;
    // Closed again when it goes out of scope, which folds the journal into the file.
    drop(Store::create(&work.join(DATABASE))?);
    let chain = pki::read_chain(&work.join("tls/server.crt"))?;
    let pin = |at: usize| chain.get(at).map_or_else(|| Ok(String::new()), pki::pin_of);
    Ok((pin(0)?, pin(1)?))
}

fn put_in_place(work: &Path, state: &Path) -> Result<()> {
    fs::rename(work, state).map_err(|error| Fatal::file("make", state, &error))
}

/// Moves what is in `work` into its parent `state`; undone when one move fails.
fn move_in(work: &Path, state: &Path) -> Result<()> {
    let mut moved = Vec::new();
    let mut moving = || -> io::Result<()> {
        for entry in fs::read_dir(work)? {
            let name = entry?.file_name();
            fs::rename(work.join(&name), state.join(&name))?;
            moved.push(name);
        }
        fs::remove_dir(work)
    };
    moving().map_err(|error| {
        for name in &moved {
            let _back = fs::rename(state.join(name), work.join(name));
        }
        Fatal::file("fill", state, &error)
    })
}

fn write(path: &Path, content: &[u8], mode: u32, replace: bool) -> Result<()> {
    let writing = || -> io::Result<()> {
        let mut file: File = OpenOptions::new()
            .write(true)
            .create_new(!replace)
            .create(replace)
            .truncate(replace)
            .mode(mode)
            .open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    writing().map_err(|error| Fatal::file("write", path, &error))
}

/// Puts `section.key=value` into the table.
fn set(table: &mut toml::Table, setting: &str) -> Result<()> {
    let wrong = |why: &str| {
        Fatal::new(
            Code::Config,
            format!("--set {setting}: {why}; write section.key=value, with a TOML value"),
        )
    };
    let (path, value) = setting.split_once('=').ok_or_else(|| wrong("there is no '='"))?;
    let (section, key) = path.trim().split_once('.').ok_or_else(|| wrong("there is no section"))?;
    let value = format!("x = {}", value.trim())
        .parse::<toml::Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("x"))
        .ok_or_else(|| wrong("the value is not TOML (texts need quotes)"))?;
    let section = table.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    let section = section.as_table_mut().ok_or_else(|| wrong("that is no section"))?;
    section.insert(key.to_owned(), value);
    Ok(())
}

/// A pool of unique local addresses with a random global part (RFC 4193 section 3.2), so that two organisations that
/// meet do not share it.
fn random_pool() -> Result<Ipv6Net> {
    let mut random = [0; 8];
    rand::fill(&mut random)
        .map_err(|_| Fatal::new(Code::Software, "the system's random generator failed"))?;
    let [a, b, c, d, e, ..] = random;
    let address = std::net::Ipv6Addr::from([0xfd, a, b, c, d, e, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    Ok(Ipv6Net::new_assert(address, 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn config(settings: &[&str]) -> Result<Config> {
        let settings: Vec<String> = settings.iter().map(|text| (*text).to_owned()).collect();
        initial_config(vec!["vpn.example".into(), "192.0.2.1".into()], &settings)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn init_makes_a_folder_that_everything_else_can_use() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let made = init(&state, &config(&["sessions.idle_timeout=7"]).unwrap(), NOW).unwrap();
        assert_eq!(mode(&state), 0o700);
        for secret in ["wrapping.key", "tls/ca.key", "tls/server.key", "praya.db", "config.toml"] {
            assert_eq!(mode(&state.join(secret)), 0o600, "{secret}");
        }
        let config = made.state.config().unwrap();
        assert_eq!(config.sessions.idle_timeout.as_secs(), 7);
        assert_eq!(config.tls.certificate, state.join("tls/server.crt"));
        made.state.store().unwrap();
        made.state.wrapping_key().unwrap();
        let chain = pki::read_chain(&config.tls.certificate).unwrap();
        assert_eq!(pki::pin_of(&chain[0]).unwrap(), made.pin);
        assert!(pki::uncovered(&chain, &config.gateway.names).unwrap().is_empty());
        crate::http::tls::ServerTls::load(&config.tls.certificate, &config.tls.key).unwrap();
        made.state.renew_certificate(&config, NOW.after(std::time::Duration::from_secs(86_400))).unwrap();
        let renewed = pki::read_chain(&config.tls.certificate).unwrap();
        assert_ne!(renewed[0], chain[0]);
        assert_eq!(pki::pin_of(&renewed[0]).unwrap(), made.pin, "the pin stays");
    }

    #[test]
    fn init_refuses_to_overwrite_and_uses_an_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(&[]).unwrap();
        let state = folder.path().join("state");
        fs::create_dir(&state).unwrap();
        init(&state, &config, NOW).unwrap();
        let entries = fs::read_dir(&state).unwrap().count();
        assert_eq!(entries, 4, "config.toml, praya.db, tls, wrapping.key and nothing else");
        let before = fs::read(state.join("wrapping.key")).unwrap();
        let again = init(&state, &config, NOW).unwrap_err();
        assert_eq!(again.code, Code::CannotCreate);
        assert_eq!(fs::read(state.join("wrapping.key")).unwrap(), before);
    }

    #[test]
    fn a_failed_init_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(&[]).unwrap();
        config.gateway.names.push("not a name".into());
        assert_eq!(init(&folder.path().join("state"), &config, NOW).unwrap_err().code, Code::Config);
        let inside = folder.path().join("empty");
        fs::create_dir(&inside).unwrap();
        init(&inside, &config, NOW).unwrap_err();
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 0);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = init(&folder.path().join("no/such"), &config, NOW).unwrap_err();
        assert_eq!(missing.code, Code::NoInput, "{missing}");
    }

    #[test]
    fn a_wrong_setting_is_named() {
        for (setting, expected) in [
            ("sessions.idle_timeout", "no '='"),
            ("idle=5", "no section"),
            ("gateway.display_name=Praya Gate", "not TOML"),
            ("sessions.idle=5", "unknown field"),
            ("tunnel.mtu=100", "1280"),
        ] {
            let error = config(&[setting]).unwrap_err();
            assert_eq!(error.code, Code::Config);
            assert!(error.message.contains(expected), "{setting}: {error}");
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;

        use crate::serve::Prepared;

        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let made = init(&state, &config(&[]).unwrap(), crate::serve::now()).unwrap();
        let open = |name: &str, mode| {
            fs::set_permissions(state.join(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        for secret in ["wrapping.key", "tls/server.key", "tls/ca.key", "praya.db"] {
            Prepared::open(&made.state).unwrap();
            open(secret, 0o640);
            let error = Prepared::open(&made.state).err().unwrap();
            assert_eq!(error.code, Code::NoPermission, "{secret}");
            assert!(
                error.message.contains(&format!("chmod 600 {}", state.join(secret).display())),
                "{error}"
            );
            open(secret, 0o600);
        }
        // An authority may be kept elsewhere.
        fs::remove_file(state.join("tls/ca.key")).unwrap();
        Prepared::open(&made.state).unwrap();
    }

    #[test]
    fn a_folder_without_a_database_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = StateDir::new(folder.path()).store().unwrap_err();
        assert_eq!(error.code, Code::NoInput);
        assert!(error.message.contains("init"), "{error}");
    }
}
