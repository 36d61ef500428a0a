//! What the numbers were measured on: machine, what else kept it busy, system, versions of the peers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use praya_testkit::{Program, programs};
use serde_json::{Value, json};

use super::say;

/// Above this share of the processors' time in other hands before the run, the numbers are not worth keeping.
const QUIET: f64 = 0.1;

/// The file of a program in the search path or where administrators' programs are.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// Everything about this machine that explains a number. What cannot be found out is empty.
pub(crate) fn describe() -> Value {
    let cpu = read("/proc/cpuinfo");
    let flags = field(&cpu, "flags");
    let of_interest: Vec<&str> = ["aes", "vaes", "avx2", "avx512f"]
        .into_iter()
        .filter(|flag| flags.split(' ').any(|known| known == *flag))
        .collect();
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory_kib: u64 = memory.trim_end_matches("kB").trim().parse().unwrap_or(0);
    json!({
        "date": first_line("date", &["--utc", "+%Y-%m-%d %H:%M:%S UTC"]),
        "processor": field(&cpu, "model name"),
        "processor_features": of_interest,
        "processors": std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get),
        "memory_mib": memory_kib / 1024,
        "busy_before": busy_share(),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "system": pretty_name(&read("/etc/os-release")),
        "openconnect": first_line("openconnect", &["--version"]),
        "ocserv": first_line("ocserv", &["--version"]),
        "iperf3": first_line("iperf3", &["--version"]),
        "openvpn": first_line("openvpn", &["--version"]),
        "wireguard-go": first_line("wireguard-go", &["--version"]),
        "boringtun": first_line("boringtun-cli", &["--version"]),
        "gotatun": first_line("gotatun", &["--version"]),
        "praya": programs::path("praya-gateway")
            .map(|path| first_line(&path.to_string_lossy(), &["--version"]))
            .unwrap_or_default(),
        "commit": first_line("git", &["describe", "--always", "--dirty"]),
    })
}

/// The machine on a few lines, with a warning when something else kept it busy.
pub(crate) fn in_words(machine: &Value) -> String {
    let value = |name: &str| machine[name].as_str().unwrap_or_default().to_owned();
    let mut text = format!(
        "{} × {}, {} MiB, {}, Linux {}",
        machine["processors"],
        value("processor"),
        machine["memory_mib"],
        value("system"),
        value("kernel"),
    );
    let programs = ["openconnect", "ocserv", "openvpn", "wireguard-go", "boringtun", "gotatun", "iperf3"];
    for version in programs.map(value).into_iter().filter(|version| !version.is_empty()) {
        text.push_str("; ");
        text.push_str(&version);
    }
    text.push_str(&format!("; {} ({})", value("praya"), value("commit")));
    if let Some(busy) = machine["busy_before"].as_f64().filter(|&busy| busy > QUIET) {
        text.push_str(&format!(
            "\nThe machine was busy with something else before the run ({:.0} %); repeat it on a quiet one.",
            busy * 100.0
        ));
    }
    text
}

/// Prints a report and saves it, once under the run's date and once without.
///
/// # Errors
/// When the folder is not writable.
pub(crate) fn save(folder: &Path, name: &str, machine: &Value, text: &str, json: &Value) -> Result<()> {
    let json = serde_json::to_string_pretty(json)? + "\n";
    fs::create_dir_all(folder)?;
    let date: String =
        machine["date"].as_str().unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    for name in [name, &format!("{name}-{date}")] {
        fs::write(folder.join(name).with_extension("md"), text)?;
        fs::write(folder.join(name).with_extension("json"), &json)?;
    }
    say(&format!("\n{text}"));
    say(&format!("saved as {}", folder.join(name).with_extension("md").display()));
    Ok(())
}

/// The share of the processors' time that something else takes, over one second: 0 on a quiet machine, 1 on a full one.
fn busy_share() -> Option<f64> {
    let before = times(&read("/proc/stat"))?;
    std::thread::sleep(Duration::from_secs(1));
    let after = times(&read("/proc/stat"))?;
    let (busy, all) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    (all > 0).then(|| busy as f64 / all as f64)
}

/// Ticks that were (used, all) on every processor together: the first line of `/proc/stat`, whose fourth and fifth
/// number are idle ones, and whose ninth and tenth are counted in the first two already.
fn times(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line.split_ascii_whitespace().take(8).map_while(|tick| tick.parse().ok()).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    let all: u64 = ticks.iter().sum();
    Some((all - idle, all))
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The first `name : value` of a file of the kernel.
fn field(text: &str, name: &str) -> String {
    let value = text.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        (known.trim() == name).then(|| value.trim().to_owned())
    });
    value.unwrap_or_default()
}

fn pretty_name(os_release: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or_default().trim_matches('"').to_owned()
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let Ok(ended) = Program::here(program).args(arguments).run() else { return String::new() };
    if !ended.status.success() {
        return String::new();
    }
    ended.everything.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{field, pretty_name, times};

    #[test]
    fn values_are_found_by_name() {
        let cpu = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu aes\n";
        assert_eq!(field(cpu, "model name"), "AMD EPYC");
        assert_eq!(field(cpu, "flags"), "fpu aes");
        assert_eq!(field(cpu, "bugs"), "");
        assert_eq!(times("cpu  10 1 5 800 40 2 3 4 9 9\ncpu0 1 2 3\n"), Some((25, 865)));
        assert_eq!(times("intr 1"), None);
        assert_eq!(pretty_name("NAME=x\nPRETTY_NAME=\"Debian 12\"\n"), "Debian 12");
    }
}
