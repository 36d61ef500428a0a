//! What views ask of the owner: checked against the caller's rights, then done.

use std::collections::BTreeSet;
use std::sync::Arc;

use praya_ipc::{Request, Response, Target};
use praya_model::posture::Check;
use praya_model::profile::ProfileError;
use praya_model::{FailureCode, Profile, ProfileName};
use praya_session::{Begin, Event, Question};
use tokio::sync::oneshot;

use crate::handler::Asked;
use crate::owner::Owner;
use crate::{doctor, posture};

impl Owner {
    /// Carries a call out, or refuses it. The holder cannot change in between: this task alone changes it.
    pub(crate) async fn asked(&mut self, asked: Asked) {
        let Asked { call, reply } = asked;
        let (caller, request) = match call.authorised(self.holder, &self.parts.rules) {
            Ok(allowed) => allowed,
            Err(code) => return answer(reply, code.into()),
        };
        let Some(uid) = caller.uid() else { return answer(reply, FailureCode::NotPermitted.into()) };
        match request {
            // Answered from the watch, before they come here.
            Request::Snapshot | Request::Subscribe => {
                answer(reply, Response::Snapshot { snapshot: Box::new(self.snapshot()) });
            }
            Request::ListProfiles => {
                answer(reply, Response::Profiles { profiles: self.parts.profiles.list(uid) })
            }
            Request::AddProfile { profile, replace } => {
                let result = self.parts.profiles.add(uid, profile, replace);
                answer(reply, done(result));
            }
            Request::RemoveProfile { name } => {
                let result = self.parts.profiles.remove(uid, &name);
                answer(reply, done(result));
            }
            Request::BeginSignIn { target, account } => self.begin(uid, target, account, reply).await,
            Request::Answer { round, answer } => {
                self.tell_session(Event::Answer { round, answer }, reply).await
            }
            Request::CancelSignIn => self.end(uid, Event::CancelSignIn, reply).await,
            Request::Resources => self.ask(Question::Resources, reply).await,
            Request::ChangePassword { current, new } => {
                self.ask(Question::ChangePassword { current, new }, reply).await;
            }
            Request::Sessions => self.ask(Question::Sessions, reply).await,
            Request::EndSession { session } => self.ask(Question::EndSession(session), reply).await,
            Request::StayActive => self.ask(Question::StayActive, reply).await,
            Request::CheckAgain => self.tell_session(Event::CheckAgain, reply).await,
            Request::Connect => self.tell_session(Event::Connect, reply).await,
            Request::Disconnect => self.tell_session(Event::Disconnect, reply).await,
            Request::Logout { reason } => self.end(uid, Event::Logout { reason }, reply).await,
            Request::Doctor => self.examine(uid, reply),
            Request::ReadMachine { checks } => self.read_machine(checks, reply),
            Request::ResetNetwork => self.reset_network(reply).await,
        }
    }

    async fn begin(
        &mut self,
        uid: u32,
        target: Target,
        account: Option<String>,
        reply: oneshot::Sender<Response>,
    ) {
        let profile = match target {
            Target::Profile { name } => match self.parts.profiles.find(uid, &name) {
                Some(profile) => profile,
                None => {
                    return answer(reply, FailureCode::NoSuchProfile { name: name.to_string() }.into());
                }
            },
            Target::Gateway { address, pin } => match name_of(address.host()) {
                Ok(name) => Profile { name, gateway: address, pin },
                Err(problem) => return answer(reply, FailureCode::BadProfile { problem }.into()),
            },
        };
        if self.holder.is_none() {
            self.holder = Some(uid);
            self.last_holder = Some(uid);
            self.ended_by_administrator = false;
            self.profile = Some(profile.clone());
        }
        self.tell_session(Event::Begin(Begin { profile, account }), reply).await;
    }

    /// Ends the session or the sign-in; its holder learns if somebody else did.
    async fn end(&mut self, uid: u32, event: Event, reply: oneshot::Sender<Response>) {
        if let Some(holder) = self.holder {
            self.ended_by_administrator = holder != uid;
        }
        self.tell_session(event, reply).await;
        if !self.session.is_idle() {
            self.ended_by_administrator = false;
        }
    }

    /// Gives the session an event; what follows shows in the snapshot. When it takes the tunnel down, the answer
    /// waits until nothing of it is left.
    async fn tell_session(&mut self, event: Event, reply: oneshot::Sender<Response>) {
        self.take_rejection();
        self.torn_down = None;
        self.handle(event).await;
        if let Some(code) = self.take_rejection() {
            return answer(reply, code.into());
        }
        match self.torn_down.take() {
            Some(torn_down) => {
                tokio::spawn(async move {
                    let result = torn_down.await.unwrap_or(Err(FailureCode::ServiceUnavailable));
                    answer(reply, done(result));
                });
            }
            None => answer(reply, Response::Done),
        }
    }

    async fn ask(&mut self, question: Question, reply: oneshot::Sender<Response>) {
        let id = self.await_answer(reply);
        self.handle(Event::Ask { id, question }).await;
    }

    fn examine(&self, uid: u32, reply: oneshot::Sender<Response>) {
        let snapshot = self.snapshot();
        let only = || match self.parts.profiles.list(uid).as_slice() {
            [only] => Some(only.profile.clone()),
            _ => None,
        };
        let profile = self.profile.clone().or_else(only);
        let subject = doctor::Subject {
            gateway: profile.map(|profile| (profile.gateway, profile.pin)),
            inside: self.device.is_some(),
            resume: self.parts.resume.path().to_owned(),
            leftovers: self.parts.leftovers.get(),
            snapshot,
        };
        let gateways = Arc::clone(&self.parts.gateways);
        tokio::spawn(async move {
            let diagnosis = doctor::examine(subject, &gateways).await;
            answer(reply, Response::Diagnosis { diagnosis });
        });
    }

    /// One at a time: a reading takes threads and programs of the system.
    fn read_machine(&self, checks: BTreeSet<Check>, reply: oneshot::Sender<Response>) {
        let Ok(turn) = Arc::clone(&self.reading).try_acquire_owned() else {
            return answer(reply, FailureCode::Busy { retry_after_seconds: 2 }.into());
        };
        tokio::spawn(async move {
            let facts = posture::facts(checks).await.and_then(|facts| posture::in_json(&facts));
            drop(turn);
            answer(reply, facts.map_or_else(Response::from, |facts| Response::Machine { facts }));
        });
    }

    async fn reset_network(&mut self, reply: oneshot::Sender<Response>) {
        if self.has_network() {
            return answer(reply, FailureCode::TunnelUp.into());
        }
        self.tear_down().await;
        let torn_down = self.torn_down.take();
        tokio::spawn(async move {
            let result = match torn_down {
                Some(torn_down) => torn_down.await.unwrap_or(Err(FailureCode::ServiceUnavailable)),
                None => Ok(()),
            };
            answer(reply, done(result));
        });
    }
}

/// A name for a gateway that was given by its address.
fn name_of(host: &str) -> Result<ProfileName, ProfileError> {
    host.chars().take(64).collect::<String>().parse()
}

fn done(result: Result<(), FailureCode>) -> Response {
    match result {
        Ok(()) => Response::Done,
        Err(code) => code.into(),
    }
}

/// A view that went away does not wait for its answer.
fn answer(reply: oneshot::Sender<Response>, response: Response) {
    let _ = reply.send(response);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_given_by_its_address_is_named_after_it() {
        assert_eq!(name_of("vpn.example").unwrap().as_str(), "vpn.example");
        assert_eq!(name_of("2001:db8::1").unwrap().as_str(), "2001:db8::1");
        assert!(name_of(&"a".repeat(200)).is_ok());
    }
}
