//! The gateways that the person may choose from, and the invitations to others.

use praya_ipc::Request;
use praya_model::profile::InvitationError;
use praya_model::{Failure, FailureCode, Profile, ProfileName};

use super::Engine;
use super::model::Model;
use crate::commands::{AddProfile, InvitationText, PinProfile};
use crate::invitation::Invitation;

impl Engine {
    /// Adds a gateway and chooses it.
    ///
    /// # Errors
    /// [`FailureCode::BadProfile`], or the service's refusal.
    pub async fn add_profile(&self, add: AddProfile) -> Result<(), Failure> {
        self.store_profile(add.into_profile()?).await
    }

    /// Stores what is new; nothing that the window does replaces a gateway.
    async fn store_profile(&self, profile: Profile) -> Result<(), Failure> {
        let name = profile.name.clone();
        self.simply(Request::AddProfile { profile, replace: false }).await?;
        self.fetch_profiles().await?;
        self.choose_profile(name);
        Ok(())
    }

    /// Stores the key of one of the person's own gateways that has none yet. A key that is there is never exchanged,
    /// and the administrator's gateways are left alone.
    ///
    /// # Errors
    /// [`FailureCode::NoSuchProfile`], [`FailureCode::NotPermitted`], or the service's refusal.
    pub async fn pin_profile(&self, PinProfile { name, pin }: PinProfile) -> Result<(), Failure> {
        self.fetch_profiles().await?;
        let known = self.model().profiles.iter().find(|known| known.profile.name == name).cloned();
        let known = known.ok_or_else(|| FailureCode::NoSuchProfile { name: name.to_string() })?;
        if known.shared || known.profile.pin.is_some() {
            return Err(FailureCode::NotPermitted.into());
        }
        let profile = Profile { pin: Some(pin), ..known.profile };
        self.simply(Request::AddProfile { profile, replace: true }).await?;
        self.fetch_profiles().await
    }

    /// The person looks at the window: what other views may have changed meanwhile is read anew.
    pub fn looked_at(&self) {
        if self.model().is_attached() {
            let engine = self.clone();
            tokio::spawn(async move {
                if let Err(failure) = engine.fetch_profiles().await {
                    tracing::debug!(code = ?failure.code, "the profiles cannot be listed");
                }
            });
        }
    }

    /// Forgets a gateway.
    ///
    /// # Errors
    /// The service's refusal: a shared one is the administrator's.
    pub async fn remove_profile(&self, name: ProfileName) -> Result<(), Failure> {
        self.simply(Request::RemoveProfile { name }).await?;
        self.fetch_profiles().await
    }

    /// Chooses the gateway that the sign-in screen is for.
    pub fn choose_profile(&self, name: ProfileName) {
        self.change(|model| model.memory.chosen = Some(name));
        self.save_memory();
    }

    /// Reads a link or profile file and shows it for confirmation. While one is shown no other takes its place, so that
    /// what the person agrees to is what they have read.
    ///
    /// # Errors
    /// [`FailureCode::BadInvitation`] with what is wrong.
    pub fn read_invitation(&self, text: &InvitationText) -> Result<Invitation, Failure> {
        let invitation = Invitation::read(&text.text)?;
        self.change(|model| {
            if model.invitation.as_ref().is_some_and(|shown| *shown != invitation) {
                return Err(InvitationError::AnotherWaits.into());
            }
            model.invitation = Some(invitation.clone());
            model.invitation_refused = None;
            Ok(invitation)
        })
    }

    /// As [`Engine::read_invitation`], for a link or file that was opened outside the window: what is wrong with it
    /// shows in the state.
    pub fn invited(&self, text: String) {
        if let Err(failure) = self.read_invitation(&InvitationText { text }) {
            self.change(|model| model.invitation_refused = Some(failure));
        }
    }

    /// Adds the gateway of the invitation that the person was shown, and chooses it.
    ///
    /// # Errors
    /// [`InvitationError::NotShown`] when it is not the one that is shown, or the service's refusal.
    pub async fn accept_invitation(&self, shown: Invitation) -> Result<(), Failure> {
        if self.model().invitation.as_ref() != Some(&shown) {
            return Err(InvitationError::NotShown.into());
        }
        self.store_profile(shown.clone().into_profile()?).await?;
        // The person may have put it away meanwhile and be reading another.
        self.change(|model| {
            if model.invitation.as_ref() == Some(&shown) {
                model.put_invitation_away();
            }
        });
        Ok(())
    }

    /// Puts the invitation that is shown away, and why another one was refused.
    pub fn dismiss_invitation(&self) {
        self.change(Model::put_invitation_away);
    }
}
