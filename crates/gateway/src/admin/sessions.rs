//! `praya-gateway session …`

use std::collections::BTreeMap;

use clap::Subcommand;
use praya_model::{AccountName, EndReason, SessionId};
use serde::Serialize;

use super::{Context, Table, shown};
use crate::exit::{Code, Fatal, Result};
use crate::store::{AuditEvent, ChannelTally, SessionRow};

/// What is done to sessions.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everybody who is signed in.
    List,
    /// End a session; its tunnel is cut within a second.
    End {
        /// The session's identifier, from `session list`.
        id: String,
    },
}

/// A session in lists.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) id: SessionId,
    account: AccountName,
    host_name: String,
    client: String,
    pub(super) source: String,
    pub(super) since: String,
    expires: String,
    last_traffic: String,
    attached: bool,
    bound_to_device: bool,
    bytes_in: u64,
    bytes_out: u64,
    /// The channel that carried the last packets, as the gateway last stored it.
    channel: Option<String>,
    round_trip_us: Option<u64>,
    tls: ChannelTally,
    udp: ChannelTally,
    drops: BTreeMap<String, u64>,
}

impl Shown {
    pub(super) fn of(row: &SessionRow) -> Self {
        Self {
            id: row.id.clone(),
            account: row.account.clone(),
            host_name: row.host_name.clone(),
            client: row.client.clone(),
            source: row.source.to_string(),
            since: shown(row.started),
            expires: shown(row.expires),
            last_traffic: shown(row.last_traffic),
            attached: row.away_since.is_none(),
            bound_to_device: row.device_key.is_some(),
            bytes_in: row.bytes_in,
            bytes_out: row.bytes_out,
            channel: row.tally.channel.clone(),
            round_trip_us: row.tally.round_trip_us(),
            tls: row.tally.tls,
            udp: row.tally.udp,
            drops: row.tally.drops.clone(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Ended {
    id: SessionId,
    ended: bool,
}

pub(super) fn run(command: &Command, context: &mut Context<'_>) -> Result<()> {
    match command {
        Command::List => list(context),
        Command::End { id } => end(context, SessionId::new(id.as_str())),
    }
}

fn list(context: &mut Context<'_>) -> Result<()> {
    let sessions: Vec<Shown> = context.store.live_sessions()?.iter().map(Shown::of).collect();
    context.out.show(&sessions, || {
        let mut table =
            Table::new(["SESSION", "PERSON", "FROM", "MACHINE", "SINCE", "TUNNEL", "IN", "OUT", "DROPPED"]);
        for session in &sessions {
            table.row([
                session.id.to_string(),
                session.account.to_string(),
                session.source.clone(),
                session.host_name.clone(),
                session.since.clone(),
                match (session.attached, &session.channel) {
                    (false, _) => "away".into(),
                    (true, None) => "up".into(),
                    (true, Some(channel)) => format!("up ({channel})"),
                },
                bytes(session.bytes_in),
                bytes(session.bytes_out),
                session.drops.values().sum::<u64>().to_string(),
            ]);
        }
        table.render("nobody is signed in")
    })
}

fn end(context: &mut Context<'_>, id: SessionId) -> Result<()> {
    let Some(row) = context.store.end_session(&id, EndReason::Admin, context.now)? else {
        return Err(Fatal::new(
            Code::Failed,
            format!(
                "there is no live session \"{}\"; `praya-gateway session list` shows them",
                super::printable(id.as_str())
            ),
        ));
    };
    context.audit(AuditEvent::SessionEnded, EndReason::Admin.as_str(), |record| {
        record.account = Some(row.account.clone());
        record.session = Some(id.clone());
    })?;
    context.out.show(&Ended { id: id.clone(), ended: true }, || format!("{id} of {} ended", row.account))
}

/// A number of bytes in units of 1024, with two digits, as in the client's status (B-17).
fn bytes(bytes: u64) -> String {
    let mut units = ["KB", "MB", "GB", "TB"].iter();
    let (mut hundredths, mut unit) = (u128::from(bytes) * 100, "B");
    while hundredths >= 102_400 {
        let Some(larger) = units.next() else { break };
        (hundredths, unit) = (hundredths / 1024, larger);
    }
    if unit == "B" {
        format!("{bytes} B")
    } else {
        format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_are_short() {
        for (count, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.00 KB"), (24_115, "23.54 KB"), (5 << 40, "5.00 TB")]
        {
            assert_eq!(bytes(count), text);
        }
    }
}
