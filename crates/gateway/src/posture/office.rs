//! What administrators do to policies and see of machines. The commands and the administrators' API are views of it.
//! Everything here blocks.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use data_encoding::HEXLOWER;
use praya_model::posture::{Check, Status};
use praya_model::{AccountName, GroupName, SessionId, Timestamp};
use praya_posture::day::Day;
use praya_posture::facts::HostFacts;
use praya_posture::policy::{Access, Complaint, Complaints, IAS, MODERN, Policy};
use praya_posture::support::{self, SupportTable};
use praya_posture::verdict::{DryRun, Seen, Verdict};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Book, SUPPORT};
use crate::audit::Audit;
use crate::store::{
    AuditEvent, Deletion, DeviceKey, MOST_POLICIES, MOST_POLICY_BYTES, MachineQuery, NewAudit, NotSaved,
    Outcome, Place, PolicyRow, Store, StoreError, VerdictRow,
};

/// How far back machines are seen: as long as verdicts are kept.
pub const KEPT_DAYS: u32 = 30;
/// The most of anything on one page.
pub const MOST_ON_A_PAGE: u32 = 200;
/// The policies that come with this release.
const BUILT_IN: [&str; 2] = [IAS, MODERN];
/// How many verdicts of one machine are shown.
const SHOWN: u32 = 20;
/// What to do where a dry run has nothing to run on.
const ADVICE: &str = "no machine was judged in that time; save the policy with enforce = false and put it into force: \
                      machines are then asked, and nothing follows for anybody. Run this again when some have signed in";
/// What to do where nothing of what there is can be read.
const UNREADABLE: &str = "machines were judged in that time, and this release can read nothing of what is kept of them; \
                          run this again when they have been judged anew";

/// An administrator at work.
#[derive(Clone, Copy, Debug)]
pub struct Office<'a> {
    /// The database.
    pub store: &'a Store,
    /// Who acts, for the audit.
    pub actor: &'a str,
    /// From where; absent at the gateway itself.
    pub source: Option<IpAddr>,
    /// When.
    pub now: Timestamp,
}

/// Why something was not done. Nothing was changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file has mistakes: all of them.
    #[error("{0}")]
    NotTaken(Complaints),
    /// Somebody else has saved the policy meanwhile.
    #[error("version {newest} of the policy is the newest now")]
    Outdated {
        /// The newest version; 0 where there is none.
        newest: u32,
    },
    /// No such policy or version.
    #[error("there is no such policy or version")]
    NoPolicy,
    /// A policy was not tried on every machine within the time that there is for it.
    #[error("there are too many machines to try a policy on them now")]
    TookTooLong,
    /// No such policy comes with this release.
    #[error("no such policy comes with this release")]
    NotBuiltIn,
    /// There is no room for another one.
    #[error("there are {MOST_POLICIES} policies already; save this one under the id of one of them")]
    TooManyPolicies,
    /// No room for another version.
    #[error("the policies take {MOST_POLICY_BYTES} bytes with this one; delete one that is needed no longer")]
    NoRoom,
    /// It is not in force.
    #[error("the policy is not in force")]
    NotInForce,
    /// It is in force.
    #[error("the policy is in force; take it out of force first")]
    InForce,
    /// No such machine.
    #[error("no machine of the last {KEPT_DAYS} days begins with that")]
    NoMachine,
    /// Too short a beginning.
    #[error("more than one machine begins with that")]
    SeveralMachines,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A policy that is sound.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// Its id.
    pub id: String,
    /// Always; for whoever reads only the output.
    pub good: bool,
    /// Whether it is enforced, or only tried.
    pub enforce: bool,
    /// What it reads of a machine.
    pub reads: Vec<Check>,
    /// Groups and resources that it names and this gateway does not know: spelt wrong, or not made yet.
    pub unknown: Vec<String>,
}

/// A policy that was saved.
#[derive(Clone, Debug, Serialize)]
pub struct Saved {
    /// Its id.
    pub id: String,
    /// The version that it is.
    pub version: u32,
    /// As [`Checked::unknown`].
    pub unknown: Vec<String>,
}

/// A policy that comes with this release. It judges nobody: it is there to be saved, as it is or changed.
#[derive(Clone, Debug, Serialize)]
pub struct BuiltIn {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The policy.
    pub text: &'static str,
}

/// A version of a policy.
#[derive(Clone, Debug, Serialize)]
pub struct PolicyShown {
    /// Its id.
    pub id: String,
    /// Which version.
    pub version: u32,
    /// Its name for people; absent where this release cannot read it.
    pub name: Option<String>,
    /// Whether it is in force.
    pub active: bool,
    /// Whether it is enforced, or only tried; absent where this release cannot read it.
    pub enforce: Option<bool>,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// By whom.
    pub saved_by: String,
    /// The policy as it was saved, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// What a policy would have said.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// How many machines of how many days it was tried on.
    pub machines: u32,
    /// In days.
    pub days: u32,
    /// How many more were left out, because what is kept of them cannot be read.
    pub unreadable: u32,
    /// What came of it.
    #[serde(flatten)]
    pub run: DryRun,
    /// What to do where there was no machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<&'static str>,
}

/// Which machines to see.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// With this verdict; or that would have it if every policy were enforced.
    pub status: Option<Status>,
    /// Of this person.
    pub person: Option<AccountName>,
    /// Beyond this place.
    pub after: Option<Place>,
    /// At most so many, and at most [`MOST_ON_A_PAGE`].
    pub limit: u32,
}

/// Some machines.
#[derive(Clone, Debug, Default, Serialize)]
pub struct MachinesShown {
    /// Every machine and person with the newest verdict, in an order that stays when they are judged again.
    pub machines: Vec<VerdictShown>,
    /// How many were left out, because what is kept of them cannot be read.
    pub unreadable: u32,
    /// Where the list goes on.
    #[serde(skip)]
    pub next: Option<Place>,
}

/// One machine.
#[derive(Clone, Debug, Serialize)]
pub struct MachineShown {
    /// Its name, which follows from its key.
    pub device: String,
    /// The newest verdicts, the newest first, with what was reported for it.
    pub verdicts: Vec<VerdictShown>,
    /// How many were left out, because they cannot be read.
    pub unreadable: u32,
}

/// A verdict over a machine.
#[derive(Clone, Debug, Serialize)]
pub struct VerdictShown {
    /// The machine's name, which follows from its key.
    pub device: String,
    /// Its name as it gave it.
    pub host_name: String,
    /// Who was using it.
    pub person: AccountName,
    /// In which session.
    pub session: Option<SessionId>,
    /// Where the report came from.
    pub source: IpAddr,
    /// Its system by its own word.
    pub system: Option<String>,
    /// How long that is supported, by the table that is in force now; absent where the table does not know it.
    pub support: Option<SupportEnd>,
    /// The verdict.
    pub verdict: Verdict,
    /// What was reported, with the newest one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<HostFacts>,
}

/// How long a system is supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SupportEnd {
    /// The last day; absent where no end has been announced.
    pub ends: Option<Day>,
    /// The last day of long-term or paid support, where there is such.
    pub extended: Option<Day>,
    /// Whether the last day of ordinary support is over.
    pub over: bool,
}

/// The table of support dates in force.
#[derive(Clone, Debug, Serialize)]
pub struct SupportShown {
    /// When somebody last looked the dates up; absent where this release cannot read the table.
    pub as_of: Option<Day>,
    /// Whether it is this release's.
    pub built_in: bool,
    /// Why this release cannot read the table: who is judged by it reaches nothing until it is mended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<String>,
    /// The table as it was saved.
    #[serde(skip)]
    pub text: String,
}

type Result<T, E = Problem> = std::result::Result<T, E>;

impl Office<'_> {
    /// Reads a policy and says everything that is wrong with it.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn check(&self, text: &str) -> Result<Checked> {
        let policy = sound(text)?;
        Ok(Checked {
            good: true,
            enforce: policy.enforce,
            reads: policy.checks().into_iter().collect(),
            unknown: self.unknown_names(&policy)?,
            id: policy.id,
        })
    }

    /// Saves a policy as its next version, under the id that it gives itself. With `named` that must be its id, with
    /// `newest` that must be its newest version so far, 0 standing for none.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn save(&self, text: &str, named: Option<&str>, newest: Option<u32>) -> Result<Saved> {
        let policy = sound(text)?;
        if let Some(named) = named.filter(|named| *named != policy.id) {
            let problem = format!("must be {named:?}, under which it is saved");
            let complaint = Complaint { at: None, field: "id".to_owned(), problem };
            return Err(Problem::NotTaken(Complaints::one(complaint)));
        }
        let unknown = self.unknown_names(&policy)?;
        let saved = self.store.save_policy_after(&policy.id, newest, text, self.actor, self.now)?;
        let version = saved.map_err(|why| match why {
            NotSaved::Outdated(newest) => Problem::Outdated { newest },
            NotSaved::TooMany => Problem::TooManyPolicies,
            NotSaved::TooLong => Problem::NoRoom,
        })?;
        self.changed("saved", json!({ "policy": policy.id, "version": version, "sha256": sha256(text) }))?;
        Ok(Saved { id: policy.id, version, unknown })
    }

    /// So many versions of policies beyond that one, by name and version.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn policies(&self, after: (&str, u32), limit: u32) -> Result<Vec<PolicyShown>> {
        let rows = self.store.policies_after(after, limit.min(MOST_ON_A_PAGE))?;
        Ok(rows.into_iter().map(|row| PolicyShown::of(row, false)).collect())
    }

    /// A version of a policy with its text; without one, that in force, or else the newest.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn policy(&self, id: &str, version: Option<u32>) -> Result<PolicyShown> {
        let row = self.store.policy(id, version)?.ok_or(Problem::NoPolicy)?;
        Ok(PolicyShown::of(row, true))
    }

    /// Puts a version into force in place of the present one; without one, the newest. Which it is.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn activate(&self, id: &str, version: Option<u32>) -> Result<u32> {
        let version = match version {
            Some(version) => version,
            None => self.store.newest_policy(id)?,
        };
        let row = self.store.policy(id, Some(version))?.ok_or(Problem::NoPolicy)?;
        // What an older program saved, or a newer one, this one may not understand.
        sound(&row.text)?;
        let version = self.store.activate_policy(id, Some(version))?.ok_or(Problem::NoPolicy)?;
        let sha256 = sha256(&row.text);
        self.changed("activated", json!({ "policy": id, "version": version, "sha256": sha256 }))?;
        Ok(version)
    }

    /// Takes a policy out of force.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn deactivate(&self, id: &str) -> Result<()> {
        let version = self.store.deactivate_policy(id)?.ok_or(Problem::NotInForce)?;
        self.changed("deactivated", json!({ "policy": id, "version": version }))
    }

    /// Deletes a policy that is not in force, in all its versions. Verdicts by it stay.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn delete(&self, id: &str) -> Result<()> {
        match self.store.delete_policy(id)? {
            Deletion::Done(newest) => self.changed("deleted", json!({ "policy": id, "newest": newest })),
            Deletion::InForce => Err(Problem::InForce),
            Deletion::NotThere => Err(Problem::NoPolicy),
        }
    }

    /// What a policy would have said of the machines of the last `days`, if it were enforced. It is given up at `until`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn dry_run(&self, text: &str, days: u32, until: Option<Instant>) -> Result<Tried> {
        let policy = sound(text)?;
        let table = Book::load(self.store)?.support;
        let mut tried = Tried { machines: 0, days, unreadable: 0, run: DryRun::default(), advice: None };
        let mut query =
            MachineQuery { since: self.since(days), limit: MOST_ON_A_PAGE, ..MachineQuery::default() };
        loop {
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(Problem::TookTooLong);
            }
            let page = self.store.machines_page(&query)?;
            let mut seen = Vec::new();
            for VerdictRow { found, .. } in page.verdicts.rows {
                let groups: Vec<GroupName> =
                    self.store.groups_of(&found.account)?.into_iter().map(|group| group.name).collect();
                seen.push(Seen { facts: found.facts, groups, at: found.verdict.evaluated_at });
            }
            tried.run.add(&policy, &seen, &table);
            tried.machines = tried.machines.saturating_add(u32::try_from(seen.len()).unwrap_or(u32::MAX));
            tried.unreadable = tried.unreadable.saturating_add(page.verdicts.unreadable);
            let Some(next) = page.next else { break };
            query.after = Some(next);
        }
        tried.advice = match (tried.machines, tried.unreadable) {
            (0, 0) => Some(ADVICE),
            (0, _) => Some(UNREADABLE),
            _ => None,
        };
        Ok(tried)
    }

    /// The machines that are `wanted`.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn machines(&self, wanted: Wanted) -> Result<MachinesShown> {
        let Wanted { status, person, after, limit } = wanted;
        let limit = limit.clamp(1, MOST_ON_A_PAGE);
        let query = MachineQuery { since: self.since(KEPT_DAYS), status, account: person, after, limit };
        let page = self.store.machines_page(&query)?;
        let table = Book::load(self.store)?.support;
        Ok(MachinesShown {
            machines: page.verdicts.rows.into_iter().map(|row| self.shown(row, &table, false)).collect(),
            unreadable: page.verdicts.unreadable,
            next: page.next,
        })
    }

    /// The machine whose name begins like that.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn machine(&self, device: &str) -> Result<MachineShown> {
        let mut keys = self.store.devices_judged(self.since(KEPT_DAYS))?;
        keys.retain(|key| !device.is_empty() && key.short().starts_with(device));
        let key = match keys[..] {
            [key] => key,
            [] => return Err(Problem::NoMachine),
            [_, ..] => return Err(Problem::SeveralMachines),
        };
        let found = self.store.verdicts_of(&key, SHOWN)?;
        let table = Book::load(self.store)?.support;
        let verdicts = found.rows.into_iter().enumerate();
        Ok(MachineShown {
            device: key.short(),
            verdicts: verdicts.map(|(place, row)| self.shown(row, &table, place == 0)).collect(),
            unreadable: found.unreadable,
        })
    }

    /// The table of support dates in force.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn support(&self) -> Result<SupportShown> {
        let own = self.store.setting(SUPPORT)?.filter(|text| !text.is_empty());
        let built_in = own.is_none();
        let text = own.unwrap_or_else(|| support::BUILT_IN.to_owned());
        let (as_of, unreadable) = match SupportTable::from_toml(&text) {
            Ok(table) => (Some(table.as_of), None),
            Err(complaints) => (None, Some(complaints.to_string())),
        };
        Ok(SupportShown { as_of, built_in, unreadable, text })
    }

    /// Judges by this table from now on; without one, by that of this release.
    ///
    /// # Errors
    /// [`Problem`].
    pub fn set_support(&self, text: Option<&str>) -> Result<SupportShown> {
        let (code, detail) = match text {
            Some(text) => {
                let table = SupportTable::from_toml(text).map_err(Problem::NotTaken)?;
                ("support_dates_saved", json!({ "as_of": table.as_of, "sha256": sha256(text) }))
            }
            None => ("support_dates_built_in", Value::Null),
        };
        self.store.set_setting(SUPPORT, text.unwrap_or_default())?;
        self.changed(code, detail)?;
        self.support()
    }

    fn since(&self, days: u32) -> Timestamp {
        self.now.before(Duration::from_secs(u64::from(days.min(KEPT_DAYS)) * 86_400))
    }

    fn shown(&self, row: VerdictRow, table: &SupportTable, with_facts: bool) -> VerdictShown {
        let found = row.found;
        let os = found.facts.os.value().ok();
        let support = os.and_then(|os| table.of(os)).map(|support| SupportEnd {
            ends: support.ends,
            extended: support.extended,
            over: support.ends.is_some_and(|day| self.now >= day.end()),
        });
        VerdictShown {
            device: DeviceKey::short(&found.device),
            host_name: found.host_name,
            person: found.account,
            session: found.session,
            source: found.source,
            system: os.map(|os| os.title.clone()),
            support,
            verdict: found.verdict,
            facts: with_facts.then_some(found.facts),
        }
    }

    fn unknown_names(&self, policy: &Policy) -> Result<Vec<String>> {
        let (groups, resources) = (self.store.groups()?, self.store.resources()?);
        let mut unknown = Vec::new();
        for name in &policy.applies_to.groups {
            if !groups.iter().any(|group| group.name == *name) {
                unknown.push(format!("group {name}"));
            }
        }
        for access in [&policy.on_fail, &policy.without_report] {
            let Access::Limit(names) = access else { continue };
            for id in names.iter().filter(|id| !resources.iter().any(|resource| resource.id == **id)) {
                let name = format!("resource {id}");
                if !unknown.contains(&name) {
                    unknown.push(name);
                }
            }
        }
        Ok(unknown)
    }

    fn changed(&self, code: &str, detail: Value) -> Result<()> {
        let record = NewAudit {
            source: self.source,
            code: Some(code.to_owned()),
            detail,
            ..NewAudit::new(self.now, AuditEvent::PolicyChanged, Outcome::Ok, self.actor)
        };
        Audit::new(self.store.clone()).append(&record)?;
        Ok(())
    }
}

impl PolicyShown {
    fn of(row: PolicyRow, with_text: bool) -> Self {
        let read = Policy::from_toml(&row.text).ok();
        let PolicyRow { id, version, text, active, saved_at, saved_by } = row;
        let enforce = read.as_ref().map(|policy| policy.enforce);
        let name = read.map(|policy| policy.name);
        Self { id, version, name, active, enforce, saved_at, saved_by, text: with_text.then_some(text) }
    }
}

/// The policies that come with this release.
pub fn built_in() -> Vec<BuiltIn> {
    let policies =
        BUILT_IN.into_iter().filter_map(|text| Policy::from_toml(text).ok().map(|read| (read, text)));
    policies.map(|(Policy { id, name, .. }, text)| BuiltIn { id, name, text }).collect()
}

/// That one of the policies that come with this release.
///
/// # Errors
/// [`Problem::NotBuiltIn`].
pub fn built_in_policy(id: &str) -> Result<BuiltIn> {
    built_in().into_iter().find(|policy| policy.id == id).ok_or(Problem::NotBuiltIn)
}

/// Tells one text from another in the audit, where no text stands.
fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn sound(text: &str) -> Result<Policy> {
    Policy::from_toml(text).map_err(Problem::NotTaken)
}
