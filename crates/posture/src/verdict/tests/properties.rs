//! What holds for any policy and any machine.

use proptest::prelude::*;

use super::*;
use crate::policy::{
    AntivirusRule, AppliesTo, Definitions, EndOfLife, Expression, OsRule, ScreenLockRule, Yes,
};

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (0_u64..60).prop_map(days_ago),
        (0_u64..5).prop_map(|days| NOW.after(Duration::from_secs(days * 86_400))),
        any::<i64>().prop_map(Timestamp::from_millis),
    ]
}

fn reason() -> impl Strategy<Value = Unavailable> {
    prop_oneof![
        Just(Unavailable::NotAsked),
        Just(Unavailable::NotApplicable),
        Just(Unavailable::NotDetected),
        Just(Unavailable::TimedOut),
        Just(Unavailable::Malformed),
    ]
}

fn fact<T: std::fmt::Debug + Clone + 'static>(
    value: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Fact<T>> {
    prop_oneof![3 => value.prop_map(known), 1 => reason().prop_map(unavailable)].boxed()
}

fn family() -> impl Strategy<Value = Family> + Clone {
    prop_oneof![Just(Family::Clamav), Just(Family::Eset), Just(Family::Defender), Just(Family::Other)]
}

fn antivirus() -> impl Strategy<Value = Antivirus> {
    let states = [RealTime::On, RealTime::Off, RealTime::Snoozed, RealTime::Expired];
    (
        family(),
        [fact(any::<bool>()), fact(any::<bool>())],
        fact(prop::sample::select(states.to_vec())),
        fact(time()),
        fact(any::<bool>()),
    )
        .prop_map(|(family, [installed, running], real_time, definitions_at, definitions_current)| {
            Antivirus {
                installed,
                running,
                real_time,
                definitions_at,
                definitions_current,
                ..program(family, "P")
            }
        })
}

fn os() -> impl Strategy<Value = Os> {
    let systems = vec![
        windows("10 22H2"),
        windows("XP"),
        windows("11 25H2"),
        windows(""),
        debian("13"),
        debian("11"),
        debian("99"),
    ];
    (prop::sample::select(systems), any::<bool>(), ".{0,12}").prop_map(|(os, server, build)| Os {
        server,
        build,
        ..os
    })
}

fn facts() -> impl Strategy<Value = HostFacts> {
    let lock =
        (any::<bool>(), proptest::option::of(0_u32..3000)).prop_map(|(on, after)| ScreenLock { on, after });
    let firewall = (any::<bool>(), ".{0,300}").prop_map(|(on, name)| Firewall { name, on });
    let disk = proptest::option::of(Just("LUKS".to_owned())).prop_map(|encrypted_by| Disk { encrypted_by });
    (
        fact(os()),
        fact(proptest::collection::vec(antivirus(), 0..4)),
        fact(firewall),
        fact(disk),
        (fact(time()), fact(proptest::collection::vec(hotfix(), 0..4))),
        fact(lock),
        [fact(any::<bool>()), fact(any::<bool>()), fact(any::<bool>())],
    )
        .prop_map(|(os, antivirus, firewall, disk, (last_update, hotfixes), screen_lock, switches)| {
            let [secure_boot, system_integrity, gatekeeper] = switches;
            HostFacts {
                os,
                antivirus,
                firewall,
                disk,
                last_update,
                hotfixes,
                screen_lock,
                secure_boot,
                system_integrity,
                gatekeeper,
                ..HostFacts::none(NOW)
            }
        })
}

fn hotfix() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["KB5043080", "KB5044284", "KB5050000"]).prop_map(str::to_owned)
}

fn os_rule() -> impl Strategy<Value = OsRule> {
    let product = prop::sample::select(vec![
        (None, vec![]),
        (Some("windows"), vec![]),
        (Some("windows"), vec!["10", "XP"]),
        (Some("debian"), vec!["13"]),
    ]);
    let life = prop::sample::select(vec![None, Some(EndOfLife::Warn), Some(EndOfLife::Block)]);
    (product, life, any::<bool>(), proptest::option::of(any::<bool>()), any::<bool>()).prop_map(
        |((product, versions), end_of_life, extended_support, server, build)| OsRule {
            family: None,
            product: product.map(str::to_owned),
            versions: versions.into_iter().map(str::to_owned).collect(),
            server,
            min_build: build.then(|| "6.1".to_owned()),
            end_of_life,
            days_past_end: 0,
            extended_support,
        },
    )
}

fn antivirus_rule() -> impl Strategy<Value = AntivirusRule> {
    let definitions = prop_oneof![
        Just(None),
        (1_u32..40, any::<bool>())
            .prop_map(|(within_days, or_current)| Some(Definitions::Within { within_days, or_current })),
        Just(Some(Definitions::Current { current: Yes })),
    ];
    (proptest::collection::vec(family(), 0..3), any::<bool>(), any::<bool>(), definitions).prop_map(
        |(families, running, real_time, definitions)| AntivirusRule {
            families,
            running,
            real_time,
            definitions,
        },
    )
}

/// Any expression; also such as the reader refuses.
fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![
        os_rule().prop_map(Expression::Os),
        antivirus_rule().prop_map(Expression::Antivirus),
        Just(Expression::Firewall { on: Yes }),
        Just(Expression::Disk { encrypted: Yes }),
        Just(Expression::SecureBoot { on: Yes }),
        Just(Expression::SystemIntegrity { on: Yes }),
        Just(Expression::Gatekeeper { on: Yes }),
        proptest::collection::vec(hotfix(), 1..3).prop_map(|installed| Expression::Hotfixes { installed }),
        (1_u32..50).prop_map(|within_days| Expression::Updates { within_days }),
        proptest::option::of(1_u32..30)
            .prop_map(|within_minutes| Expression::ScreenLock(ScreenLockRule { on: Yes, within_minutes })),
    ];
    let negatable = prop_oneof![
        os_rule().prop_map(|rule| Expression::Os(OsRule { end_of_life: None, ..rule })),
        antivirus_rule().prop_map(Expression::Antivirus),
    ];
    let not = negatable.prop_map(|inner| Expression::Not(Box::new(inner)));
    prop_oneof![3 => leaf, 1 => not].prop_recursive(3, 16, 4, |inner| {
        let list = proptest::collection::vec(inner, 1..4);
        prop_oneof![list.clone().prop_map(Expression::AllOf), list.prop_map(Expression::AnyOf)]
    })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let severity = prop::sample::select(vec![Severity::Mandatory, Severity::Optional, Severity::Audit]);
    let platforms = prop::sample::select(vec![vec![], vec![OsFamily::Windows]]);
    proptest::collection::vec((severity, platforms, expression()), 1..5).prop_map(|requirements| Policy {
        applies_to: AppliesTo::default(),
        requirements: requirements
            .into_iter()
            .enumerate()
            .map(|(number, (severity, platforms, expression))| Requirement {
                id: format!("r{number}"),
                severity,
                platforms,
                link: None,
                expression,
            })
            .collect(),
        ..policy("[[requirements]]\nid = \"r\"\nfirewall = { on = true }\n")
    })
}

/// `facts` with one thing less known, chosen by `which`.
fn forget(facts: &HostFacts, which: usize, why: Unavailable) -> HostFacts {
    let mut less = facts.clone();
    if let Fact::Known { value, .. } = &mut less.antivirus
        && which >= 10
        && !value.is_empty()
    {
        let index = which % value.len();
        let one = &mut value[index];
        match which / 10 % 6 {
            0 => one.installed = unavailable(why),
            1 => one.running = unavailable(why),
            2 => one.real_time = unavailable(why),
            3 => one.definitions_at = unavailable(why),
            4 => one.definitions_current = unavailable(why),
            _ => one.definitions_version = unavailable(why),
        }
        return less;
    }
    match which % 10 {
        0 => less.os = unavailable(why),
        1 => less.antivirus = unavailable(why),
        2 => less.firewall = unavailable(why),
        3 => less.disk = unavailable(why),
        4 => less.last_update = unavailable(why),
        5 => less.screen_lock = unavailable(why),
        6 => less.secure_boot = unavailable(why),
        7 => less.system_integrity = unavailable(why),
        8 => less.hotfixes = unavailable(why),
        _ => less.gatekeeper = unavailable(why),
    }
    less
}

proptest! {
    /// Every machine gets a verdict, and whoever is refused learns why.
    #[test]
    fn evaluation_is_total(policy in any_policy(), facts in facts()) {
        let verdict = judge(&policy, &facts);
        prop_assert_eq!(verdict.results.len(), policy.requirements.len());
        let failed = verdict.results.iter().any(|result| result.consequence == Consequence::Failed);
        prop_assert_eq!(failed, verdict.access == Access::Deny);
        let refusals = verdict.findings().iter().filter(|finding| finding.outcome == Outcome::Failed).count();
        prop_assert_eq!(failed, refusals > 0);
        for result in &verdict.results {
            let silent = matches!(result.state, State::Met | State::Skipped) || !result.findings.is_empty();
            prop_assert!(silent, "{result:?}");
        }
        let json = serde_json::to_string(&verdict.findings()).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<Finding>>(&json).unwrap(), verdict.findings());
    }

    /// To know less never helps: no requirement that failed passes, and none changes from no to yes or back.
    #[test]
    fn absence_never_passes(
        policy in any_policy(),
        facts in facts(),
        which in 0_usize..70,
        why in reason(),
    ) {
        let (more, less) = (judge(&policy, &facts), judge(&policy, &forget(&facts, which, why)));
        for (more, less) in more.results.iter().zip(&less.results) {
            // Where the system is not known, what is for some systems is asked too.
            if more.state == State::Skipped {
                continue;
            }
            prop_assert!(less.state == more.state || less.state == State::Unknown, "{more:?} {less:?}");
            if more.consequence == Consequence::Failed {
                prop_assert_eq!(less.consequence, Consequence::Failed);
            }
        }
        if more.access == Access::Deny {
            prop_assert_eq!(less.access, Access::Deny);
        }
    }

    /// One more requirement, or one more policy, never lets a machine in that was out.
    #[test]
    fn to_ask_more_never_lets_more_in(policy in any_policy(), other in any_policy(), facts in facts()) {
        let other = Policy { id: "other".to_owned(), ..other };
        let support = SupportTable::built_in();
        let one = evaluate(&[&policy], &facts, &support, NOW);
        let both = evaluate(&[&policy, &other], &facts, &support, NOW);
        prop_assert!(one.access != Access::Deny || both.access == Access::Deny);
        prop_assert!(both.status >= one.status);
    }

    /// A policy that is not enforced asks and judges, takes nothing, and tells what it would have done.
    #[test]
    fn what_is_not_enforced_takes_nothing_from_anybody(
        policy in any_policy(),
        other in any_policy(),
        facts in facts(),
    ) {
        let (tried, other) = (Policy { enforce: false, ..policy }, Policy { id: "other".to_owned(), ..other });
        let support = SupportTable::built_in();
        let judge = |policies: &[&Policy]| evaluate(policies, &facts, &support, NOW);
        let alone = judge(&[&tried]);
        prop_assert_eq!((&alone.access, alone.valid_until, alone.retry_until), (&Access::Allow, None, None));
        prop_assert!(alone.status <= Status::Compliant && alone.findings().is_empty());
        prop_assert_eq!(without_report(&[&tried]), Access::Allow);
        prop_assert_eq!(on_fail(&[&tried]), Access::Allow);
        let enforced = judge(&[&tried.enforced()]);
        let would_be = IfEnforced { status: enforced.status, access: enforced.access };
        prop_assert_eq!(&alone.if_enforced, &Some(would_be));
        let states = |verdict: &Verdict| verdict.results.iter().map(|result| result.state).collect::<Vec<_>>();
        prop_assert_eq!(states(&alone), states(&judge(&[&tried.enforced()])));
        let (without, both) = (judge(&[&other]), judge(&[&tried, &other]));
        prop_assert_eq!((&both.access, both.valid_until), (&without.access, without.valid_until));
        prop_assert_eq!(both.findings(), without.findings());
        prop_assert_eq!(without.if_enforced, None);
    }

    /// What is written of a policy is read as the same policy.
    #[test]
    fn a_policy_has_one_meaning(policy in any_policy()) {
        let json = serde_json::to_string(&policy).unwrap();
        let again = Policy::from_json(&json);
        prop_assume!(again.is_ok());
        prop_assert_eq!(again, Ok(policy));
    }
}
