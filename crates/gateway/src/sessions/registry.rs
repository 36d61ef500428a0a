//! The registry: making sessions, opening them by cookie, ending them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use praya_model::sign_in::{ElsewhereSession, Grant};
use praya_model::{AccountName, EndReason, Secret, SessionId, Timestamp};

use super::access::{Access, Shared, tunnel_config};
use super::expiry::{Jump, Limits, Watch};
use super::leases::{Addresses, Leases};
use super::live::{ChannelId, LiveSession};
use super::refusals::Refusals;
use super::upkeep::ALIVE_AT;
use super::{ApiRequest, Attached, ConnectProof, Gone, Refusal, new_cookie, new_id};
use crate::audit::{Audit, GATEWAY, PERSON};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::posture::Desk;
use crate::sign_in::{CreateRefusal, NewSession, SessionDirectory, label};
use crate::store::{
    AuditEvent, Begun, CookieHash, CookieState, DeviceKey, Lease, NewAudit, Outcome, Result, SessionRow,
    Store, StoreError, Tally,
};

/// Every session that is not over. Share it by `Arc`.
pub struct Sessions {
    pub(super) store: Store,
    pub(super) audit: Audit,
    pub(super) config: Arc<Config>,
    pub(super) table: Mutex<Table>,
    /// Ends that the database could not be told yet.
    pub(super) owed: Mutex<Vec<(SessionId, EndReason, Timestamp)>>,
    pub(super) refusals: Mutex<Refusals>,
    /// Policies were not followed to their end.
    pub(super) unsettled: AtomicBool,
    /// Numbers the looks at what people may reach, so that an earlier one never comes after a later one.
    pub(super) looks: AtomicU64,
    pub(super) shared: Arc<Shared>,
    pub(super) watch: Mutex<Watch>,
    /// How the clock was set, of which nothing is stored yet.
    pub(super) jumps: Mutex<Vec<Jump>>,
    pub(super) desk: Desk,
    pub(super) metrics: Metrics,
}

#[derive(Debug)]
pub(super) struct Table {
    pub(super) live: HashMap<SessionId, Arc<LiveSession>>,
    pub(super) leases: Leases,
}

impl Sessions {
    /// The live session of that identifier.
    pub fn get(&self, id: &SessionId) -> Option<Arc<LiveSession>> {
        self.table().live.get(id).cloned()
    }

    /// Every live session, in no order.
    pub fn list(&self) -> Vec<Arc<LiveSession>> {
        self.table().live.values().cloned().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.table().live.len()
    }

    /// The limits that end a session by itself.
    pub fn limits(&self) -> Limits {
        Limits { idle: self.config.sessions.idle_timeout, away: self.config.sessions.away_timeout }
    }

    /// Opens a tunnel: checks the cookie and, for a bound session, the device's proof; the newest channel wins and an
    /// older one is told [`super::EndOrder::TakenOver`].
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn attach(
        &self,
        cookie: &Secret,
        proof: ConnectProof<'_>,
        now: Timestamp,
    ) -> Result<Attached, Refusal> {
        let hash = CookieHash::of(cookie);
        let (row, state) = self.opened_by(hash, now).await?;
        if row.device_key.is_some_and(|key| !proof.holds(&key)) {
            return Err(self.refuse(&row, "proof", now).await);
        }
        // Before anything is written, and after the proof: nobody uses up the turns of somebody else's device.
        if let Some(Err(retry_after_seconds)) = self.get(&row.id).map(|session| session.may_open(now)) {
            return Err(Refusal::TooOften { retry_after_seconds });
        }
        let session = self.admit(&row, state, hash, now).await?;
        let new_cookie = match row.device_key {
            Some(_) => {
                let (new, id) = (new_cookie()?, row.id.clone());
                let new_hash = CookieHash::of(&new);
                let offered = self.store.run(move |store| store.offer_cookie(&id, &new_hash)).await?;
                if !offered {
                    return Err(Refusal::Ended(session.ended().unwrap_or(EndReason::Other)));
                }
                Some(new)
            }
            None => None,
        };
        let (channel, orders) = session.attach(now).map_err(Refusal::Ended)?;
        let id = row.id.clone();
        if let Err(error) = self.store.run(move |store| store.set_away(&id, None)).await {
            // Nobody will ever detach a channel that nobody was given.
            session.detach(channel, now);
            return Err(error.into());
        }
        self.audit.record(about(&row, now, AuditEvent::TunnelUp, PERSON, None)).await;
        let tunnel = tunnel_config(&self.config, &session.access(), &session.addresses, session.expires, now);
        Ok(Attached { session, channel, orders, tunnel, new_cookie })
    }

    /// Takes note that a channel is gone. Call it exactly once per [`Attached`], whatever ended the channel; it does
    /// nothing when a newer channel has taken over or the session is over.
    pub async fn detach(&self, session: &LiveSession, channel: ChannelId, how: Gone, now: Timestamp) {
        if !session.detach(channel, now) {
            return;
        }
        match how {
            Gone::Bye(reason) => {
                self.end(&session.id, reason, PERSON, now).await;
            }
            Gone::Away => {
                let (id, entry) = (session.id.clone(), session.unstored());
                let stored = self.store.run(move |store| {
                    if let Some(entry) = entry {
                        store.record_traffic(&[entry])?;
                    }
                    store.set_away(&id, Some(now))
                });
                if let Err(error) = stored.await {
                    tracing::warn!(%error, "a detached tunnel could not be noted");
                }
                let record = NewAudit {
                    session: Some(session.id.clone()),
                    account: Some(session.account.clone()),
                    ..NewAudit::new(now, AuditEvent::TunnelDown, Outcome::Ok, GATEWAY)
                };
                self.audit.record(record).await;
            }
        }
    }

    /// Takes the name that a machine gives when it opens a tunnel, where the sign-in gave none: AnyConnect's forms
    /// know no such field.
    pub async fn name_machine(&self, session: &LiveSession, name: &str) {
        let name = label(name);
        if name.is_empty() || !session.name_machine(&name) {
            return;
        }
        let id = session.id.clone();
        if let Err(error) = self.store.run(move |store| store.name_machine(&id, &name)).await {
            tracing::warn!(%error, "the name of a machine could not be stored");
        }
    }

    /// Opens the API: checks the cookie and, for a bound session, the proof that covers the request, whose counter must
    /// be greater than any before.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn bearer(
        &self,
        cookie: &Secret,
        request: ApiRequest<'_>,
        now: Timestamp,
    ) -> Result<Arc<LiveSession>, Refusal> {
        let hash = CookieHash::of(cookie);
        let (row, state) = self.opened_by(hash, now).await?;
        if let Some(key) = row.device_key {
            let Some(counter) = request.counter(&key, cookie) else {
                return Err(self.refuse(&row, "proof", now).await);
            };
            let id = row.id.clone();
            if !self.store.run(move |store| store.advance_proof(&id, counter)).await? {
                return Err(self.refuse(&row, "replayed_proof", now).await);
            }
        }
        self.admit(&row, state, hash, now).await
    }

    /// Ends a session; false when there is no such live one. `actor` is for the audit.
    pub async fn end(&self, id: &SessionId, reason: EndReason, actor: &str, now: Timestamp) -> bool {
        let Some(session) = self.forget(id, reason) else { return false };
        let (id, entry) = (id.clone(), session.unstored());
        let owed = (id.clone(), reason, now);
        let ended = self.store.run(move |store| {
            if let Some(entry) = entry {
                store.record_traffic(&[entry])?;
            }
            store.end_session(&id, reason, now).map(|row| row.is_some())
        });
        if let Err(error) = ended.await {
            tracing::error!(%error, "the end of a session could not be stored; trying again");
            self.owe(owed);
        }
        self.audit.record(ended_record(&session, reason, actor, now)).await;
        true
    }

    /// The row that a cookie opens, when cookie and session are still good.
    async fn opened_by(
        &self,
        hash: CookieHash,
        now: Timestamp,
    ) -> Result<(SessionRow, CookieState), Refusal> {
        let found = self.store.run(move |store| store.session_by_cookie(&hash)).await?;
        let Some((row, state)) = found else { return Err(Refusal::Unknown) };
        if state == CookieState::Retired {
            return Err(self.refuse(&row, "retired_cookie", now).await);
        }
        match row.ended {
            Some((_, reason)) => Err(Refusal::Ended(reason)),
            None => Ok((row, state)),
        }
    }

    /// The last steps after cookie and proof are found good.
    async fn admit(
        &self,
        row: &SessionRow,
        state: CookieState,
        hash: CookieHash,
        now: Timestamp,
    ) -> Result<Arc<LiveSession>, Refusal> {
        let Some(session) = self.get(&row.id) else { return Err(Refusal::Unknown) };
        // The sweep may be a moment late; the answer is not.
        if let Some(reason) = session.clock().over(&self.limits(), now) {
            self.end(&row.id, reason, GATEWAY, now).await;
            return Err(Refusal::Ended(reason));
        }
        if state == CookieState::Offered {
            let id = row.id.clone();
            if !self.store.run(move |store| store.confirm_cookie(&id, &hash)).await? {
                // Somebody else confirmed it in this moment, or it was withdrawn by a newer offer.
                let again = self.store.run(move |store| store.session_by_cookie(&hash)).await?;
                if !matches!(again, Some((_, CookieState::Current))) {
                    return Err(Refusal::Unknown);
                }
            }
        }
        Ok(session)
    }

    async fn refuse(&self, row: &SessionRow, code: &str, now: Timestamp) -> Refusal {
        let record = about(row, now, AuditEvent::CookieRefused, GATEWAY, Some(code));
        let noted = self.refusals().note(NewAudit { outcome: Outcome::Refused, ..record });
        if let Some(record) = noted {
            self.audit.record(record).await;
        }
        Refusal::Unknown
    }

    /// Remembers an end that the database could not be told.
    pub(super) fn owe(&self, end: (SessionId, EndReason, Timestamp)) {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner).push(end);
    }

    /// Takes a session out of memory and tells its channel.
    pub(super) fn forget(&self, id: &SessionId, reason: EndReason) -> Option<Arc<LiveSession>> {
        let mut table = self.table();
        let session = table.live.remove(id)?;
        table.leases.release(&session.addresses);
        drop(table);
        session.show(&self.metrics);
        let first = session.end(reason);
        if first {
            self.metrics.session_ended(reason);
            self.metrics.sessions.dec();
        }
        first.then_some(session)
    }

    pub(super) fn refusals(&self) -> MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a look at what people may reach that begins now.
    pub(super) fn look(&self) -> u64 {
        self.looks.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// What an account may reach. Blocks.
    pub(super) fn access_of(&self, account: &AccountName) -> Result<Arc<Access>> {
        let groups = self.store.groups_of(account)?;
        let resources = self.store.resources_for(account)?;
        Ok(self.shared.share(Access::new(&self.config, &groups, resources)))
    }

    fn make(&self, new: &NewSession, now: Timestamp) -> Result<Grant, CreateRefusal> {
        let (id, cookie) = (new_id()?, new_cookie()?);
        let access = self.access_of(&new.account)?;
        let row = SessionRow {
            id: id.clone(),
            account: new.account.clone(),
            device_key: new.device_key,
            host_name: new.host_name.clone(),
            client: new.client.clone(),
            source: new.source,
            started: now,
            expires: now.after(self.config.sessions.lifetime),
            last_traffic: now,
            away_since: Some(now),
            proof_counter: 0,
            bytes_in: 0,
            bytes_out: 0,
            tally: Tally::default(),
            last_sign_in: new.last_sign_in.clone(),
            posture: new.posture.clone(),
            ended: None,
        };
        if self.count() == 0 {
            // Nobody else says so while there are no sessions, and this one must not be given the time before it.
            self.store.set_setting(ALIVE_AT, &now.as_millis().to_string())?;
        }
        let addresses = self.reserve(&new.account)?;
        let lease = Lease { session: id.clone(), v4: addresses.v4, v6: addresses.v6 };
        let begun = self.store.begin_session(&row, &CookieHash::of(&cookie), &lease, new.others);
        let refusal = match begun {
            Ok(Begun::Made { ended }) => {
                let session = Arc::new(LiveSession::new(&row, addresses, &access, &self.config));
                self.table().live.insert(id.clone(), Arc::clone(&session));
                self.metrics.sessions.inc();
                for (row, reason) in ended.iter().filter_map(|row| Some((row, row.ended?.1))) {
                    if let Some(session) = self.forget(&row.id, reason) {
                        self.audit.record_blocking(&ended_record(&session, reason, GATEWAY, now));
                    }
                }
                if let Err(error) = self.catch_up(&session, now) {
                    self.forget(&id, EndReason::Other);
                    self.owe((id, EndReason::Other, now));
                    return Err(error.into());
                }
                self.audit.record_blocking(&about(&row, now, AuditEvent::SessionStarted, PERSON, None));
                return Ok(Grant { session: Some(id), cookie, account: new.account.clone() });
            }
            Ok(Begun::Elsewhere(rows)) => CreateRefusal::Elsewhere(rows.into_iter().map(shown).collect()),
            Ok(Begun::AddressTaken) => CreateRefusal::NoRoom,
            Err(error) => CreateRefusal::Store(error),
        };
        self.table().leases.release(&addresses);
        Err(refusal)
    }

    /// Follows what other processes changed while the session was being made: [`Sessions::reconcile`] knew of it only
    /// from the table on. Blocks.
    fn catch_up(&self, session: &LiveSession, now: Timestamp) -> Result<()> {
        match self.store.session(&session.id)?.and_then(|row| row.ended) {
            Some((_, reason)) => drop(self.forget(&session.id, reason)),
            None => {
                let look = self.look();
                let access = self.access_of(&session.account)?;
                session.give(&self.config, look, &access);
                self.settle(session, now)?;
            }
        }
        Ok(())
    }

    /// Addresses for a new session, or no room.
    fn reserve(&self, account: &AccountName) -> Result<Addresses, CreateRefusal> {
        let mut table = self.table();
        let most = usize::try_from(self.config.sessions.total).unwrap_or(usize::MAX);
        if table.live.len() >= most {
            tracing::error!(sessions = most, "sessions.total is reached; a sign-in was refused");
            return Err(CreateRefusal::NoRoom);
        }
        table.leases.take(account).map_err(|exhausted| {
            tracing::error!("{exhausted}");
            CreateRefusal::NoRoom
        })
    }
}

impl SessionDirectory for Sessions {
    fn elsewhere(
        &self,
        account: &AccountName,
        device_key: Option<&DeviceKey>,
    ) -> Result<Vec<ElsewhereSession>, StoreError> {
        let rows = self.store.live_sessions_of(account)?;
        let other = |row: &SessionRow| device_key.is_none() || row.device_key.as_ref() != device_key;
        Ok(rows.into_iter().filter(other).map(shown).collect())
    }

    fn create(&self, new: NewSession, now: Timestamp) -> Result<Grant, CreateRefusal> {
        self.make(&new, now)
    }

    fn end_sessions_of(
        &self,
        account: &AccountName,
        keep: Option<&SessionId>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<u32, StoreError> {
        let ended = self.store.end_sessions_of(account, keep, reason, now)?;
        for row in &ended {
            if let Some(session) = self.forget(&row.id, reason) {
                self.audit.record_blocking(&ended_record(&session, reason, GATEWAY, now));
            }
        }
        Ok(u32::try_from(ended.len()).unwrap_or(u32::MAX))
    }
}

fn shown(row: SessionRow) -> ElsewhereSession {
    ElsewhereSession {
        session: row.id,
        host_name: row.host_name,
        source: row.source.to_string(),
        since: row.started,
    }
}

fn about(row: &SessionRow, now: Timestamp, event: AuditEvent, actor: &str, code: Option<&str>) -> NewAudit {
    NewAudit {
        account: Some(row.account.clone()),
        session: Some(row.id.clone()),
        source: Some(row.source),
        code: code.map(str::to_owned),
        ..NewAudit::new(now, event, Outcome::Ok, actor)
    }
}

pub(super) fn ended_record(
    session: &LiveSession,
    reason: EndReason,
    actor: &str,
    now: Timestamp,
) -> NewAudit {
    use std::sync::atomic::Ordering::Relaxed;

    NewAudit {
        account: Some(session.account.clone()),
        session: Some(session.id.clone()),
        code: Some(reason.as_str().to_owned()),
        detail: serde_json::json!({
            "seconds": now.since(session.started).as_secs(),
            "bytes_in": session.traffic.bytes_in.load(Relaxed),
            "bytes_out": session.traffic.bytes_out.load(Relaxed),
        }),
        ..NewAudit::new(now, AuditEvent::SessionEnded, Outcome::Ok, actor)
    }
}
