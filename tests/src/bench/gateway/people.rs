//! Many people with a session each, written into the gateway's database while it does not run.
//!
//! Signing in is measured on its own, and for thousands it would take minutes of password hashing that say nothing about
//! the sessions. What is written here is what the gateway itself writes at a sign-in: account, membership, session,
//! cookie and lease.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use aws_lc_rs::digest::{SHA256, digest};
use rusqlite::Connection;

/// Everybody's password.
pub(super) const PASSWORD: &str = "correct horse battery";
/// Who is there before, and whose account the others' are copies of.
pub(super) const TEMPLATE: &str = "template";
/// The group that may reach the intranet.
pub(super) const GROUP: &str = "staff";

/// Where their addresses come from.
pub(super) const POOL_V4: &str = "10.88.0.0/16";
/// The same for IPv6.
pub(super) const POOL_V6: &str = "fd88:7072:6179:61::/64";

/// A session that waits for its client.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) cookie: String,
    /// Its address inside.
    pub(super) inside: Ipv4Addr,
}

/// The name of person number `number`.
pub(super) fn name(number: u32) -> String {
    format!("person{number}")
}

/// Adds so many people, each with a session that began now, to the database of a gateway that does not run.
///
/// # Errors
/// When the database is not what it was when this was written.
pub(super) fn seat(database: &Path, count: u32) -> Result<Vec<Seat>> {
    let mut database = Connection::open(database)?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let day = 86_400_000;
    let all = database.transaction()?;
    let mut seats = Vec::new();
    {
        let mut person = all.prepare(
            "INSERT INTO accounts SELECT ?1, ?1, state, password_hash, password_set_at, password_initial_until,
                 must_change, created, NULL, NULL FROM accounts WHERE name = ?2",
        )?;
        let mut member = all.prepare("INSERT INTO members (group_name, account) VALUES (?1, ?2)")?;
        let mut session = all.prepare(
            "INSERT INTO sessions (id, account, host_name, client, source, started, expires, last_traffic, away_since,
                 proof_counter, bytes_in, bytes_out) VALUES (?1, ?2, 'crowd', 'crowd', '198.51.100.10', ?3, ?4, ?3, ?3,
                 0, 0, 0)",
        )?;
        let mut cookie =
            all.prepare("INSERT INTO cookies (hash, session, state, serial) VALUES (?1, ?2, 'current', 1)")?;
        let mut lease = all.prepare("INSERT INTO leases (session, v4, v6) VALUES (?1, ?2, ?3)")?;
        for number in 0..count {
            // Past the network's and the gateway's own address.
            let offset = number + 16;
            let inside = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 88, 0, 0)) + offset);
            let (name, id) = (name(number), format!("{number:016x}"));
            let seat = Seat { cookie: format!("crowd-{number:037}"), inside };
            person.execute((&name, TEMPLATE)).context("accounts")?;
            member.execute((GROUP, &name)).context("members")?;
            session.execute((&id, &name, now, now + day)).context("sessions")?;
            cookie.execute((digest(&SHA256, seat.cookie.as_bytes()).as_ref(), &id)).context("cookies")?;
            let inside_v6 = format!("fd88:7072:6179:61::{offset:x}");
            lease.execute((&id, inside.to_string(), inside_v6)).context("leases")?;
            seats.push(seat);
        }
    }
    all.commit()?;
    Ok(seats)
}
