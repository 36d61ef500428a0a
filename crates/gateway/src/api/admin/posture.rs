//! Policies for machines, and what was found of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use data_encoding::HEXLOWER;
use praya_identity::account::fold_name;
use praya_model::AccountName;
use praya_model::posture::Status;
use serde::{Deserialize, Serialize};

use super::caller::{Caller, Named, Optional, Params, Read, Toml, Write};
use super::failure::AdminFailure;
use crate::api::Front;
use crate::posture::office::{
    self, BuiltIn, KEPT_DAYS, MOST_ON_A_PAGE, MachineShown, MachinesShown, PolicyShown, Problem, Saved,
    SupportShown, Tried, Wanted,
};
use crate::store::{DeviceKey, Place};

/// How many are on a page where the caller does not say.
const ON_A_PAGE: u32 = 100;
/// How long a policy is tried; less than an answer may take.
const TRIAL_TIME: Duration = Duration::from_secs(30);
/// Digits in the name of a machine: all of them, or as many as earlier releases wrote.
const DEVICE: [usize; 2] = [32, 16];

type Answer<T> = Result<Json<T>, AdminFailure>;

/// Which part of a list.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Page {
    after: Option<String>,
    limit: Option<u32>,
}

/// Which part of the list of machines. (`serde` cannot flatten what a query holds.)
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MachinePage {
    status: Option<Status>,
    person: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// Which version.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Version {
    version: Option<u32>,
}

/// After which version.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct After {
    after: Option<u32>,
}

/// Of how many days.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Days {
    days: Option<u32>,
}

/// Some policies.
#[derive(Serialize)]
pub(super) struct Policies {
    policies: Vec<PolicyShown>,
    next: Option<String>,
}

/// Some machines.
#[derive(Serialize)]
pub(super) struct Machines {
    #[serde(flatten)]
    page: MachinesShown,
    next: Option<String>,
}

/// Whether a policy is in force.
#[derive(Serialize)]
pub(super) struct InForce {
    id: String,
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
}

/// That a policy is gone.
#[derive(Serialize)]
pub(super) struct Deleted {
    id: String,
    deleted: bool,
}

/// The policies that come with this release.
#[derive(Serialize)]
pub(super) struct BuiltIns {
    policies: Vec<BuiltIn>,
}

/// The table of support dates with its text.
#[derive(Serialize)]
pub(super) struct Support {
    #[serde(flatten)]
    table: SupportShown,
    text: String,
}

pub(super) async fn policies(
    State(front): State<Front>,
    caller: Caller<Read>,
    Params(Page { after, limit }): Params<Page>,
) -> Answer<Policies> {
    let limit = limit_of(limit)?;
    let (id, version) = match &after {
        None => (String::new(), 0),
        Some(place) => place
            .rsplit_once('.')
            .and_then(|(id, version)| Some((id.to_owned(), version.parse().ok()?)))
            .ok_or_else(|| no_place(place))?,
    };
    let policies = caller.does(&front, move |office| office.policies((&id, version), limit)).await?;
    let full = u32::try_from(policies.len()).is_ok_and(|count| count == limit);
    let last = policies.last().filter(|_| full);
    let next = last.map(|policy| format!("{}.{}", policy.id, policy.version));
    Ok(Json(Policies { policies, next }))
}

pub(super) async fn policy(
    State(front): State<Front>,
    caller: Caller<Read>,
    Named(id): Named,
    Params(Version { version }): Params<Version>,
) -> Answer<PolicyShown> {
    caller.does(&front, move |office| office.policy(&id, version)).await.map(Json)
}

pub(super) async fn save(
    State(front): State<Front>,
    caller: Caller<Write>,
    Named(id): Named,
    Params(After { after }): Params<After>,
    Toml(text): Toml,
) -> Answer<Saved> {
    caller.does(&front, move |office| office.save(&text, Some(&id), after)).await.map(Json)
}

pub(super) async fn activate(
    State(front): State<Front>,
    caller: Caller<Write>,
    Named(id): Named,
    Optional(Version { version }): Optional<Version>,
) -> Answer<InForce> {
    let activated = caller.does(&front, move |office| {
        let version = office.activate(&id, version)?;
        Ok(InForce { id, active: true, version: Some(version) })
    });
    activated.await.map(Json)
}

pub(super) async fn deactivate(
    State(front): State<Front>,
    caller: Caller<Write>,
    Named(id): Named,
) -> Answer<InForce> {
    let deactivated = caller.does(&front, move |office| {
        office.deactivate(&id)?;
        Ok(InForce { id, active: false, version: None })
    });
    deactivated.await.map(Json)
}

pub(super) async fn dry_run(
    State(front): State<Front>,
    caller: Caller<Read>,
    Params(Days { days }): Params<Days>,
    Toml(text): Toml,
) -> Answer<Tried> {
    let days = days.unwrap_or(KEPT_DAYS);
    if !(1..=KEPT_DAYS).contains(&days) {
        return Err(AdminFailure::BadRequest(format!("days must be 1 to {KEPT_DAYS}")));
    }
    let trials = Arc::clone(&front.administrators.0.trials);
    let trial = trials.try_acquire_owned().map_err(|_| AdminFailure::Busy)?;
    let until = Some(Instant::now() + TRIAL_TIME);
    let tried = caller.does(&front, move |office| {
        let _trial = trial;
        office.dry_run(&text, days, until)
    });
    tried.await.map(Json)
}

pub(super) async fn machines(
    State(front): State<Front>,
    caller: Caller<Read>,
    Params(page): Params<MachinePage>,
) -> Answer<Machines> {
    let MachinePage { status, person, after, limit } = page;
    let after = match after {
        Some(text) => Some(place_of(&text).ok_or_else(|| no_place(&text))?),
        None => None,
    };
    let person = person.map(|name| fold_name(&name)).transpose();
    let person = person.map_err(|error| AdminFailure::BadRequest(format!("person: {error}")))?;
    let wanted = Wanted { status, person, after, limit: limit_of(limit)? };
    let page = caller.does(&front, move |office| office.machines(wanted)).await?;
    let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
    let next = page
        .next
        .as_ref()
        .map(|Place(device, person)| format!("{}-{}", hex(&device.0), hex(person.as_str().as_bytes())));
    Ok(Json(Machines { page, next }))
}

pub(super) async fn machine(
    State(front): State<Front>,
    caller: Caller<Read>,
    Named(device): Named,
) -> Answer<MachineShown> {
    if !DEVICE.contains(&device.len()) {
        return Err(Problem::NoMachine.into());
    }
    caller.does(&front, move |office| office.machine(&device)).await.map(Json)
}

pub(super) async fn delete(
    State(front): State<Front>,
    caller: Caller<Write>,
    Named(id): Named,
) -> Answer<Deleted> {
    let deleted = caller.does(&front, move |office| {
        office.delete(&id)?;
        Ok(Deleted { id, deleted: true })
    });
    deleted.await.map(Json)
}

pub(super) async fn built_in(_: Caller<Read>) -> Json<BuiltIns> {
    Json(BuiltIns { policies: office::built_in() })
}

pub(super) async fn built_in_policy(_: Caller<Read>, Named(id): Named) -> Answer<BuiltIn> {
    Ok(Json(office::built_in_policy(&id)?))
}

pub(super) async fn support(State(front): State<Front>, caller: Caller<Read>) -> Answer<Support> {
    caller.does(&front, |office| office.support().map(Support::from)).await.map(Json)
}

pub(super) async fn set_support(
    State(front): State<Front>,
    caller: Caller<Write>,
    Toml(text): Toml,
) -> Answer<Support> {
    caller.does(&front, move |office| office.set_support(Some(&text)).map(Support::from)).await.map(Json)
}

pub(super) async fn support_built_in(State(front): State<Front>, caller: Caller<Write>) -> Answer<Support> {
    caller.does(&front, |office| office.set_support(None).map(Support::from)).await.map(Json)
}

impl From<SupportShown> for Support {
    fn from(table: SupportShown) -> Self {
        Self { text: table.text.clone(), table }
    }
}

/// A place in the list of machines as it is sent: in letters and digits, whatever the person's name holds.
fn place_of(text: &str) -> Option<Place> {
    let (device, person) = text.split_once('-')?;
    let device = HEXLOWER.decode(device.as_bytes()).ok()?.try_into().ok()?;
    let person = String::from_utf8(HEXLOWER.decode(person.as_bytes()).ok()?).ok()?;
    Some(Place(DeviceKey(device), AccountName::new(person)))
}

fn limit_of(limit: Option<u32>) -> Result<u32, AdminFailure> {
    let limit = limit.unwrap_or(ON_A_PAGE);
    if (1..=MOST_ON_A_PAGE).contains(&limit) {
        Ok(limit)
    } else {
        Err(AdminFailure::BadRequest(format!("limit must be 1 to {MOST_ON_A_PAGE}")))
    }
}

fn no_place(text: &str) -> AdminFailure {
    AdminFailure::BadRequest(format!("{text:?} is no place in this list; give the next of the page before"))
}
