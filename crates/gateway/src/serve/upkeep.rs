//! What has to be done again and again while the gateway runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use praya_identity::tokens;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::now;
use crate::audit::{Audit, GATEWAY};
use crate::config::Config;
use crate::http::tls::ServerTls;
use crate::sessions::Sessions;
use crate::sign_in::SignInPolicy;
use crate::store::{AuditEvent, NewAudit, Outcome, Store};

/// How often changes of other processes are looked for; they take effect within a second.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often sessions are judged.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// How often counters are stored.
const FLUSH_EVERY: Duration = Duration::from_secs(5);
/// How often tokens are looked at; signing in does not wait for it.
const TOKENS_EVERY: Duration = Duration::from_secs(3600);
/// How long ended sessions are remembered.
const REMEMBER: Duration = Duration::from_secs(90 * 86_400);
/// How long verdicts over machines, and what these reported, are kept.
const REMEMBER_MACHINES: Duration = Duration::from_secs(30 * 86_400);

/// Starts everything; it runs until the set is shut down. `healthy` says whether the database answers.
pub(super) fn start(
    sessions: &Arc<Sessions>,
    audit: &Audit,
    store: &Store,
    tls: &ServerTls,
    config: &Config,
    healthy: &Arc<AtomicBool>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(follow(Arc::clone(sessions), store.clone(), Arc::clone(healthy)));
    let swept = Arc::clone(sessions);
    tasks.spawn(every(SWEEP_EVERY, move || {
        let sessions = Arc::clone(&swept);
        async move {
            sessions.sweep(sessions.now()).await;
        }
    }));
    let flushed = Arc::clone(sessions);
    tasks.spawn(every(FLUSH_EVERY, move || {
        let sessions = Arc::clone(&flushed);
        async move {
            if let Err(error) = sessions.flush(sessions.now()).await {
                tracing::warn!(%error, "counters could not be stored");
            }
        }
    }));
    let (store, audit) = (store.clone(), audit.clone());
    let policy = SignInPolicy::from_config(config);
    tasks.spawn(every(TOKENS_EVERY, move || sweep_tokens(store.clone(), audit.clone(), policy.clone())));
    tasks.spawn(tls.clone().watch());
    tasks
}

/// Runs `work` now and then every `period`.
async fn every<F, W>(period: Duration, work: F)
where
    F: Fn() -> W,
    W: Future<Output = ()>,
{
    let mut tick = interval(period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        work().await;
    }
}

/// Follows what administrators' commands change in the database.
async fn follow(sessions: Arc<Sessions>, store: Store, healthy: Arc<AtomicBool>) {
    let mut changes = store.changes();
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // What was not followed yet because the database failed in between.
    let mut behind = false;
    loop {
        tick.tick().await;
        let looked = store.run(move |_| {
            let changed = changes.poll();
            Ok::<_, crate::store::StoreError>((changes, changed))
        });
        let changed = match looked.await {
            Ok((watch, changed)) => {
                changes = watch;
                changed
            }
            Err(error) => {
                changes = store.changes();
                Err(error)
            }
        };
        let followed = match changed {
            Ok(changed) if changed || behind => sessions.reconcile(sessions.now()).await,
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        behind = followed.is_err();
        let well = followed.is_ok();
        if healthy.swap(well, Ordering::Relaxed) != well {
            match followed {
                Ok(()) => tracing::info!("the database answers again"),
                Err(error) => tracing::error!(%error, "the database does not answer"),
            }
        }
    }
}

/// Closes tokens that were not used for too long, and forgets old sessions and verdicts.
async fn sweep_tokens(store: Store, audit: Audit, policy: SignInPolicy) {
    let now = now();
    let swept = store.run(move |store| {
        let closed = tokens::sweep(store, &policy.tokens, now)?;
        store.purge_sessions(now.before(REMEMBER))?;
        store.purge_verdicts(now.before(REMEMBER_MACHINES))?;
        Ok::<_, crate::store::StoreError>(closed)
    });
    match swept.await {
        Ok(closed) => {
            for token in closed {
                audit
                    .record(NewAudit {
                        token: Some(token.serial),
                        account: token.account,
                        code: Some("inactive".into()),
                        ..NewAudit::new(now, AuditEvent::TokenState, Outcome::Ok, GATEWAY)
                    })
                    .await;
            }
        }
        Err(error) => tracing::warn!(%error, "tokens could not be looked at"),
    }
}

#[cfg(test)]
mod tests {
    use praya_identity::{IdentityStore as _, TokenKind, TokenState, WrappingKey, people};
    use praya_model::{Timestamp, TokenSerial};

    use super::*;
    use crate::store::AuditFilter;

    #[tokio::test]
    async fn verdicts_over_machines_are_kept_for_thirty_days() {
        use crate::posture::test_machine::{Machine, facts};
        use crate::store::NewVerdict;

        let store = Store::in_memory().unwrap();
        let support = praya_posture::support::SupportTable::built_in();
        for (device, days) in [(1, 31), (2, 29)] {
            let at = now().before(Duration::from_secs(days * 86_400));
            let facts = facts(true, true, at);
            let found = NewVerdict {
                device: Machine::new(device).key(),
                host_name: "pc-17".into(),
                account: praya_model::AccountName::new("wong"),
                session: None,
                source: [192, 0, 2, 1].into(),
                verdict: praya_posture::verdict::evaluate(&[], &facts, &support, at),
                facts,
            };
            store.add_verdict(&found).unwrap();
        }
        let policy = SignInPolicy::from_config(&Config::default());
        sweep_tokens(store.clone(), Audit::new(store.clone()), policy).await;
        let left = store.devices_judged(Timestamp::default()).unwrap();
        assert_eq!(left, [Machine::new(2).key()]);
    }

    #[tokio::test]
    async fn a40_a_token_unused_for_sixty_days_is_closed_and_the_audit_has_it() {
        let store = Store::in_memory().unwrap();
        let (long_ago, key) = (Timestamp::from_secs(1_700_000_000), WrappingKey::from_bytes([1; 32]));
        let wong = people::add(&store, "wong", "", long_ago).unwrap().name;
        for (serial, since) in [("OLD", long_ago), ("NEW", now())] {
            let serial = TokenSerial::new(serial);
            tokens::register(&store, &key, serial.clone(), TokenKind::SOFT, &[7; 20], None, since).unwrap();
            tokens::assign(&store, &serial, &wong, since).unwrap();
        }
        let policy = SignInPolicy::from_config(&Config::default());
        for _ in 0..2 {
            sweep_tokens(store.clone(), Audit::new(store.clone()), policy.clone()).await;
        }
        let state = |serial| store.token(&TokenSerial::new(serial)).unwrap().unwrap().state;
        assert_eq!((state("OLD"), state("NEW")), (TokenState::Inactive, TokenState::Active));
        let records = store.audit(&AuditFilter::default()).unwrap();
        let told: Vec<_> = records.iter().map(|r| (r.event, r.token.as_ref(), r.code.as_deref())).collect();
        assert_eq!(told, [(AuditEvent::TokenState, Some(&TokenSerial::new("OLD")), Some("inactive"))]);
        assert_eq!(records[0].account, Some(wong));
    }
}
