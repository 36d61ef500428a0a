//! Antivirus programs: at least one must be all that the rule asks; several rows of one suite do no harm (4F).

use praya_model::posture::{Check, Expected, Found};

use super::judge::{Gap, Judge, Judged, Truth, all_of, any_of};
use super::names::{family, name};
use crate::facts::{Antivirus, RealTime};
use crate::policy::{AntivirusRule, Definitions};

/// Whether a program is what `rule` asks.
pub(super) fn judge(judge: &Judge<'_>, rule: &AntivirusRule) -> Judged {
    let products = match judge.facts.antivirus.value() {
        Ok(products) => products,
        Err(why) => return judge.unavailable(Check::Antivirus, expected(rule), why),
    };
    let admitted: Vec<&Antivirus> = products.iter().filter(|product| admits(rule, product)).collect();
    if admitted.is_empty() {
        let other = products.iter().find(|product| is_listed(product));
        let found = other.map_or(Found::Missing, |product| Found::Other { name: name(&product.name) });
        return Judged::not_met(Check::Antivirus, expected(rule), found);
    }
    any_of(admitted.into_iter().map(|product| one(judge, rule, product)))
}

/// Whether no program is what `rule` says.
pub(super) fn none(judge: &Judge<'_>, rule: &AntivirusRule) -> Judged {
    let expected =
        || Expected::NoneOf { names: rule.families.iter().map(|one| name(family(*one))).collect() };
    let products = match judge.facts.antivirus.value() {
        Ok(products) => products,
        Err(why) => return judge.unavailable(Check::Antivirus, expected(), why),
    };
    let admitted = products.iter().filter(|product| admits(rule, product));
    all_of(admitted.map(|product| {
        let judged = one(judge, rule, product);
        match judged.truth {
            Truth::Met => {
                let found = Found::Other { name: name(&product.name) };
                Judged::not_met(Check::Antivirus, expected(), found)
            }
            Truth::NotMet => Judged::met(),
            Truth::Unknown(_) => judged,
        }
    }))
}

fn admits(rule: &AntivirusRule, product: &Antivirus) -> bool {
    is_listed(product) && (rule.families.is_empty() || rule.families.contains(&product.family))
}

/// One that is known not to be installed is as good as not listed.
fn is_listed(product: &Antivirus) -> bool {
    product.installed.value() != Ok(&false)
}

fn expected(rule: &AntivirusRule) -> Expected {
    if rule.families.is_empty() {
        return Expected::On;
    }
    Expected::OneOf { names: rule.families.iter().map(|one| name(family(*one))).collect() }
}

/// Whether `product` is all that `rule` asks.
fn one(judge: &Judge<'_>, rule: &AntivirusRule, product: &Antivirus) -> Judged {
    let (check, called) = (Check::Antivirus, || name(&product.name));
    let mut parts = vec![judge.known(&product.installed, check, expected(rule), |installed| {
        (!installed).then_some(Found::Missing)
    })];
    if rule.running {
        parts.push(judge.known(&product.running, check, expected(rule), |running| {
            (!running).then(|| Found::Off { name: Some(called()) })
        }));
    }
    if rule.real_time {
        parts.push(judge.known(&product.real_time, check, expected(rule), |state| match state {
            RealTime::On => None,
            RealTime::Off => Some(Found::Off { name: Some(called()) }),
            RealTime::Snoozed => Some(Found::Snoozed { name: called() }),
            RealTime::Expired => Some(Found::Expired { name: called() }),
        }));
    }
    if let Some(definitions) = rule.definitions {
        parts.push(fresh(judge, definitions, product));
    }
    all_of(parts)
}

fn fresh(judge: &Judge<'_>, definitions: Definitions, product: &Antivirus) -> Judged {
    let check = Check::AntivirusDefinitions;
    let current = || {
        judge.known(&product.definitions_current, check, Expected::On, |current| {
            (!current).then(|| Found::Off { name: Some(name(&product.name)) })
        })
    };
    match definitions {
        Definitions::Current { .. } => current(),
        Definitions::Within { within_days, or_current } => {
            let dated = judge.fresh(&product.definitions_at, check, within_days);
            if !or_current || dated.truth == Truth::Met {
                return dated;
            }
            let either = any_of([dated.clone(), current()]);
            if either.truth == Truth::Met {
                return either;
            }
            // One reason is enough: the age where it is known, else that the program says that they are old.
            let days = |gap: &Gap| matches!(gap.found, Found::Days { .. });
            let off = |gap: &Gap| matches!(gap.found, Found::Off { .. });
            let gaps = [&days as &dyn Fn(&Gap) -> bool, &off]
                .iter()
                .find_map(|told| either.gaps.iter().find(|gap| told(gap)))
                .map_or(dated.gaps, |gap| {
                    vec![Gap { expected: Expected::WithinDays { days: within_days }, ..gap.clone() }]
                });
            Judged { truth: either.truth, gaps }
        }
    }
}
