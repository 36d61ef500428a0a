//! How a resource is opened: a pure plan, carried out by the shell. No shell language anywhere: a program and its
//! arguments, none of which can be taken for an option, and addresses of known schemes only.

use std::collections::BTreeSet;

use praya_model::resource::ResourceKind;
use praya_model::{Failure, FailureCode, Resource};

use crate::commands::CopiedBecause;
use crate::own_program::OwnProgram;
use crate::settings::{RdpOpener, Settings, ShareOpener, SshOpener, WebOpener};

/// The longest address that is opened, in bytes.
const MAX_ADDRESS: usize = 2048;

/// The operating system, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Os {
    /// Linux and its desktops.
    Linux,
    /// Windows.
    Windows,
    /// macOS.
    MacOs,
}

impl Os {
    /// The one that this program was built for.
    pub const fn here() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Linux
        }
    }
}

/// What there is to open things with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The system.
    pub os: Os,
    /// Which of [`PROGRAMS`] are there.
    pub programs: BTreeSet<&'static str>,
}

/// The programs that a plan may name besides the system's own, for the shell to look for.
pub const PROGRAMS: &[&str] = &[
    "remmina",
    "xfreerdp3",
    "xfreerdp",
    "sdl-freerdp3",
    "x-terminal-emulator",
    "gnome-terminal",
    "konsole",
    "xfce4-terminal",
    "xterm",
];

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Hand this `http` or `https` address to the person's browser.
    Url(String),
    /// Hand this address of a share (`smb://…`, or `\\host\share` on Windows) to the file manager.
    Share(String),
    /// Start this program with these arguments.
    Program {
        /// Its name, to be looked up in the search path, or its path.
        program: String,
        /// Its arguments.
        args: Vec<String>,
    },
    /// Copy this address, and say why it is not opened.
    Copy(String, CopiedBecause),
}

impl Opening {
    fn program(program: &str, args: Vec<String>) -> Self {
        Self::Program { program: program.to_owned(), args }
    }
}

/// Plans how a page of the web is opened, where `address` is one.
pub fn web(address: &str, settings: &Settings) -> Option<Opening> {
    match &settings.open_web {
        WebOpener::CopyAddress => Some(Opening::Copy(address.to_owned(), CopiedBecause::Chosen)),
        WebOpener::Browser | WebOpener::Own(_) if !is_web_address(address) => None,
        WebOpener::Browser => Some(Opening::Url(address.to_owned())),
        WebOpener::Own(own) => Place::web(address).opening(own),
    }
}

/// Plans how `resource` is opened.
///
/// # Errors
/// [`FailureCode::BadResource`] when its address is not one of its kind: the gateway's list is a peer's word.
pub fn plan(resource: &Resource, settings: &Settings, machine: &Machine) -> Result<Opening, Failure> {
    let address = address(resource)?;
    let copy = |why| Ok(Opening::Copy(address.to_owned(), why));
    let unusable = || unusable(resource);
    match resource.kind {
        ResourceKind::Web => web(address, settings).ok_or_else(unusable),
        ResourceKind::Rdp => {
            let host = Host::read(address).ok_or_else(unusable)?;
            match &settings.open_rdp {
                RdpOpener::CopyAddress => copy(CopiedBecause::Chosen),
                RdpOpener::Own(own) => Place::rdp(&host).opening(own).ok_or_else(unusable),
                wanted @ (RdpOpener::Automatic | RdpOpener::Remmina | RdpOpener::Freerdp) => {
                    rdp(&host, wanted, machine).map_or_else(|| copy(CopiedBecause::NoProgram), Ok)
                }
            }
        }
        ResourceKind::Ssh => {
            let host = Host::read(address).ok_or_else(unusable)?;
            match &settings.open_ssh {
                SshOpener::CopyAddress => copy(CopiedBecause::Chosen),
                SshOpener::Own(own) => Place::ssh(&host).opening(own).ok_or_else(unusable),
                SshOpener::Terminal => ssh(&host, machine).map_or_else(|| copy(CopiedBecause::NoProgram), Ok),
            }
        }
        ResourceKind::FileShare => {
            let share = Share::read(address).ok_or_else(unusable)?;
            match &settings.open_share {
                ShareOpener::CopyAddress => copy(CopiedBecause::Chosen),
                ShareOpener::Own(own) => Place::share(&share).opening(own).ok_or_else(unusable),
                ShareOpener::FileManager => Ok(Opening::Share(share.on(machine.os))),
            }
        }
        ResourceKind::Other => copy(CopiedBecause::Kind),
    }
}

/// The address of `resource`, where it may leave the app in any way.
///
/// # Errors
/// [`FailureCode::BadResource`] when it is empty, too long or holds control characters, such as the end of a line
/// that a terminal would take for a command's.
pub fn address(resource: &Resource) -> Result<&str, Failure> {
    let address = resource.address.as_str();
    let fits = !address.is_empty() && address.len() <= MAX_ADDRESS && !address.chars().any(char::is_control);
    fits.then_some(address).ok_or_else(|| unusable(resource))
}

fn unusable(resource: &Resource) -> Failure {
    FailureCode::BadResource { name: resource.name.clone() }.into()
}

/// Whether a browser may get `address`: `http` or `https`, a host, and nothing that ends an argument or a line.
pub fn is_web_address(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once("://") else { return false };
    let known = ["http", "https"].iter().any(|allowed| scheme.eq_ignore_ascii_case(allowed));
    known
        && !rest.is_empty()
        && !rest.starts_with(['/', '?', '#'])
        && address.len() <= MAX_ADDRESS
        && !address.chars().any(|c| c.is_control() || c.is_whitespace() || "\"<>\\^`{|}".contains(c))
}

fn rdp(host: &Host, wanted: &RdpOpener, machine: &Machine) -> Option<Opening> {
    let target = host.with_port();
    match machine.os {
        Os::Windows => Some(Opening::program("mstsc.exe", vec![format!("/v:{target}")])),
        Os::MacOs => Some(Opening::program("open", vec![format!("rdp://full%20address=s:{target}")])),
        Os::Linux => {
            let remmina = ["remmina"].as_slice();
            let freerdp = ["xfreerdp3", "sdl-freerdp3", "xfreerdp"].as_slice();
            let order = match wanted {
                RdpOpener::Remmina => [remmina, &[]],
                RdpOpener::Freerdp => [freerdp, &[]],
                RdpOpener::Automatic | RdpOpener::CopyAddress | RdpOpener::Own(_) => [remmina, freerdp],
            };
            let program = order.concat().into_iter().find(|program| machine.programs.contains(program))?;
            let args = match program {
                "remmina" => vec!["-c".to_owned(), format!("rdp://{target}")],
                // The other side reads whatever is copied here; who wants that names a program of their own.
                _ => vec![format!("/v:{target}"), "/dynamic-resolution".to_owned(), "-clipboard".to_owned()],
            };
            Some(Opening::program(program, args))
        }
    }
}

fn ssh(host: &Host, machine: &Machine) -> Option<Opening> {
    let mut command = vec!["ssh".to_owned()];
    if let Some(port) = host.port {
        command.extend(["-p".to_owned(), port.to_string()]);
    }
    // After `--` nothing is an option; the host begins with a letter, a digit or a colon anyway.
    command.extend(["--".to_owned(), host.login()]);
    match machine.os {
        // A console program that a window starts gets a console of its own.
        Os::Windows => Some(Opening::program("ssh.exe", command.split_off(1))),
        Os::MacOs => Some(Opening::program("open", vec![host.ssh_url()])),
        Os::Linux => {
            let terminals = ["x-terminal-emulator", "gnome-terminal", "konsole", "xfce4-terminal", "xterm"];
            let program = terminals.into_iter().find(|program| machine.programs.contains(program))?;
            let before = match program {
                "gnome-terminal" => "--",
                "xfce4-terminal" => "-x",
                _ => "-e",
            };
            Some(Opening::program(program, [vec![before.to_owned()], command].concat()))
        }
    }
}

/// `[user@]host[:port]`, checked.
#[derive(Debug, PartialEq, Eq)]
struct Host {
    user: Option<String>,
    /// A name, an IPv4 address, or an IPv6 address without brackets.
    host: String,
    port: Option<u16>,
}

impl Host {
    fn read(text: &str) -> Option<Self> {
        let (user, rest) = match text.split_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, after) = bracketed.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return None,
            }
        } else if rest.parse::<std::net::Ipv6Addr>().is_ok() {
            (rest, None)
        } else {
            match rest.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (rest, None),
            }
        };
        let word = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && text.len() <= 253
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
        };
        let fits = (host.contains(':') || word(host)) && user.is_none_or(word);
        let port = match port {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Some(digits.parse().ok().filter(|port: &u16| *port != 0)?)
            }
            Some(_) => return None,
            None => None,
        };
        fits.then(|| Self { user: user.map(str::to_owned), host: host.to_owned(), port })
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }

    fn with_port(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", self.bracketed())
    }

    fn ssh_url(&self) -> String {
        let user = self.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        format!("ssh://{user}{}", self.with_port())
    }

    fn login(&self) -> String {
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }
}

/// A share of a file server, however its address was written.
struct Share {
    host: String,
    path: Vec<String>,
}

impl Share {
    /// From `\\host\share`, `//host/share`, `smb://host/share` or `host/share`.
    fn read(text: &str) -> Option<Self> {
        let slashes = text.replace('\\', "/");
        let rest = match slashes.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("smb") => rest,
            Some(_) => return None,
            None => slashes.trim_start_matches('/'),
        };
        let mut parts = rest.split('/').filter(|part| !part.is_empty());
        let host = Host::read(parts.next()?)?;
        if host.user.is_some() || host.port.is_some() {
            return None;
        }
        let path: Vec<String> = parts.map(str::to_owned).collect();
        let fits =
            path.iter().all(|part| part != ".." && !part.contains(['"', '<', '>', '|', '?', '*', ':', '%']));
        fits.then_some(Self { host: host.with_port(), path })
    }

    fn on(&self, os: Os) -> String {
        match os {
            Os::Windows => {
                let path: String = self.path.iter().map(|part| format!("\\{part}")).collect();
                format!("\\\\{}{path}", self.host)
            }
            Os::Linux | Os::MacOs => {
                let escape = |part: &String| {
                    percent_encoding::utf8_percent_encode(part, percent_encoding::NON_ALPHANUMERIC)
                        .to_string()
                };
                let path: String = self.path.iter().map(|part| format!("/{}", escape(part))).collect();
                format!("smb://{}{path}", self.host)
            }
        }
    }
}

/// What a resource has for the placeholders of a program of the person's own.
struct Place {
    url: String,
    /// The host where it is an argument of its own, and where it is a part of one. None where a web address names
    /// somebody too, or a host as no other kind of address can.
    host: Option<(String, String)>,
    port: u16,
}

impl Place {
    /// `url` is a web address.
    fn web(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let host = rest.split(['/', '?', '#']).next().and_then(Host::read).filter(|host| host.user.is_none());
        let usual = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
        let port = host.as_ref().and_then(|host| host.port).unwrap_or(usual);
        Self { url: url.to_owned(), host: host.map(|host| (host.host.clone(), host.bracketed())), port }
    }

    fn rdp(host: &Host) -> Self {
        let url = format!("rdp://{}", host.with_port());
        Self { url, host: Some((host.host.clone(), host.bracketed())), port: host.port.unwrap_or(3389) }
    }

    /// Who signs in belongs to the host, as `ssh` itself has it.
    fn ssh(host: &Host) -> Self {
        let user = host.user.as_ref().map(|user| format!("{user}@")).unwrap_or_default();
        let within = format!("{user}{}", host.bracketed());
        Self { url: host.ssh_url(), host: Some((host.login(), within)), port: host.port.unwrap_or(22) }
    }

    fn share(share: &Share) -> Self {
        let host = share.host.trim_matches(['[', ']']).to_owned();
        Self { url: share.on(Os::Linux), host: Some((host, share.host.clone())), port: 445 }
    }

    fn opening(&self, own: &OwnProgram) -> Option<Opening> {
        let args = own.args(|name, alone| match (name, &self.host) {
            ("url", _) => Some(self.url.clone()),
            ("host", Some((host, _))) if alone => Some(host.clone()),
            ("host", Some((_, within))) => Some(within.clone()),
            ("port", _) => Some(self.port.to_string()),
            _ => None,
        })?;
        Some(Opening::program(own.program(), args))
    }
}

#[cfg(test)]
mod tests {
    use praya_model::{GroupName, ResourceId};
    use proptest::prelude::*;

    use super::*;

    fn resource(kind: ResourceKind, address: &str) -> Resource {
        Resource {
            id: ResourceId::new("1"),
            name: "x".into(),
            description: String::new(),
            group: GroupName::new("staff"),
            kind,
            address: address.into(),
            endpoints: vec![],
        }
    }

    fn linux(programs: &[&'static str]) -> Machine {
        Machine { os: Os::Linux, programs: programs.iter().copied().collect() }
    }

    fn planned(kind: ResourceKind, address: &str, machine: &Machine) -> Option<Opening> {
        plan(&resource(kind, address), &Settings::default(), machine).ok()
    }

    fn program(program: &'static str, args: &[&str]) -> Option<Opening> {
        Some(Opening::program(program, args.iter().map(|arg| (*arg).to_owned()).collect()))
    }

    #[test]
    fn a25_only_web_addresses_reach_the_browser() {
        let machine = linux(&[]);
        for good in ["http://a/", "https://wiki.lab/page?x=1#y", "HTTPS://a"] {
            assert_eq!(planned(ResourceKind::Web, good, &machine), Some(Opening::Url(good.to_owned())));
        }
        for bad in [
            "file:///etc/passwd",
            "javascript:alert(1)",
            "--help",
            "wiki.lab",
            "ssh://x",
            "http://a b",
            "http://a\n",
            "https://",
            "https:///x",
            "smb://x",
            "http://\"x",
            "data:text/html,x",
            "",
        ] {
            assert_eq!(planned(ResourceKind::Web, bad, &machine), None, "{bad}");
        }
    }

    #[test]
    fn a_remote_desktop_opens_with_what_is_there_and_else_its_address_is_copied() {
        let rdp = |machine: &Machine| planned(ResourceKind::Rdp, "pc7.lab:3390", machine);
        assert_eq!(rdp(&linux(&["remmina", "xfreerdp"])), program("remmina", &["-c", "rdp://pc7.lab:3390"]));
        assert_eq!(
            rdp(&linux(&["xfreerdp"])),
            program("xfreerdp", &["/v:pc7.lab:3390", "/dynamic-resolution", "-clipboard"])
        );
        assert_eq!(rdp(&linux(&[])), Some(Opening::Copy("pc7.lab:3390".into(), CopiedBecause::NoProgram)));
        let windows = Machine { os: Os::Windows, programs: BTreeSet::new() };
        assert_eq!(rdp(&windows), program("mstsc.exe", &["/v:pc7.lab:3390"]));
    }

    #[test]
    fn ssh_opens_in_a_terminal_and_no_address_becomes_an_option() {
        let machine = linux(&["xterm"]);
        let ssh = |address: &str| planned(ResourceKind::Ssh, address, &machine);
        assert_eq!(
            ssh("ops@host.lab:2222"),
            program("xterm", &["-e", "ssh", "-p", "2222", "--", "ops@host.lab"])
        );
        assert_eq!(
            ssh("[2001:db8::1]:22"),
            program("xterm", &["-e", "ssh", "-p", "22", "--", "2001:db8::1"])
        );
        for bad in
            ["-oProxyCommand=x", "a b", "a;b", "$(x)", "a@-b", "-u@b", "a:0", "a:x", "a/b", "[::1", "a:"]
        {
            assert_eq!(ssh(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_share_opens_in_the_file_manager_however_it_is_written() {
        for written in [
            "\\\\files.lab\\pay roll",
            "//files.lab/pay roll/",
            "smb://files.lab/pay roll",
            "files.lab/pay roll",
        ] {
            let opening = planned(ResourceKind::FileShare, written, &linux(&[]));
            assert_eq!(opening, Some(Opening::Share("smb://files.lab/pay%20roll".into())), "{written}");
            let windows = Machine { os: Os::Windows, programs: BTreeSet::new() };
            let opening = planned(ResourceKind::FileShare, written, &windows);
            assert_eq!(opening, Some(Opening::Share("\\\\files.lab\\pay roll".into())), "{written}");
        }
        for bad in ["file:///etc", "//user@files/x", "//files/../x", "///", "-x/y", "//files/a|b"] {
            assert_eq!(planned(ResourceKind::FileShare, bad, &linux(&[])), None, "{bad}");
        }
    }

    #[test]
    fn who_wants_addresses_only_gets_addresses_only() {
        let settings = Settings {
            open_web: WebOpener::CopyAddress,
            open_rdp: RdpOpener::CopyAddress,
            open_ssh: SshOpener::CopyAddress,
            open_share: ShareOpener::CopyAddress,
            ..Settings::default()
        };
        for (kind, address) in [
            (ResourceKind::Web, "https://a/"),
            (ResourceKind::Rdp, "a"),
            (ResourceKind::Ssh, "a"),
            (ResourceKind::FileShare, "//a/b"),
        ] {
            let opening = plan(&resource(kind, address), &settings, &linux(PROGRAMS)).unwrap();
            assert_eq!(opening, Opening::Copy(address.into(), CopiedBecause::Chosen));
        }
        let other = planned(ResourceKind::Other, "10.0.0.1:9", &linux(&[]));
        assert_eq!(other, Some(Opening::Copy("10.0.0.1:9".into(), CopiedBecause::Kind)));
    }

    /// What every kind of resource opens with: the same program of the person's own.
    fn with_own(words: &[&str]) -> Settings {
        let own: OwnProgram =
            words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>().try_into().unwrap();
        Settings {
            open_web: WebOpener::Own(own.clone()),
            open_rdp: RdpOpener::Own(own.clone()),
            open_ssh: SshOpener::Own(own.clone()),
            open_share: ShareOpener::Own(own),
            ..Settings::default()
        }
    }

    #[test]
    fn a_program_of_the_persons_own_gets_the_address_as_they_wrote_it() {
        let settings = with_own(&["viewer", "--at={host}:{port}", "{host}", "{url}", "a b"]);
        let opened = |kind, address| plan(&resource(kind, address), &settings, &linux(&[])).ok();
        for (kind, address, at, host, url) in [
            (
                ResourceKind::Web,
                "https://wiki.lab/a?b='c'",
                "wiki.lab:443",
                "wiki.lab",
                "https://wiki.lab/a?b='c'",
            ),
            (
                ResourceKind::Web,
                "http://[2001:db8::1]:81",
                "[2001:db8::1]:81",
                "2001:db8::1",
                "http://[2001:db8::1]:81",
            ),
            (ResourceKind::Rdp, "pc7.lab", "pc7.lab:3389", "pc7.lab", "rdp://pc7.lab"),
            (ResourceKind::Rdp, "2001:db8::1", "[2001:db8::1]:3389", "2001:db8::1", "rdp://[2001:db8::1]"),
            (ResourceKind::Ssh, "ops@h.lab:2222", "ops@h.lab:2222", "ops@h.lab", "ssh://ops@h.lab:2222"),
            (ResourceKind::FileShare, r"\\f.lab\pay roll", "f.lab:445", "f.lab", "smb://f.lab/pay%20roll"),
        ] {
            let at = format!("--at={at}");
            assert_eq!(opened(kind, address), program("viewer", &[&at, host, url, "a b"]), "{address}");
        }
    }

    #[test]
    fn a_program_of_the_persons_own_gets_no_address_that_is_none() {
        for (kind, address) in [
            (ResourceKind::Web, "file:///etc/passwd"),
            (ResourceKind::Web, "http://a b"),
            (ResourceKind::Web, "http://-a/"),
            (ResourceKind::Web, "https://me:pw@a/"),
            (ResourceKind::Rdp, "-x"),
            (ResourceKind::Ssh, "-oProxyCommand=x"),
            (ResourceKind::Ssh, "a;b"),
            (ResourceKind::FileShare, "file:///etc"),
        ] {
            let settings = with_own(&["viewer", "{host}"]);
            assert!(plan(&resource(kind, address), &settings, &linux(&[])).is_err(), "{address}");
        }
    }

    proptest! {
        #[test]
        fn no_address_becomes_another_argument_or_an_option_of_the_persons_own_program(
            address in "(https?://|//|-|)[-a-z' \"$(){};&|:@/]{0,30}",
            kind in prop::sample::select(vec![ResourceKind::Web, ResourceKind::Rdp, ResourceKind::Ssh, ResourceKind::FileShare]),
        ) {
            for words in [["viewer", "{url}", "x"], ["viewer", "{host}", "x"]] {
                match plan(&resource(kind, &address), &with_own(&words), &linux(&[])) {
                    Ok(Opening::Program { program, args }) => {
                        prop_assert_eq!((program.as_str(), args.len(), args[1].as_str()), ("viewer", 2, "x"));
                        prop_assert!(!args[0].starts_with('-') && !args[0].is_empty(), "{:?}", args);
                    }
                    Ok(other) => prop_assert!(false, "{:?}", other),
                    Err(_) => {}
                }
            }
        }

        #[test]
        fn no_address_of_a_peer_gets_an_argument_of_its_own(
            address in "\\PC{0,60}",
            kind in prop::sample::select(vec![ResourceKind::Web, ResourceKind::Rdp, ResourceKind::Ssh, ResourceKind::FileShare]),
            os in prop::sample::select(vec![Os::Linux, Os::Windows, Os::MacOs]),
        ) {
            let machine = Machine { os, programs: PROGRAMS.iter().copied().collect() };
            match plan(&resource(kind, &address), &Settings::default(), &machine) {
                Ok(Opening::Url(url)) => prop_assert!(url.to_ascii_lowercase().starts_with("http")),
                Ok(Opening::Share(share)) => prop_assert!(share.starts_with("smb://") || share.starts_with("\\\\")),
                Ok(Opening::Program { args, .. }) => {
                    let last = args.last().unwrap();
                    prop_assert!(!last.starts_with('-') || last == "--" , "{args:?}");
                    prop_assert!(args.iter().all(|arg| !arg.contains([' ', '"', ';', '&', '|', '$', '`'])), "{args:?}");
                }
                Ok(Opening::Copy(..)) | Err(_) => {}
            }
        }
    }
}
