//! `os-release(5)`.

use super::{Malformed, clip, said};
use crate::facts::{Os, OsFamily};

/// Which Linux it is. `kernel` is the kernel's release, `arch` the machine's architecture.
///
/// # Errors
/// Without an `ID` of the form that the manual gives.
pub fn os(text: &str, kernel: &str, arch: &str) -> Result<Os, Malformed> {
    let value = |wanted: &str| {
        let assignments = text.lines().filter_map(|line| line.trim().split_once('='));
        assignments.filter(|(name, _)| *name == wanted).map(|(_, value)| unquote(value)).next_back()
    };
    let id = value("ID").unwrap_or_default();
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if id.is_empty() || !id.chars().all(letters) {
        return Err(Malformed("an os-release"));
    }
    let name = value("NAME").filter(|name| !name.trim().is_empty()).unwrap_or_else(|| id.clone());
    Ok(Os {
        family: OsFamily::Linux,
        title: clip(&value("PRETTY_NAME").filter(|name| !name.trim().is_empty()).unwrap_or(name)),
        product: clip(&id),
        version: clip(&value("VERSION_ID").unwrap_or_default()),
        build: clip(kernel),
        edition: value("VARIANT").as_deref().and_then(said),
        server: value("VARIANT_ID").as_deref() == Some("server"),
        arch: clip(arch),
    })
}

/// A value as a shell reads it: bare, or in single or double quotes, where a backslash keeps the next letter.
fn unquote(value: &str) -> String {
    let value = value.trim();
    if let Some(single) = value.strip_prefix('\'').and_then(|value| value.strip_suffix('\'')) {
        return single.to_owned();
    }
    let inner = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions() {
        for (file, product, version, title, edition, server) in [
            ("debian-12", "debian", "12", "Debian GNU/Linux 12 (bookworm)", None, false),
            ("debian-sid", "debian", "", "Debian GNU/Linux forky/sid", None, false),
            ("ubuntu-24.04", "ubuntu", "24.04", "Ubuntu 24.04.2 LTS", None, false),
            ("fedora-42", "fedora", "42", "Fedora Linux 42 (Server Edition)", Some("Server Edition"), true),
            ("rhel-9", "rhel", "9.4", "Red Hat Enterprise Linux 9.4 (Plow)", None, false),
            ("quotes", "my-linux", "1.0", "A \"quoted\" $name", None, false),
        ] {
            let text = super::super::tests::fixture(&format!("os_release/{file}"));
            let os = os(&text, "6.1.0-40-amd64\n", "x86_64").unwrap();
            assert_eq!(os.product, product);
            assert_eq!((os.version.as_str(), os.title.as_str()), (version, title));
            assert_eq!((os.edition.as_deref(), os.server), (edition, server));
            assert_eq!((os.build.as_str(), os.arch.as_str()), ("6.1.0-40-amd64", "x86_64"));
        }
    }

    #[test]
    fn without_an_id_it_is_not_known() {
        for text in ["", "NAME=Linux", "ID=", "ID=\"My Linux\"", "garbage"] {
            assert!(os(text, "", "").is_err(), "{text}");
        }
    }
}
