//! Understands a policy: every field, every limit, every complaint.

use praya_model::posture::{Check, Link};
use praya_model::{GroupName, ResourceId};

use super::complaint::{Complaint, Complaints, Place};
use super::fields::{Fields, MAX_LIST, Reader};
use super::node::{Entry, Node, Value};
use super::{
    Access, AntivirusRule, AppliesTo, Definitions, EndOfLife, Expression, MAX_DEPTH, MAX_POLICY,
    MAX_REQUIREMENTS, MAX_RULES, OnUnavailable, OsRule, Policy, Requirement, SCHEMA, ScreenLockRule,
    Severity, Yes,
};
use crate::facts::{Family, OsFamily, is_hotfix};

/// The most days and minutes that any rule takes: ten years, one year.
const MAX_DAYS: u32 = 3650;
const MAX_MINUTES: u32 = 366 * 24 * 60;

const SEVERITIES: &[(&str, Severity)] =
    &[("mandatory", Severity::Mandatory), ("optional", Severity::Optional), ("audit", Severity::Audit)];

const PLATFORMS: &[(&str, OsFamily)] =
    &[("windows", OsFamily::Windows), ("macos", OsFamily::Macos), ("linux", OsFamily::Linux)];

/// All but [`Family::Other`]: what has no name cannot be asked for by name.
const FAMILIES: &[(&str, Family)] = &[
    ("avira", Family::Avira),
    ("avast", Family::Avast),
    ("avg", Family::Avg),
    ("clamav", Family::Clamav),
    ("eset", Family::Eset),
    ("kaspersky", Family::Kaspersky),
    ("mcafee", Family::Mcafee),
    ("sophos", Family::Sophos),
    ("symantec", Family::Symantec),
    ("trendmicro", Family::Trendmicro),
    ("360", Family::Qihoo360),
    ("defender", Family::Defender),
    ("xprotect", Family::Xprotect),
];

const CHECKS: &[(&str, Check)] = &[
    ("operating_system", Check::OperatingSystem),
    ("antivirus", Check::Antivirus),
    ("antivirus_definitions", Check::AntivirusDefinitions),
    ("firewall", Check::Firewall),
    ("disk_encryption", Check::DiskEncryption),
    ("updates", Check::Updates),
    ("hotfixes", Check::Hotfixes),
    ("screen_lock", Check::ScreenLock),
    ("secure_boot", Check::SecureBoot),
    ("system_integrity", Check::SystemIntegrity),
    ("gatekeeper", Check::Gatekeeper),
];

const UNAVAILABLE: &[(&str, OnUnavailable)] =
    &[("fail", OnUnavailable::Fail), ("warn", OnUnavailable::Warn), ("pass", OnUnavailable::Pass)];

const EXPRESSIONS: [&str; 13] = [
    "all_of",
    "any_of",
    "not",
    "os",
    "antivirus",
    "firewall",
    "disk",
    "updates",
    "hotfixes",
    "screen_lock",
    "secure_boot",
    "system_integrity",
    "gatekeeper",
];

pub(super) fn too_long() -> Complaints {
    let problem = format!("is longer than {MAX_POLICY} bytes");
    Complaints::one(Complaint { at: None, field: String::new(), problem })
}

pub(super) fn not_json(error: &serde_json::Error) -> Complaints {
    let at = (error.line() > 0).then(|| Place { line: error.line(), column: error.column() });
    Complaints::one(Complaint { at, field: String::new(), problem: error.to_string() })
}

/// The policy in `node`.
pub(super) fn policy(node: &Node) -> Result<Policy, Complaints> {
    let mut reader = Reader::default();
    let policy = whole(&mut reader, node);
    reader.finish(policy)
}

fn whole(reader: &mut Reader, node: &Node) -> Option<Policy> {
    let fields = reader.table(
        node,
        "",
        &[
            "schema",
            "id",
            "version",
            "name",
            "applies_to",
            "recheck_minutes",
            "lease_minutes",
            "retry_minutes",
            "enforce",
            "grace_until",
            "on_fail",
            "without_report",
            "on_unavailable",
            "requirements",
        ],
    )?;
    let schema = reader.required(&fields, "schema", |reader, node, path| {
        if matches!(node.value, Value::Number(number) if number == i64::from(SCHEMA)) {
            return Some(SCHEMA);
        }
        reader.complain(node.at, path, format!("must be {SCHEMA}, the format that this release reads"))
    });
    let mut minutes =
        |name, range| reader.optional(&fields, name, |reader, node, path| reader.number(node, path, range));
    let recheck_minutes = minutes("recheck_minutes", 1..=MAX_MINUTES / 2).unwrap_or(15);
    let lease = minutes("lease_minutes", 1..=MAX_MINUTES);
    let retry_minutes = minutes("retry_minutes", 1..=60).unwrap_or(10);
    // A lease outlives a check that does not get through; the next one is due when the first half is over.
    let lease_minutes = lease.unwrap_or(recheck_minutes.saturating_mul(4).min(MAX_MINUTES));
    let shortest = recheck_minutes.saturating_mul(2);
    if lease_minutes < shortest {
        reader.optional(&fields, "lease_minutes", |reader, node, path| {
            reader.complain::<()>(
                node.at,
                path,
                format!("must be at least {shortest}, twice recheck_minutes"),
            )
        });
    }
    let id = reader.required(&fields, "id", Reader::id);
    let version =
        reader.optional(&fields, "version", |reader, node, path| reader.number(node, path, 1..=u32::MAX));
    let name = reader.required(&fields, "name", Reader::text);
    let applies_to = reader.optional(&fields, "applies_to", applies_to).unwrap_or_default();
    let enforce = reader.optional(&fields, "enforce", Reader::truth).unwrap_or(true);
    let grace_until = reader.optional(&fields, "grace_until", |reader, node, path| {
        reader.parsed(node, path, |text| text.parse())
    });
    let on_fail = reader.optional(&fields, "on_fail", access).unwrap_or(Access::Deny);
    let without_report = reader.optional(&fields, "without_report", access).unwrap_or(Access::Deny);
    let on_unavailable = reader.optional(&fields, "on_unavailable", on_unavailable).unwrap_or_default();
    let mut rules = Rules { left: MAX_RULES };
    let requirements = reader.required(&fields, "requirements", |reader, node, path| {
        let mut ids = Vec::new();
        reader.list(node, path, MAX_REQUIREMENTS, |reader, node, path| {
            let requirement = rules.requirement(reader, node, path)?;
            if ids.contains(&requirement.id) {
                return reader.complain(
                    node.at,
                    path,
                    format!("there is another one with the id {:?}", requirement.id),
                );
            }
            ids.push(requirement.id.clone());
            Some(requirement)
        })
    });
    Some(Policy {
        schema: schema?,
        id: id?,
        version: version.unwrap_or(1),
        name: name?,
        applies_to,
        recheck_minutes,
        lease_minutes,
        retry_minutes,
        enforce,
        grace_until,
        on_fail,
        without_report,
        on_unavailable,
        requirements: requirements?,
    })
}

fn applies_to(reader: &mut Reader, node: &Node, path: &str) -> Option<AppliesTo> {
    let fields = reader.table(node, path, &["groups", "platforms"])?;
    let groups = reader.optional(&fields, "groups", |reader, node, path| {
        reader.list(node, path, MAX_LIST, |reader, node, path| Some(GroupName::new(reader.text(node, path)?)))
    });
    let platforms = reader.optional(&fields, "platforms", platforms);
    Some(AppliesTo { groups: groups.unwrap_or_default(), platforms: platforms.unwrap_or_default() })
}

fn platforms(reader: &mut Reader, node: &Node, path: &str) -> Option<Vec<OsFamily>> {
    reader.list(node, path, PLATFORMS.len(), |reader, node, path| reader.word(node, path, PLATFORMS))
}

fn access(reader: &mut Reader, node: &Node, path: &str) -> Option<Access> {
    match &node.value {
        Value::Text(text) if text == "allow" => Some(Access::Allow),
        Value::Text(text) if text == "deny" => Some(Access::Deny),
        Value::Table(_) => {
            let fields = reader.table(node, path, &["limit"])?;
            let resources = reader.required(&fields, "limit", |reader, node, path| {
                reader.list(node, path, MAX_LIST, |reader, node, path| {
                    Some(ResourceId::new(reader.text(node, path)?))
                })
            });
            Some(Access::Limit(resources?))
        }
        Value::Text(_) | Value::Number(_) | Value::Truth(_) | Value::List(_) | Value::Other => {
            reader.complain(node.at, path, r#"must be "allow", "deny" or { limit = [the ids of resources] }"#)
        }
    }
}

fn on_unavailable(
    reader: &mut Reader,
    node: &Node,
    path: &str,
) -> Option<std::collections::BTreeMap<Check, OnUnavailable>> {
    let names: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
    let fields = reader.table(node, path, &names)?;
    let read = CHECKS.iter().filter_map(|(name, check)| {
        let what =
            reader.optional(&fields, name, |reader, node, path| reader.word(node, path, UNAVAILABLE))?;
        Some((*check, what))
    });
    Some(read.collect())
}

/// Reads requirements, with a limit over them all.
struct Rules {
    left: usize,
}

impl Rules {
    fn requirement(&mut self, reader: &mut Reader, node: &Node, path: &str) -> Option<Requirement> {
        // A requirement is named by its id where it has one: that says more than its number.
        let named = match &node.value {
            Value::Table(entries) => entries.iter().find(|entry| entry.name == "id"),
            Value::Text(_) | Value::Number(_) | Value::Truth(_) | Value::List(_) | Value::Other => None,
        };
        let path = match named.map(|entry| &entry.node.value) {
            Some(Value::Text(id)) if id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_graphic()) => {
                format!("requirements[{id}]")
            }
            _ => path.to_owned(),
        };
        let mut allowed = vec!["id", "severity", "platforms", "link"];
        allowed.extend(EXPRESSIONS);
        let fields = reader.table(node, &path, &allowed)?;
        let id = reader.required(&fields, "id", Reader::id);
        let severity =
            reader.optional(&fields, "severity", |reader, node, path| reader.word(node, path, SEVERITIES));
        let platforms = reader.optional(&fields, "platforms", platforms);
        let link =
            reader.optional(&fields, "link", |reader, node, path| reader.parsed(node, path, Link::try_from));
        let expression = self.expression(reader, &fields, MAX_DEPTH, false);
        Some(Requirement {
            id: id?,
            severity: severity.unwrap_or(Severity::Mandatory),
            platforms: platforms.unwrap_or_default(),
            link,
            expression: expression?,
        })
    }

    /// The one expression among `fields`.
    fn expression(
        &mut self,
        reader: &mut Reader,
        fields: &Fields<'_>,
        depth: usize,
        negated: bool,
    ) -> Option<Expression> {
        let mut found = fields.entries().iter().filter(|entry| EXPRESSIONS.contains(&entry.name.as_str()));
        let Some(entry) = found.next() else {
            return reader
                .refuse(fields, format!("says nothing; one of these is needed: {}", EXPRESSIONS.join(", ")));
        };
        if let Some(second) = found.next() {
            let problem = format!("stands beside {}; put both into all_of = [ ] or any_of = [ ]", entry.name);
            return reader.complain(second.at, &fields.path(&second.name), problem);
        }
        let path = fields.path(&entry.name);
        let nested = matches!(entry.name.as_str(), "all_of" | "any_of" | "not");
        if nested && depth == 0 {
            return reader.complain(entry.at, &path, format!("stands deeper than {MAX_DEPTH} levels"));
        }
        if !nested {
            let Some(left) = self.left.checked_sub(1) else {
                return reader.complain(
                    entry.at,
                    &path,
                    format!("is more than the {MAX_RULES} rules of a policy"),
                );
            };
            self.left = left;
        }
        if negated && !nested && !matches!(entry.name.as_str(), "os" | "antivirus") {
            return reader.complain(entry.at, &path, "cannot stand in not; allowed there: os, antivirus");
        }
        let Entry { name, node, .. } = entry;
        Some(match name.as_str() {
            "all_of" => Expression::AllOf(self.expressions(reader, node, &path, depth - 1, negated)?),
            "any_of" => Expression::AnyOf(self.expressions(reader, node, &path, depth - 1, negated)?),
            "not" => {
                let fields = reader.table(node, &path, &EXPRESSIONS)?;
                Expression::Not(Box::new(self.expression(reader, &fields, depth - 1, true)?))
            }
            "os" => Expression::Os(os(reader, node, &path, negated)?),
            "antivirus" => Expression::Antivirus(antivirus(reader, node, &path)?),
            "firewall" => Expression::Firewall { on: only(reader, node, &path, "on")? },
            "disk" => Expression::Disk { encrypted: only(reader, node, &path, "encrypted")? },
            "updates" => {
                let fields = reader.table(node, &path, &["within_days"])?;
                Expression::Updates { within_days: reader.required(&fields, "within_days", days)? }
            }
            "hotfixes" => {
                let fields = reader.table(node, &path, &["installed"])?;
                let installed = reader.required(&fields, "installed", |reader, node, path| {
                    reader.list(node, path, MAX_LIST, hotfix)
                });
                Expression::Hotfixes { installed: installed? }
            }
            "screen_lock" => {
                let fields = reader.table(node, &path, &["on", "within_minutes"])?;
                let on = reader.required(&fields, "on", yes);
                let within_minutes = reader.optional(&fields, "within_minutes", |reader, node, path| {
                    reader.number(node, path, 1..=24 * 60)
                });
                Expression::ScreenLock(ScreenLockRule { on: on?, within_minutes })
            }
            "secure_boot" => Expression::SecureBoot { on: only(reader, node, &path, "on")? },
            "system_integrity" => Expression::SystemIntegrity { on: only(reader, node, &path, "on")? },
            _ => Expression::Gatekeeper { on: only(reader, node, &path, "on")? },
        })
    }

    fn expressions(
        &mut self,
        reader: &mut Reader,
        node: &Node,
        path: &str,
        depth: usize,
        negated: bool,
    ) -> Option<Vec<Expression>> {
        reader.list(node, path, MAX_LIST, |reader, node, path| {
            let fields = reader.table(node, path, &EXPRESSIONS)?;
            self.expression(reader, &fields, depth, negated)
        })
    }
}

fn os(reader: &mut Reader, node: &Node, path: &str, negated: bool) -> Option<OsRule> {
    let fields = reader.table(
        node,
        path,
        &[
            "family",
            "product",
            "versions",
            "server",
            "min_build",
            "end_of_life",
            "days_past_end",
            "extended_support",
        ],
    )?;
    let rule = OsRule {
        family: reader.optional(&fields, "family", |reader, node, path| reader.word(node, path, PLATFORMS)),
        product: reader.optional(&fields, "product", Reader::text),
        versions: reader
            .optional(&fields, "versions", |reader, node, path| {
                reader.list(node, path, MAX_LIST, Reader::text)
            })
            .unwrap_or_default(),
        server: reader.optional(&fields, "server", Reader::truth),
        min_build: reader.optional(&fields, "min_build", |reader, node, path| {
            reader.parsed(node, path, |text| match crate::verdict::build_numbers(&text) {
                Some(_) => Ok(text),
                None => Err("must be numbers with dots, such as \"26100.2033\""),
            })
        }),
        end_of_life: reader.optional(&fields, "end_of_life", |reader, node, path| {
            reader.word(node, path, &[("warn", EndOfLife::Warn), ("block", EndOfLife::Block)])
        }),
        days_past_end: reader
            .optional(&fields, "days_past_end", |reader, node, path| reader.number(node, path, 0..=MAX_DAYS))
            .unwrap_or(0),
        extended_support: reader.optional(&fields, "extended_support", Reader::truth).unwrap_or(false),
    };
    if fields.entries().is_empty() {
        return reader.refuse(&fields, "says nothing; name at least one field");
    }
    if !rule.versions.is_empty() && rule.product.is_none() {
        return reader.refuse(&fields, "versions need a product, such as product = \"windows\"");
    }
    if rule.end_of_life.is_none() && (rule.days_past_end > 0 || rule.extended_support) {
        return reader.refuse(&fields, "days_past_end and extended_support need end_of_life");
    }
    if negated && rule.end_of_life.is_some() {
        return reader.refuse(&fields, "end_of_life cannot stand in not");
    }
    Some(rule)
}

fn antivirus(reader: &mut Reader, node: &Node, path: &str) -> Option<AntivirusRule> {
    let fields = reader.table(node, path, &["families", "running", "real_time", "definitions"])?;
    let families = reader.optional(&fields, "families", |reader, node, path| {
        reader.list(node, path, FAMILIES.len(), |reader, node, path| reader.word(node, path, FAMILIES))
    });
    let running = reader.optional(&fields, "running", Reader::truth);
    let real_time = reader.optional(&fields, "real_time", Reader::truth);
    let definitions = reader.optional(&fields, "definitions", definitions);
    Some(AntivirusRule {
        families: families.unwrap_or_default(),
        running: running.unwrap_or(true),
        real_time: real_time.unwrap_or(false),
        definitions,
    })
}

fn definitions(reader: &mut Reader, node: &Node, path: &str) -> Option<Definitions> {
    let fields = reader.table(node, path, &["within_days", "or_current", "current"])?;
    let within_days = reader.optional(&fields, "within_days", days);
    let or_current = reader.optional(&fields, "or_current", Reader::truth);
    let current = reader.optional(&fields, "current", yes);
    match fields.names()[..] {
        ["within_days"] | ["within_days", "or_current"] | ["or_current", "within_days"] => {
            Some(Definitions::Within { within_days: within_days?, or_current: or_current.unwrap_or(false) })
        }
        ["current"] => Some(Definitions::Current { current: current? }),
        _ => reader.refuse(
            &fields,
            "must be { within_days = 7 }, { within_days = 7, or_current = true } or { current = true }",
        ),
    }
}

fn hotfix(reader: &mut Reader, node: &Node, path: &str) -> Option<String> {
    reader.parsed(node, path, |text| {
        if is_hotfix(&text) { Ok(text) } else { Err("not an update of Windows, such as \"KB5044284\"") }
    })
}

fn days(reader: &mut Reader, node: &Node, path: &str) -> Option<u32> {
    reader.number(node, path, 1..=MAX_DAYS)
}

/// A table with the one field `name`, which is true.
fn only(reader: &mut Reader, node: &Node, path: &str, name: &str) -> Option<Yes> {
    let fields = reader.table(node, path, &[name])?;
    reader.required(&fields, name, yes)
}

fn yes(reader: &mut Reader, node: &Node, path: &str) -> Option<Yes> {
    if matches!(node.value, Value::Truth(true)) {
        return Some(Yes);
    }
    reader.complain(node.at, path, "must be true; leave the rule out where it is not asked")
}
