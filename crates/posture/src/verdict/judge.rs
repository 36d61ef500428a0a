//! Expressions over facts in three values, with what is missing to a good end.

use praya_model::Timestamp;
use praya_model::posture::{Check, Expected, Found, MAX_NAMES};

use super::names::optional_name;
use super::{antivirus, os};
use crate::facts::{Fact, HostFacts, ScreenLock, Unavailable};
use crate::policy::{Expression, OnUnavailable, Policy, ScreenLockRule};
use crate::support::SupportTable;

/// How far ahead of the gateway's clock a time may be: clocks differ, and some dates come without a time zone.
const AHEAD_MS: i64 = DAY_MS;
const DAY_MS: i64 = 86_400_000;

/// What everything is judged by.
#[derive(Clone, Copy)]
pub(super) struct Judge<'a> {
    pub(super) policy: &'a Policy,
    pub(super) facts: &'a HostFacts,
    pub(super) support: &'a SupportTable,
    pub(super) now: Timestamp,
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Truth {
    Met,
    NotMet,
    /// With what the policy makes of that.
    Unknown(OnUnavailable),
}

/// What is missing, or what to warn of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) check: Check,
    pub(super) expected: Expected,
    pub(super) found: Found,
}

/// A truth and its reasons. What is met may have gaps too: they are warnings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) truth: Truth,
    pub(super) gaps: Vec<Gap>,
}

impl Judged {
    pub(super) const fn met() -> Self {
        Self { truth: Truth::Met, gaps: Vec::new() }
    }

    pub(super) fn warned(gap: Gap) -> Self {
        Self { truth: Truth::Met, gaps: vec![gap] }
    }

    pub(super) fn not_met(check: Check, expected: Expected, found: Found) -> Self {
        Self { truth: Truth::NotMet, gaps: vec![Gap { check, expected, found }] }
    }

    /// How much has to be put right, to show the shortest way of several.
    fn distance(&self) -> usize {
        // What has to be got first is further away than what has to be switched on.
        let absent = |gap: &Gap| matches!(gap.found, Found::Missing | Found::Other { .. });
        let weight = |gap: &Gap| if absent(gap) { 8 } else { 1 };
        self.gaps.iter().map(weight).sum()
    }
}

/// All of them hold.
pub(super) fn all_of(list: impl IntoIterator<Item = Judged>) -> Judged {
    let mut whole = Judged::met();
    let mut unmet = Vec::new();
    for one in list {
        match (whole.truth, one.truth) {
            (_, Truth::Met) => {
                whole.gaps.extend(one.gaps);
                continue;
            }
            (Truth::NotMet, _) => {}
            (_, Truth::NotMet) => whole.truth = Truth::NotMet,
            (Truth::Unknown(these), Truth::Unknown(those)) => whole.truth = Truth::Unknown(these.max(those)),
            (Truth::Met, Truth::Unknown(_)) => whole.truth = one.truth,
        }
        unmet.extend(one.gaps);
    }
    if whole.truth != Truth::Met {
        whole.gaps = unmet;
    }
    distinct(&mut whole.gaps);
    whole
}

/// One of them holds. Where none does, the gaps are those of the shortest way to a good end.
pub(super) fn any_of(list: impl IntoIterator<Item = Judged>) -> Judged {
    let list: Vec<Judged> = list.into_iter().collect();
    let met = list.iter().filter(|one| one.truth == Truth::Met).min_by_key(|one| one.gaps.len());
    if let Some(met) = met {
        return met.clone();
    }
    let unknown = |one: &Judged| match one.truth {
        Truth::Unknown(what) => Some(what),
        Truth::Met | Truth::NotMet => None,
    };
    let truth = list.iter().filter_map(unknown).min().map_or(Truth::NotMet, Truth::Unknown);
    let shortest = list.iter().map(Judged::distance).min();
    let mut gaps = Vec::new();
    for one in list.into_iter().filter(|one| Some(one.distance()) == shortest) {
        for gap in one.gaps {
            merge(&mut gaps, gap);
        }
    }
    distinct(&mut gaps);
    Judged { truth, gaps }
}

/// Adds `gap`; where another one differs only in what is admitted, all of that is admitted.
fn merge(gaps: &mut Vec<Gap>, gap: Gap) {
    if let Expected::OneOf { names: more } = &gap.expected {
        for other in gaps.iter_mut().filter(|other| other.check == gap.check && other.found == gap.found) {
            if let Expected::OneOf { names } = &mut other.expected {
                for name in more {
                    if !names.contains(name) && names.len() < MAX_NAMES {
                        names.push(name.clone());
                    }
                }
                return;
            }
        }
    }
    gaps.push(gap);
}

fn distinct(gaps: &mut Vec<Gap>) {
    let mut seen: Vec<Gap> = Vec::new();
    gaps.retain(|gap| {
        let new = !seen.contains(gap);
        if new {
            seen.push(gap.clone());
        }
        new
    });
}

/// The age of something.
pub(super) enum Age {
    /// In whole days, begun ones counted.
    Days(u32),
    /// It has not happened yet.
    Future,
}

impl Judge<'_> {
    /// Whether `expression` holds, or its opposite where it is `negated`.
    pub(super) fn expression(&self, expression: &Expression, negated: bool) -> Judged {
        let each = |list: &[Expression]| -> Vec<Judged> {
            list.iter().map(|expression| self.expression(expression, negated)).collect()
        };
        match expression {
            Expression::AllOf(list) if negated => any_of(each(list)),
            Expression::AnyOf(list) if negated => all_of(each(list)),
            Expression::AllOf(list) => all_of(each(list)),
            Expression::AnyOf(list) => any_of(each(list)),
            Expression::Not(inner) => self.expression(inner, !negated),
            Expression::Os(rule) if negated => os::none(self, rule),
            Expression::Os(rule) => os::judge(self, rule),
            Expression::Antivirus(rule) if negated => antivirus::none(self, rule),
            Expression::Antivirus(rule) => antivirus::judge(self, rule),
            Expression::Firewall { .. } => {
                self.known(&self.facts.firewall, Check::Firewall, Expected::On, |firewall| {
                    (!firewall.on).then(|| Found::Off { name: optional_name(&firewall.name) })
                })
            }
            Expression::Disk { .. } => {
                self.known(&self.facts.disk, Check::DiskEncryption, Expected::On, |disk| {
                    disk.encrypted_by.is_none().then_some(Found::Off { name: None })
                })
            }
            Expression::Updates { within_days } => self.updates(*within_days),
            Expression::Hotfixes { installed } => self.hotfixes(installed),
            Expression::ScreenLock(rule) => self.screen_lock(rule),
            Expression::SecureBoot { .. } => self.on(&self.facts.secure_boot, Check::SecureBoot),
            Expression::SystemIntegrity { .. } => {
                self.on(&self.facts.system_integrity, Check::SystemIntegrity)
            }
            Expression::Gatekeeper { .. } => self.on(&self.facts.gatekeeper, Check::Gatekeeper),
        }
    }

    /// Something that must be on.
    fn on(&self, fact: &Fact<bool>, check: Check) -> Judged {
        self.known(fact, check, Expected::On, |on| (!on).then_some(Found::Off { name: None }))
    }

    /// A fact that holds where `wrong` finds nothing wrong with it.
    pub(super) fn known<T>(
        &self,
        fact: &Fact<T>,
        check: Check,
        expected: Expected,
        wrong: impl FnOnce(&T) -> Option<Found>,
    ) -> Judged {
        match fact.value() {
            Ok(value) => {
                wrong(value).map_or_else(Judged::met, |found| Judged::not_met(check, expected, found))
            }
            Err(why) => self.unavailable(check, expected, why),
        }
    }

    /// Something that is not known. A machine that was asked and keeps silent about it is not excused by policy.
    pub(super) fn unavailable(&self, check: Check, expected: Expected, why: Unavailable) -> Judged {
        let what = match why {
            Unavailable::NotAsked => OnUnavailable::Fail,
            Unavailable::NotApplicable
            | Unavailable::NotDetected
            | Unavailable::PermissionDenied
            | Unavailable::TimedOut
            | Unavailable::Malformed
            | Unavailable::Unsupported => self.policy.on_unavailable(check),
        };
        let found = Found::Unavailable { reason: why };
        Judged { truth: Truth::Unknown(what), gaps: vec![Gap { check, expected, found }] }
    }

    /// A value that makes no sense. Policy does not excuse it, and its opposite makes no sense either.
    pub(super) fn implausible(check: Check, expected: Expected) -> Judged {
        let found = Found::Unavailable { reason: Unavailable::Malformed };
        Judged { truth: Truth::Unknown(OnUnavailable::Fail), gaps: vec![Gap { check, expected, found }] }
    }

    /// How long ago `then` was, by the gateway's clock.
    pub(super) fn age(&self, then: Timestamp) -> Age {
        let millis = self.now.as_millis().saturating_sub(then.as_millis());
        if millis < -AHEAD_MS {
            return Age::Future;
        }
        let millis = millis.max(0);
        let days = millis / DAY_MS + i64::from(millis % DAY_MS > 0);
        Age::Days(u32::try_from(days).unwrap_or(u32::MAX))
    }

    /// Whether `then` is at most `days` ago.
    pub(super) fn fresh(&self, fact: &Fact<Timestamp>, check: Check, days: u32) -> Judged {
        let expected = Expected::WithinDays { days };
        match fact.value().map(|then| self.age(*then)) {
            Ok(Age::Days(age)) if age <= days => Judged::met(),
            Ok(Age::Days(age)) => Judged::not_met(check, expected, Found::Days { days: age }),
            Ok(Age::Future) => Self::implausible(check, expected),
            Err(why) => self.unavailable(check, expected, why),
        }
    }

    fn updates(&self, days: u32) -> Judged {
        self.fresh(&self.facts.last_update, Check::Updates, days)
    }

    /// All of `wanted` are installed; those that are not are told.
    fn hotfixes(&self, wanted: &[String]) -> Judged {
        let there = self.facts.hotfixes.value().map_or(&[][..], Vec::as_slice);
        let absent: Vec<&String> = wanted.iter().filter(|one| !there.contains(one)).collect();
        let names = absent.iter().take(MAX_NAMES).filter_map(|one| optional_name(one)).collect();
        let missing = |_: &_| (!absent.is_empty()).then_some(Found::Missing);
        self.known(&self.facts.hotfixes, Check::Hotfixes, Expected::AllOf { names }, missing)
    }

    fn screen_lock(&self, rule: &ScreenLockRule) -> Judged {
        let check = Check::ScreenLock;
        let Some(minutes) = rule.within_minutes else {
            return self.known(&self.facts.screen_lock, check, Expected::On, |lock| {
                (!lock.on).then_some(Found::Off { name: None })
            });
        };
        let expected = Expected::WithinMinutes { minutes };
        match self.facts.screen_lock.value() {
            Err(why) => self.unavailable(check, expected, why),
            Ok(ScreenLock { on: false, .. }) => Judged::not_met(check, expected, Found::Off { name: None }),
            Ok(ScreenLock { after: None, .. }) => self.unavailable(check, expected, Unavailable::NotDetected),
            Ok(ScreenLock { after: Some(seconds), .. }) => {
                let after = seconds.div_ceil(60);
                if after <= minutes {
                    Judged::met()
                } else {
                    Judged::not_met(check, expected, Found::Minutes { minutes: after })
                }
            }
        }
    }
}
