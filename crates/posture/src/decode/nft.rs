//! `nft --json list ruleset` (libnftables-json(5)): whether the machine drops what no rule lets in. Programs such as
//! ufw and firewalld end here too, so this is what is in force, whoever wrote it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::Malformed;

/// Chains that call each other are followed so far; nftables itself allows 16.
const MAX_DEPTH: u32 = 16;

/// Rules that are looked at in all. More than any administrator writes, and little enough to be quick.
const MAX_STEPS: u32 = 200_000;

#[derive(Deserialize)]
struct Document {
    nftables: Vec<Object>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Object {
    Table(Table),
    Chain(Chain),
    Rule(Rule),
    #[serde(untagged)]
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Table {
    family: String,
    name: String,
    #[serde(default)]
    flags: Value,
}

#[derive(Deserialize)]
struct Chain {
    family: String,
    table: String,
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    hook: Option<String>,
    policy: Option<String>,
}

#[derive(Deserialize)]
struct Rule {
    family: String,
    table: String,
    chain: String,
    #[serde(default)]
    expr: Vec<Value>,
}

/// What is filtered on its way in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filtered {
    /// IPv4.
    pub v4: bool,
    /// IPv6.
    pub v6: bool,
}

/// Reads a ruleset. A protocol is filtered when a base chain at the input hook drops or rejects whatever no rule before
/// let in: by its policy, or by a rule without conditions in it or in a chain it always goes to. Rules against single
/// hosts or ports are no firewall.
///
/// # Errors
/// When it is no ruleset.
pub fn filtered(ruleset: &[u8]) -> Result<Filtered, Malformed> {
    let document: Document =
        serde_json::from_slice(ruleset).map_err(|_| Malformed("a ruleset of nftables"))?;
    let rules = Rules::new(&document);
    let mut filtered = Filtered::default();
    let mut steps = MAX_STEPS;
    for object in &document.nftables {
        if let Object::Chain(chain) = object
            && chain.kind.as_deref() == Some("filter")
            && chain.hook.as_deref() == Some("input")
            && !rules.is_dormant(chain)
        {
            let drops = match rules.end((&chain.family, &chain.table, &chain.name), MAX_DEPTH, &mut steps) {
                End::Drops => true,
                End::Accepts => false,
                End::Falls => chain.policy.as_deref() == Some("drop"),
            };
            filtered.v4 |= drops && matches!(chain.family.as_str(), "ip" | "inet");
            filtered.v6 |= drops && matches!(chain.family.as_str(), "ip6" | "inet");
        }
    }
    Ok(filtered)
}

type Place<'a> = (&'a str, &'a str, &'a str);

struct Rules<'a> {
    by_chain: BTreeMap<Place<'a>, Vec<&'a Rule>>,
    dormant: Vec<(&'a str, &'a str)>,
}

/// What becomes of a packet that meets no condition.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Accepts,
    Drops,
    Falls,
}

impl<'a> Rules<'a> {
    fn new(document: &'a Document) -> Self {
        let mut rules = Self { by_chain: BTreeMap::new(), dormant: Vec::new() };
        for object in &document.nftables {
            match object {
                Object::Rule(rule) => {
                    let place = (rule.family.as_str(), rule.table.as_str(), rule.chain.as_str());
                    rules.by_chain.entry(place).or_default().push(rule);
                }
                Object::Table(table) if is_dormant(&table.flags) => {
                    rules.dormant.push((&table.family, &table.name));
                }
                Object::Table(_) | Object::Chain(_) | Object::Other(_) => {}
            }
        }
        rules
    }

    fn is_dormant(&self, chain: &Chain) -> bool {
        self.dormant.contains(&(chain.family.as_str(), chain.table.as_str()))
    }

    fn end(&self, place: Place<'_>, depth: u32, steps: &mut u32) -> End {
        let Some(depth) = depth.checked_sub(1) else { return End::Falls };
        let (family, table, _) = place;
        for rule in self.by_chain.get(&place).into_iter().flatten() {
            let Some(left) = steps.checked_sub(1) else { return End::Falls };
            *steps = left;
            match verdict(&rule.expr) {
                Verdict::None => {}
                Verdict::Accept => return End::Accepts,
                Verdict::Drop => return End::Drops,
                Verdict::Return => return End::Falls,
                Verdict::Jump(chain) => match self.end((family, table, chain), depth, steps) {
                    End::Falls => {}
                    end @ (End::Accepts | End::Drops) => return end,
                },
                Verdict::Goto(chain) => return self.end((family, table, chain), depth, steps),
            }
        }
        End::Falls
    }
}

enum Verdict<'a> {
    None,
    Accept,
    Drop,
    Return,
    Jump(&'a str),
    Goto(&'a str),
}

/// A rule's verdict if it has no conditions. Whatever is neither a verdict nor known to let everything pass is taken for
/// a condition.
fn verdict(expr: &[Value]) -> Verdict<'_> {
    for statement in expr {
        let Some((name, value)) = statement.as_object().and_then(|statement| statement.iter().next()) else {
            return Verdict::None;
        };
        let target = value.get("target").and_then(Value::as_str);
        match (name.as_str(), target) {
            ("counter" | "log" | "meta_set" | "comment", _) => {}
            ("accept", _) => return Verdict::Accept,
            ("drop" | "reject", _) => return Verdict::Drop,
            ("return", _) => return Verdict::Return,
            ("jump", Some(chain)) => return Verdict::Jump(chain),
            ("goto", Some(chain)) => return Verdict::Goto(chain),
            // A target of iptables that nft prints by its name only.
            ("xt", _) if value.get("type").and_then(Value::as_str) == Some("target") => {
                return match value.get("name").and_then(Value::as_str) {
                    Some("REJECT" | "DROP") => Verdict::Drop,
                    _ => Verdict::None,
                };
            }
            _ => return Verdict::None,
        }
    }
    Verdict::None
}

fn is_dormant(flags: &Value) -> bool {
    let dormant = |flag: &Value| flag.as_str() == Some("dormant");
    dormant(flags) || flags.as_array().is_some_and(|flags| flags.iter().any(dormant))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> (bool, bool) {
        let ruleset = super::super::tests::fixture(&format!("nft/{name}.json"));
        let Filtered { v4, v6 } = filtered(ruleset.as_bytes()).unwrap();
        (v4, v6)
    }

    #[test]
    fn what_is_in_force_decides() {
        for (name, expected) in [
            ("empty", (false, false)),
            ("policy-drop", (true, true)),
            ("policy-drop-ipv4-only", (true, false)),
            ("policy-accept", (false, false)),
            ("accept-all-before-policy", (false, false)),
            ("last-rule-rejects", (true, true)),
            ("firewalld-public", (true, true)),
            ("firewalld-trusted", (false, false)),
            ("fail2ban-only", (false, false)),
            ("docker-only", (false, false)),
            ("dormant", (false, false)),
            ("loop", (false, false)),
        ] {
            assert_eq!(fixture(name), expected, "{name}");
        }
    }

    #[test]
    fn other_answers_are_no_ruleset() {
        for ruleset in ["", "{}", r#"{"nftables": 7}"#, "Operation not permitted"] {
            assert!(filtered(ruleset.as_bytes()).is_err(), "{ruleset}");
        }
        let strange =
            br#"{"nftables": [{}, 7, {"set": {}}, {"rule": {"family": "ip", "table": "t", "chain": "c"}}]}"#;
        assert_eq!(filtered(strange), Ok(Filtered::default()));
    }
}
