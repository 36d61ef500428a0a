//! The other commands of the window and the tray.

use std::time::Duration;

use praya_ipc::{Diagnosis, Request, Response};
use praya_model::api::OwnSession;
use praya_model::posture::{self, Check, Finding};
use praya_model::snapshot::Snapshot;
use praya_model::{Failure, FailureCode, ResourceId, SignInStep};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::{Engine, unexpected};
use crate::clean;
use crate::commands::{
    ChangePassword, CopiedBecause, OneCheck, OneSession, Opened, ProgramCheck, ProgramWords, SetFavourite,
};
use crate::diagnostics;
use crate::link::Link;
use crate::memory::Person;
use crate::open::{self, Opening};
use crate::own_program::{OwnProgram, ProgramFault};
use crate::settings::{self, Setting, SettingKey};
use crate::system_page::{self, Surroundings, SystemPage, system_page};

/// How long the service's doctor is waited for when a report is made.
const DOCTOR: Duration = Duration::from_secs(20);

impl Engine {
    /// Brings a paused tunnel up or tries at once; looks for the service where that is what is missing.
    ///
    /// # Errors
    /// The service's refusal.
    pub async fn connect(&self) -> Result<(), Failure> {
        if self.model().is_attached() {
            return self.simply(Request::Connect).await;
        }
        self.0.link.try_now();
        Ok(())
    }

    /// Takes the tunnel down and keeps the session.
    ///
    /// # Errors
    /// The service's refusal.
    pub async fn disconnect(&self) -> Result<(), Failure> {
        self.simply(Request::Disconnect).await
    }

    /// Has the gateway judge this machine now.
    ///
    /// # Errors
    /// The service's refusal. What the gateway says comes with the state.
    pub async fn check_again(&self) -> Result<(), Failure> {
        self.simply(Request::CheckAgain).await
    }

    /// The checks that can be put right on a page of the system, where something is to be put right.
    pub(super) fn system_pages(&self, link: &Link) -> Vec<Check> {
        let Link::Attached { snapshot, .. } = link else { return Vec::new() };
        if findings(snapshot).next().is_none() {
            return Vec::new();
        }
        let here = self.surroundings();
        Check::ALL.into_iter().filter(|check| system_page(*check, &here).is_some()).collect()
    }

    fn surroundings(&self) -> Surroundings {
        let shell = &self.0.shell;
        let programs = system_page::programs().filter(|program| shell.has_program(program)).collect();
        Surroundings { os: shell.machine().os, desktop: shell.desktop(), programs }
    }

    /// Opens the page of the system's settings where a finding of this check is put right.
    ///
    /// # Errors
    /// [`FailureCode::SettingsNotOpened`].
    pub fn open_system_page(&self, of: OneCheck) -> Result<(), Failure> {
        let shell = &self.0.shell;
        let opened = match system_page(of.check, &self.surroundings()) {
            Some(SystemPage::Address(address)) => shell.open_settings(address),
            Some(SystemPage::Program { program, args }) => {
                let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
                shell.run(program, &args)
            }
            None => Err(std::io::ErrorKind::NotFound.into()),
        };
        opened.map_err(|error| {
            tracing::warn!(%error, check = ?of.check, "the system's settings cannot be opened");
            FailureCode::SettingsNotOpened.into()
        })
    }

    /// Opens the page with which the organisation explains a finding that is shown, as resources of the web are opened.
    ///
    /// # Errors
    /// [`FailureCode::BadResource`] where no finding leads there; or there is not even a clipboard.
    pub fn open_link(&self, link: &posture::Link) -> Result<Opened, Failure> {
        let plan = {
            let model = self.model();
            let leads_there = findings(model.snapshot()).any(|finding| finding.link.as_ref() == Some(link));
            let settings = model.settings.in_force();
            leads_there.then(|| open::web(link.as_str(), &settings)).flatten()
        };
        let plan = plan.ok_or_else(|| FailureCode::BadResource { name: link.as_str().to_owned() })?;
        self.carry_out(plan, link.as_str())
    }

    /// Says that the person is still there. A gateway that has no ear for it gets a packet that counts: one
    /// question to the name server inside.
    ///
    /// # Errors
    /// The session is over, or neither way is there.
    pub async fn stay(&self) -> Result<(), Failure> {
        let Err(failure) = self.simply(Request::StayActive).await else { return Ok(()) };
        let FailureCode::Protocol { .. } = failure.code else { return Err(failure) };
        let server =
            self.model().snapshot().tunnel.as_ref().and_then(|tunnel| tunnel.dns_servers.first().copied());
        let Some(server) = server else { return Err(failure) };
        let sent = async {
            let any: std::net::IpAddr = if server.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
            let socket = UdpSocket::bind((any, 0)).await?;
            socket.send_to(&QUESTION_FOR_THE_ROOT, (server, 53)).await
        };
        sent.await.map(drop).map_err(|_| failure)
    }

    /// Fetches the resource list anew.
    pub fn refresh_resources(&self) {
        self.change(|model| model.want_resources());
        self.fetch_if_wanted();
    }

    /// Opens a resource of the list.
    ///
    /// # Errors
    /// [`FailureCode::NoSuchResource`], or the address is not one of its kind, or there is not even a clipboard.
    pub async fn open_resource(&self, id: &ResourceId) -> Result<Opened, Failure> {
        let resource = self.resource(id)?;
        let settings = self.model().settings.in_force();
        let plan = open::plan(&resource, &settings, &self.0.shell.machine())?;
        let opened = self.carry_out(plan, &resource.address)?;
        if let Some(person) = self.person() {
            self.change(|model| model.memory.opened(&person, id));
            self.save_memory();
        }
        Ok(opened)
    }

    /// Carries a plan out; what cannot be opened is copied.
    fn carry_out(&self, plan: Opening, address: &str) -> Result<Opened, Failure> {
        let started = match plan {
            Opening::Url(url) => self.0.shell.open_url(&url).map(|()| Opened::Browser),
            Opening::Share(share) => {
                let program = "file manager".to_owned();
                self.0.shell.open_share(&share).map(|()| Opened::Program { program })
            }
            Opening::Program { program, args } => {
                self.0.shell.run(&program, &args).map(|()| Opened::Program { program })
            }
            Opening::Copy(address, reason) => self.0.shell.copy(&address).map(|()| Opened::Copied { reason }),
        };
        started.or_else(|error| {
            tracing::warn!(%error, "the address cannot be opened");
            self.copy(address)?;
            Ok(Opened::Copied { reason: CopiedBecause::NoProgram })
        })
    }

    /// Copies a resource's address.
    ///
    /// # Errors
    /// [`FailureCode::NoSuchResource`], or the address is none, or there is no clipboard.
    pub fn copy_address(&self, id: &ResourceId) -> Result<(), Failure> {
        let resource = self.resource(id)?;
        self.copy(open::address(&resource)?)
    }

    /// Marks a resource as a favourite, or no longer.
    ///
    /// # Errors
    /// [`FailureCode::NotSignedIn`].
    pub fn set_favourite(&self, favourite: &SetFavourite) -> Result<(), Failure> {
        let person = self.person().ok_or(FailureCode::NotSignedIn)?;
        self.change(|model| model.memory.set_favourite(&person, &favourite.id, favourite.on));
        self.save_memory();
        Ok(())
    }

    /// Changes the account's password.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub async fn change_password(&self, change: ChangePassword) -> Result<(), Failure> {
        self.simply(Request::ChangePassword { current: change.current, new: change.new }).await
    }

    /// The person's sessions, wherever they are.
    ///
    /// # Errors
    /// The gateway does not tell.
    pub async fn sessions(&self) -> Result<Vec<OwnSession>, Failure> {
        let answer = self.request(Request::Sessions).await?;
        let Response::Sessions { sessions } = answer else { return Err(unexpected()) };
        Ok(clean::sessions(sessions))
    }

    /// Ends another of the person's sessions.
    ///
    /// # Errors
    /// The gateway's refusal.
    pub async fn end_session(&self, session: OneSession) -> Result<(), Failure> {
        self.simply(Request::EndSession { session: session.session }).await
    }

    /// Draws with the graphics card again from the next start on.
    ///
    /// # Errors
    /// It cannot be arranged.
    pub fn draw_plainly(&self) -> Result<(), Failure> {
        let failed = |error: std::io::Error| FailureCode::Internal { detail: error.to_string() }.into();
        self.0.shell.draw_plainly().map_err(failed)
    }

    /// Puts the notices away.
    pub fn dismiss_notices(&self) {
        self.change(|model| model.notices.clear());
    }

    /// Changes a setting.
    ///
    /// # Errors
    /// [`FailureCode::NotPermitted`] where an administrator has fixed it; it cannot be saved.
    pub async fn set_setting(&self, setting: Setting) -> Result<(), Failure> {
        let wanted = {
            let model = self.model();
            if model.settings.managed_keys().contains(&setting.key()) {
                return Err(FailureCode::NotPermitted.into());
            }
            let mut wanted = model.settings.own.clone();
            wanted.set(setting.clone());
            wanted
        };
        let engine = self.clone();
        let is_start = setting.key() == SettingKey::StartAtLogin;
        let saved = tokio::task::spawn_blocking(move || {
            let _writing = engine.0.writing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            settings::save(&engine.0.paths.settings, &wanted)?;
            if is_start {
                engine.0.shell.start_at_login(wanted.start_at_login)?;
            }
            Ok::<_, std::io::Error>(())
        });
        let failed = |detail: String| Failure::from(FailureCode::Internal { detail });
        saved.await.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))?;
        let forgets = setting == Setting::RememberAccount(false);
        self.change(|model| {
            model.settings.own.set(setting);
            if forgets {
                model.memory.accounts.clear();
            }
        });
        if forgets {
            self.save_memory();
        }
        Ok(())
    }

    /// What is wrong with the words of a program that the person names to open resources with, if anything.
    pub fn check_program(&self, program: &ProgramWords) -> ProgramCheck {
        let fault = match OwnProgram::try_from(program.words.clone()) {
            Ok(own) if self.0.shell.has_program(own.program()) => None,
            Ok(_) => Some(ProgramFault::NotThere),
            Err(fault) => Some(fault),
        };
        ProgramCheck { fault }
    }

    /// Looks this machine over.
    ///
    /// # Errors
    /// The service does not answer, or refuses.
    pub async fn doctor(&self) -> Result<Diagnosis, Failure> {
        let answer = self.request(Request::Doctor).await?;
        let Response::Diagnosis { diagnosis } = answer else { return Err(unexpected()) };
        Ok(diagnosis)
    }

    /// What a report to the help desk would hold. The service's part is left out where it does not answer.
    pub async fn diagnostics(&self) -> String {
        let diagnosis = timeout(DOCTOR, self.doctor()).await.ok().and_then(Result::ok);
        let (state, record) = {
            let model = self.model();
            (model.draw(self.now()), model.record())
        };
        let report = diagnostics::report(&state, &self.0.shell.facts(), &record, diagnosis.as_ref());
        self.model().report = Some(report.clone());
        report
    }

    /// Saves the report that was read last, letter by letter and readable by the person alone, and says where.
    ///
    /// # Errors
    /// None was read, or it cannot be written.
    pub async fn save_diagnostics(&self) -> Result<String, Failure> {
        let unread = || FailureCode::Internal { detail: "no report was read".to_owned() };
        let text = self.model().report.clone().ok_or_else(unread)?;
        let path = self.0.paths.reports.join(format!("praya-diagnostics-{}.txt", self.now().as_secs()));
        let written = path.clone();
        let saved =
            tokio::task::spawn_blocking(move || crate::files::write_atomically(&written, text.as_bytes()))
                .await;
        let detail = match saved {
            Ok(Ok(())) => return Ok(path.display().to_string()),
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        Err(FailureCode::Internal { detail }.into())
    }

    pub(super) fn resource(&self, id: &ResourceId) -> Result<praya_model::Resource, Failure> {
        let found = self.model().resource(id);
        found.ok_or_else(|| FailureCode::NoSuchResource { name: id.to_string() }.into())
    }

    fn person(&self) -> Option<Person> {
        let model = self.model();
        model.lives().then(|| model.person()).flatten()
    }

    fn copy(&self, text: &str) -> Result<(), Failure> {
        let failed = |error: std::io::Error| FailureCode::Internal { detail: error.to_string() };
        self.0.shell.copy(text).map_err(|error| failed(error).into())
    }
}

/// What is to be put right on this machine, in the sign-in or in the session.
fn findings(snapshot: &Snapshot) -> impl Iterator<Item = &Finding> {
    let in_sign_in = match snapshot.sign_in.as_ref().and_then(|sign_in| sign_in.step.as_ref()) {
        Some(SignInStep::Posture { findings, .. }) => findings.as_slice(),
        _ => &[],
    };
    in_sign_in.iter().chain(snapshot.posture.iter().flat_map(|posture| &posture.findings))
}

/// `. IN NS`, as RFC 1035 writes it: the smallest question that a name server answers.
const QUESTION_FOR_THE_ROOT: [u8; 17] = [0x50, 0x59, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];
