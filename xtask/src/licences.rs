//! What `deny.toml` allows, held against every dependency on every run: licences, sources, and crates that are not
//! wanted. `cargo deny` looks into the licence texts besides, where it is installed.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::run::Cargo;

/// One line per dependency that is not as it should be.
pub(crate) fn check(workspace: &Path) -> Result<Vec<String>> {
    let rules = Rules::read(&std::fs::read_to_string(workspace.join("deny.toml")).context("deny.toml")?)?;
    // `cargo tree` names what is really used, on every platform; nothing needs to be installed for it.
    let tree = Cargo::new("tree")
        .args(&["--workspace", "--locked", "--edges", "normal,build,dev", "--target", "all"])
        .args(&["--prefix", "none", "--format", "{p}|{l}"])
        .output()?;
    let own = format!("({}", workspace.display());
    let mut packages: Vec<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    packages.sort_unstable();
    packages.dedup();
    // Fewer than the crates of this workspace would mean that nothing was read.
    if packages.len() < 20 {
        bail!("cargo tree names only {} packages", packages.len());
    }
    let others = packages.into_iter().filter(|line| !line.is_empty() && !line.contains(&own));
    Ok(others.filter_map(|line| rules.complaint(line)).collect())
}

/// The part of `deny.toml` that is checked here.
struct Rules {
    allowed: Vec<String>,
    unwanted: Vec<String>,
}

impl Rules {
    fn read(text: &str) -> Result<Self> {
        let after = |start: &str| text.split_once(start).map(|(_, rest)| rest);
        let allowed = after("\nallow = [").and_then(|rest| rest.split_once("\n]")).map(|(list, _)| list);
        let allowed = allowed.context("deny.toml: a list of allowed licences")?.lines();
        let unwanted = text.lines().filter_map(|line| line.trim().strip_prefix("{ name = "));
        let quoted = |line: &str| Some(line.trim().strip_prefix('"')?.split_once('"')?.0.to_owned());
        Ok(Self {
            allowed: allowed.filter_map(quoted).collect(),
            unwanted: unwanted.filter_map(quoted).collect(),
        })
    }

    /// What is wrong with a package, given as `name version (whatever)|licence`.
    fn complaint(&self, line: &str) -> Option<String> {
        let (package, licence) = line.split_once('|')?;
        let name = package.split(' ').next().unwrap_or_default();
        if self.unwanted.iter().any(|unwanted| unwanted == name) {
            return Some(format!("{package}: deny.toml does not want it"));
        }
        // A package of the registry names no place.
        if package.split_once(" (").is_some_and(|(_, rest)| rest != "proc-macro)") {
            return Some(format!("{package}: it does not come from the registry"));
        }
        let mut words = Words::of(licence);
        let allowed = words.any(&self.allowed) && words.rest.is_empty();
        (!allowed).then(|| format!("{package}: its licence \"{licence}\" is not allowed"))
    }
}

/// A licence expression (SPDX; the old `MIT/Apache-2.0` means OR), read from the front.
struct Words {
    rest: Vec<String>,
}

impl Words {
    fn of(expression: &str) -> Self {
        let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " ");
        let words = spaced.split_whitespace().filter(|word| *word != "OR");
        Self { rest: words.rev().map(str::to_owned).collect() }
    }

    /// Whether one of the alternatives from here to the end, or to a closing parenthesis, is allowed.
    fn any(&mut self, allowed: &[String]) -> bool {
        let mut any = false;
        while self.rest.last().is_some_and(|word| word != ")") {
            any |= self.all(allowed);
        }
        any
    }

    /// Whether everything that is joined by AND is allowed; AND binds closer than OR.
    fn all(&mut self, allowed: &[String]) -> bool {
        let mut all = self.one(allowed);
        while self.rest.pop_if(|word| *word == "AND").is_some() {
            all &= self.one(allowed);
        }
        all
    }

    fn one(&mut self, allowed: &[String]) -> bool {
        let Some(mut name) = self.rest.pop() else { return false };
        if name == "(" {
            let inner = self.any(allowed);
            return self.rest.pop().is_some_and(|word| word == ")") && inner;
        }
        if self.rest.pop_if(|word| *word == "WITH").is_some() {
            let exception = self.rest.pop().unwrap_or_default();
            name = format!("{name} WITH {exception}");
        }
        allowed.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::Rules;

    const DENY: &str = "[licenses]\nallow = [\n    \"MIT\",  # why\n    \"ISC\",\n]\n[bans]\ndeny = [\n    { name = \"openssl\" },\n]\n";

    fn complaint(line: &str) -> Option<String> {
        Rules::read(DENY).unwrap().complaint(line)
    }

    #[test]
    fn one_alternative_is_enough_and_everything_joined_is_needed() {
        for good in [
            "MIT",
            "GPL-3.0 OR MIT",
            "Unlicense/MIT",
            "MIT AND ISC",
            "GPL-3.0 AND X OR MIT",
            "ISC AND (X OR MIT) AND ((MIT))",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert_eq!(complaint(&format!("a v1.0.0|{good}")), None, "{good}");
        }
        for bad in [
            "",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "X OR (MIT AND Y)",
            "MIT WITH strings",
            "MIT)",
            "(MIT",
            "MIT AND",
        ] {
            assert!(complaint(&format!("a v1.0.0|{bad}")).is_some(), "{bad}");
        }
    }

    #[test]
    fn another_place_and_an_unwanted_name_are_complained_about() {
        assert!(complaint("a v1.0.0 (https://example.org/a#12345678)|MIT").is_some());
        assert!(complaint("openssl v1.0.0|MIT").is_some());
        assert_eq!(complaint("derive v1.0.0 (proc-macro)|MIT"), None);
    }

    #[test]
    fn a_file_without_a_list_is_an_error() {
        assert!(Rules::read("[licenses]\n").is_err());
    }
}
