//! What keeps the registry true: loading at start, expiry, changes made by other processes, storing counters.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use praya_identity::AccountState;
use praya_identity::store::IdentityStore as _;
use praya_model::{AccountName, EndReason, SessionId, Timestamp};

use super::access::{Access, Shared};
use super::expiry::{Clock, Jump, Watch};
use super::leases::{Addresses, Leases};
use super::live::LiveSession;
use super::registry::{Sessions, Table, ended_record};
use crate::audit::{Audit, GATEWAY};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::posture::Desk;
use crate::store::{AuditEvent, NewAudit, Outcome, Result, SessionRow, Store};

/// The setting that says until when the gateway was known to run.
pub(super) const ALIVE_AT: &str = "alive_at";

impl Sessions {
    /// Brings the sessions of the last run back to memory. The time since then counts for none of their limits but the
    /// absolute one, because no client could come back. A session whose address the pools no longer have ends. Blocks.
    ///
    /// # Errors
    /// The store's.
    pub fn load(store: Store, audit: Audit, config: Arc<Config>, now: Timestamp) -> Result<Self> {
        let alive_at =
            store.setting(ALIVE_AT)?.and_then(|text| text.parse().ok()).map(Timestamp::from_millis);
        let down = alive_at.map_or(Duration::ZERO, |alive_at| now.since(alive_at));
        let leases: HashMap<_, _> = store
            .leases()?
            .into_iter()
            .map(|lease| (lease.session, Addresses { v4: lease.v4, v6: lease.v6 }))
            .collect();
        let table =
            Table { live: HashMap::new(), leases: Leases::new(config.tunnel.pool_v4, config.tunnel.pool_v6) };
        let metrics = Metrics::new();
        let desk = Desk::new(store.clone(), audit.clone(), metrics.clone());
        let sessions = Self {
            store,
            audit,
            config,
            table: Mutex::new(table),
            owed: Mutex::new(Vec::new()),
            refusals: Mutex::default(),
            unsettled: AtomicBool::new(false),
            looks: AtomicU64::new(0),
            shared: Arc::default(),
            watch: Mutex::new(Watch::new(now, Instant::now())),
            jumps: Mutex::default(),
            desk,
            metrics,
        };
        let mut resumed = Vec::new();
        for mut row in sessions.store.live_sessions()? {
            let addresses = leases.get(&row.id).copied();
            if !addresses.is_some_and(|addresses| sessions.table().leases.mark(&addresses)) {
                tracing::warn!(
                    "a session ends: its address is not in tunnel.pool_v4 or tunnel.pool_v6 any longer"
                );
                sessions.store.end_session(&row.id, EndReason::GatewayRestart, now)?;
                continue;
            }
            let Some(addresses) = addresses else { continue };
            sessions.resume(&mut row, down, now);
            resumed.push((row, addresses));
        }
        // At once: with thousands of sessions, a commit for each would be a start of minutes.
        sessions.store.resume_sessions(resumed.iter().map(|(row, _)| row))?;
        for (row, addresses) in resumed {
            let access = sessions.access_of(&row.account)?;
            let live = Arc::new(LiveSession::new(&row, addresses, &access, &sessions.config));
            live.told_before(now);
            sessions.settle(&live, now)?;
            sessions.table().live.insert(row.id.clone(), live);
        }
        sessions.store.set_setting(ALIVE_AT, &now.as_millis().to_string())?;
        Ok(sessions)
    }

    /// Counts in `metrics` from now on.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        metrics.sessions.set(i64::try_from(self.count()).unwrap_or(i64::MAX));
        let desk = Desk::new(self.store.clone(), self.audit.clone(), metrics.clone());
        Self { metrics, desk, ..self }
    }

    /// Ends what is over and returns how many sessions that were. Run it every second.
    pub async fn sweep(&self, now: Timestamp) -> usize {
        self.store_jumps(now).await;
        self.pay_debts().await;
        let refused = self.refusals().due(now);
        self.audit_all(refused).await;
        let limits = self.limits();
        let over: Vec<(SessionId, EndReason)> = self
            .list()
            .iter()
            .filter_map(|session| Some((session.id.clone(), session.clock().over(&limits, now)?)))
            .collect();
        for (id, reason) in &over {
            self.end(id, *reason, GATEWAY, now).await;
        }
        if self.unsettled.swap(false, Ordering::Relaxed) && self.reconcile(now).await.is_err() {
            self.unsettled.store(true, Ordering::Relaxed);
        }
        over.len() + self.sweep_posture(now).await
    }

    /// Follows what another process has changed in the database: ended sessions, closed accounts, groups, resources.
    /// Run it whenever [`crate::store::Changes`] says so.
    ///
    /// # Errors
    /// The store's; what was not followed then the next call does.
    pub async fn reconcile(&self, now: Timestamp) -> Result<()> {
        let known = self.list();
        let store = self.store.clone();
        let ids: Vec<_> = known.iter().map(|session| session.id.clone()).collect();
        let ended = store.run(move |store| ended_among(store, &ids)).await?;
        for (id, reason) in ended {
            // Whoever ended it has written the audit.
            self.forget(&id, reason);
        }
        let mut accounts: Vec<AccountName> = known.iter().map(|session| session.account.clone()).collect();
        accounts.sort();
        accounts.dedup();
        let (look, config, shared) = (self.look(), self.config.clone(), Arc::clone(&self.shared));
        let standing = self.store.run(move |store| standing_of(store, &config, &shared, accounts)).await?;
        let mut open = Vec::new();
        for session in self.list() {
            match standing.get(&session.account) {
                Some(Standing::Closed) => {
                    self.end(&session.id, EndReason::AccountDisabled, GATEWAY, now).await;
                }
                Some(Standing::Open(access)) => open.push((session, Arc::clone(access))),
                // Signed in after the list was made, with what the database said then.
                None => {}
            }
        }
        self.follow_policies(open, look, now).await
    }

    /// Stores last traffic, counters and the time, so that a crash loses little. Run it every few seconds.
    ///
    /// # Errors
    /// The store's; the next call tries again.
    pub async fn flush(&self, now: Timestamp) -> Result<()> {
        let sessions = self.list();
        if sessions.is_empty() {
            return Ok(());
        }
        sessions.iter().for_each(|session| session.show(&self.metrics));
        let rows: Vec<_> = sessions.iter().filter_map(|session| session.unstored()).collect();
        let stored = rows.clone();
        self.store
            .run(move |store| {
                if !rows.is_empty() {
                    store.record_traffic(&rows)?;
                }
                store.set_setting(ALIVE_AT, &now.as_millis().to_string())
            })
            .await?;
        for row in stored {
            if let Some(session) = self.get(&row.session) {
                session.stored(row);
            }
        }
        Ok(())
    }

    /// Stores what only memory knows so far, for a gateway that stops: counters, and the refusals held back. Nobody may
    /// be served any longer.
    ///
    /// # Errors
    /// The store's; then the counters are those of the last [`Sessions::flush`].
    pub async fn close(&self, now: Timestamp) -> Result<()> {
        let refused = self.refusals().rest();
        self.audit_all(refused).await;
        self.flush(now).await
    }

    /// Tells every channel that the gateway is going down. The sessions stay.
    pub fn drain(&self) {
        for session in self.list() {
            session.drain();
        }
    }

    async fn audit_all(&self, records: Vec<NewAudit>) {
        for record in records {
            self.audit.record(record).await;
        }
    }

    /// Tells the database of ends that it could not take before.
    async fn pay_debts(&self) {
        let owed = std::mem::take(&mut *self.owed.lock().unwrap_or_else(PoisonError::into_inner));
        for (id, reason, at) in owed {
            let session = id.clone();
            if self.store.run(move |store| store.end_session(&session, reason, at)).await.is_err() {
                self.owe((id, reason, at));
            }
        }
    }

    fn resume(&self, row: &mut SessionRow, down: Duration, now: Timestamp) {
        let clock =
            Clock { expires: row.expires, last_traffic: row.last_traffic, away_since: row.away_since };
        let resumed = clock.resumed(down, now);
        (row.last_traffic, row.away_since) = (resumed.last_traffic, resumed.away_since);
        if let Some(fit) = row.posture.take() {
            if fit.is_unreadable() {
                tracing::error!(
                    "what the endpoint check left of a session cannot be read, so it reaches nothing"
                );
                self.audit.record_blocking(&NewAudit {
                    account: Some(row.account.clone()),
                    session: Some(row.id.clone()),
                    code: Some("fit_unreadable".into()),
                    ..NewAudit::new(now, AuditEvent::Posture, Outcome::Failed, GATEWAY)
                });
            }
            row.posture = Some(fit.moved(Jump::Ahead(down)));
        }
    }

    /// Ends the sessions of accounts that were closed, or of whatever else other processes did, while the gateway was
    /// not running. Blocks.
    ///
    /// # Errors
    /// The store's.
    pub fn end_closed(&self, now: Timestamp) -> Result<()> {
        for session in self.list() {
            let open = self.store.account(&session.account)?.is_some_and(|a| a.state == AccountState::Active);
            if !open {
                self.store.end_session(&session.id, EndReason::AccountDisabled, now)?;
                self.forget(&session.id, EndReason::AccountDisabled);
                self.audit.record_blocking(&ended_record(&session, EndReason::AccountDisabled, GATEWAY, now));
            }
        }
        Ok(())
    }
}

enum Standing {
    Closed,
    Open(Arc<Access>),
}

fn ended_among(store: &Store, ids: &[SessionId]) -> Result<Vec<(SessionId, EndReason)>> {
    let live: std::collections::HashSet<_> = store.live_sessions()?.into_iter().map(|row| row.id).collect();
    let mut ended = Vec::new();
    for id in ids.iter().filter(|id| !live.contains(*id)) {
        let reason =
            store.session(id)?.and_then(|row| row.ended).map_or(EndReason::Other, |(_, reason)| reason);
        ended.push((id.clone(), reason));
    }
    Ok(ended)
}

fn standing_of(
    store: &Store,
    config: &Config,
    shared: &Shared,
    accounts: Vec<AccountName>,
) -> Result<HashMap<AccountName, Standing>> {
    let mut standing = HashMap::new();
    for account in accounts {
        let open = store.account(&account)?.is_some_and(|found| found.state == AccountState::Active);
        let state = if open {
            let access = Access::new(config, &store.groups_of(&account)?, store.resources_for(&account)?);
            Standing::Open(shared.share(access))
        } else {
            Standing::Closed
        };
        standing.insert(account, state);
    }
    Ok(standing)
}
