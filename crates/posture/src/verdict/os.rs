//! Operating systems: which are admitted, and whether their makers still support them (A-05, 4D).

use praya_model::Timestamp;
use praya_model::posture::{Check, Expected, Found, Name};

use super::judge::{Gap, Judge, Judged, Truth, all_of};
use super::names::{name, platform, product};
use crate::facts::{Os, Unavailable};
use crate::policy::{EndOfLife, OsRule};

const CHECK: Check = Check::OperatingSystem;

/// Whether the system is what `rule` asks.
pub(super) fn judge(judge: &Judge<'_>, rule: &OsRule) -> Judged {
    let os = match judge.facts.os.value() {
        Ok(os) => os,
        Err(why) => return judge.unavailable(CHECK, expected(rule), why),
    };
    let identity = identity(judge, rule, os);
    if identity.truth != Truth::Met {
        return identity;
    }
    let build = rule.min_build.as_deref().map(|least| build(judge, os, least));
    let life = rule.end_of_life.map(|what| life(judge, rule, os, what));
    all_of(build.into_iter().chain(life))
}

/// Whether the system is not what `rule` says.
pub(super) fn none(judge: &Judge<'_>, rule: &OsRule) -> Judged {
    let judged = self::judge(judge, rule);
    match (judged.truth, judge.facts.os.value()) {
        (Truth::NotMet, _) => Judged::met(),
        (Truth::Met, Ok(os)) => {
            let expected = Expected::NoneOf { names: names(rule) };
            Judged::not_met(CHECK, expected, Found::Other { name: title(os) })
        }
        (Truth::Met | Truth::Unknown(_), _) => judged,
    }
}

fn expected(rule: &OsRule) -> Expected {
    let names = names(rule);
    if !names.is_empty() {
        return Expected::OneOf { names };
    }
    match &rule.min_build {
        Some(least) => Expected::AtLeast { name: name(least) },
        None => Expected::Supported,
    }
}

/// The systems that `rule` names; empty where it names none.
fn names(rule: &OsRule) -> Vec<Name> {
    let called = match (&rule.product, rule.family) {
        (Some(text), _) => product(text),
        (None, Some(family)) => platform(family).to_owned(),
        (None, None) => return Vec::new(),
    };
    if rule.versions.is_empty() {
        return vec![name(&called)];
    }
    rule.versions.iter().map(|version| name(&format!("{called} {version}"))).collect()
}

fn title(os: &Os) -> Name {
    name(if os.title.is_empty() { &os.product } else { &os.title })
}

fn identity(judge: &Judge<'_>, rule: &OsRule, os: &Os) -> Judged {
    let other = || Judged::not_met(CHECK, expected(rule), Found::Other { name: title(os) });
    let family = rule.family.is_none_or(|family| family == os.family);
    let product = rule.product.as_ref().is_none_or(|product| *product == os.product);
    let server = rule.server.is_none_or(|server| server == os.server);
    if !(family && product && server) {
        return other();
    }
    if rule.versions.is_empty() || rule.versions.iter().any(|version| is_version(version, &os.version)) {
        return Judged::met();
    }
    if os.version.is_empty() {
        return judge.unavailable(CHECK, expected(rule), Unavailable::NotDetected);
    }
    other()
}

/// Whether `version` is `listed` or one of its releases: `10 22H2` is a `10`, `8.1` is not an `8`.
fn is_version(listed: &str, version: &str) -> bool {
    version.strip_prefix(listed).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

fn build(judge: &Judge<'_>, os: &Os, least: &str) -> Judged {
    let expected = || Expected::AtLeast { name: name(least) };
    match (build_numbers(&os.build), build_numbers(least)) {
        (Some(build), Some(least)) if build >= least => Judged::met(),
        (Some(_), Some(_)) => Judged::not_met(CHECK, expected(), Found::Other { name: name(&os.build) }),
        _ => judge.unavailable(CHECK, expected(), Unavailable::Malformed),
    }
}

/// The numbers of a build such as `26100.2033` or, from its beginning, `6.12.48-amd64`; at most eight.
pub(crate) fn build_numbers(text: &str) -> Option<Vec<u64>> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut numbers =
        text.get(..end)?.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u64>>>()?;
    // `22631` and `22631.0` are the same.
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    (numbers.len() <= 8).then_some(numbers)
}

fn life(judge: &Judge<'_>, rule: &OsRule, os: &Os, what: EndOfLife) -> Judged {
    let judged = match judge.support.of(os) {
        None => judge.unavailable(CHECK, Expected::Supported, Unavailable::Unsupported),
        Some(support) => {
            let last = if rule.extended_support { support.extended.or(support.ends) } else { support.ends };
            match last.map(|day| day.end()) {
                Some(end) if judge.now >= past(end, rule.days_past_end) => {
                    let found = Found::Unsupported { name: title(os), since: Some(end) };
                    Judged::not_met(CHECK, Expected::Supported, found)
                }
                _ => Judged::met(),
            }
        }
    };
    match what {
        EndOfLife::Block => judged,
        EndOfLife::Warn => {
            judged.gaps.into_iter().next().map_or_else(Judged::met, |gap: Gap| Judged::warned(gap))
        }
    }
}

fn past(end: Timestamp, days: u32) -> Timestamp {
    end.after(std::time::Duration::from_secs(u64::from(days) * 86_400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_stands_for_its_releases_and_no_other() {
        for (listed, version, is) in [
            ("10", "10 22H2", true),
            ("10", "10", true),
            ("8", "8.1", false),
            ("1", "10", false),
            ("10 22H2", "10", false),
            ("24.04", "24.04", true),
            ("10", "", false),
        ] {
            assert_eq!(is_version(listed, version), is, "{listed} {version}");
        }
    }

    #[test]
    fn builds_are_compared_by_their_numbers() {
        let numbers = |text| build_numbers(text);
        assert!(numbers("26100.2033") > numbers("26100.999"));
        assert!(numbers("22631") == numbers("22631.0"));
        assert!(numbers("6.12.48+deb13-amd64") > numbers("6.2"));
        for bad in ["", "abc", "1..2", ".", "1.2.3.4.5.6.7.8.9", "99999999999999999999"] {
            assert_eq!(numbers(bad), None, "{bad}");
        }
    }
}
