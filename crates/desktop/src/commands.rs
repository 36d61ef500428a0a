//! The commands that the window may give: their arguments, their results, and the TypeScript that calls them.
//!
//! The list is written once, in [`COMMANDS`]' macro. From it come the names that the shell registers and permits, and
//! the file `commands.ts` that the window imports; a test fails when that file is not what the list says.

use praya_ipc::Target;
use praya_model::posture::{Check, Link};
use praya_model::profile::ProfileError;
use praya_model::{Pin, Profile, ProfileName, ResourceId, Secret, SessionId, SignInAnswer};
use serde::{Deserialize, Serialize};

use crate::invitation::Invitation;
use crate::own_program::ProgramFault;

/// Begins to sign in.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct BeginSignIn {
    /// Where.
    pub target: Target,
    /// The account as typed.
    pub account: String,
    /// The password exactly as typed, where one screen asks for both; it answers the first question if that is for the
    /// password, and is forgotten otherwise.
    pub password: Option<Secret>,
}

/// Answers the question under way.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Answer {
    /// The round of the question that is answered.
    pub round: u32,
    /// The answer.
    pub answer: SignInAnswer,
}

/// Ends the session.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Logout {
    /// The app goes as well (*Exit*, A-29).
    pub exit: bool,
}

/// Names a resource of the list.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OneResource {
    /// Its identifier.
    pub id: ResourceId,
}

/// Names a check of this machine.
#[derive(Clone, Copy, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OneCheck {
    /// Which.
    pub check: Check,
}

/// Names the page that explains a finding.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OneLink {
    /// Its address.
    pub link: Link,
}

/// Marks a resource as a favourite, or no longer.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct SetFavourite {
    /// Its identifier.
    pub id: ResourceId,
    /// Whether it is one.
    pub on: bool,
}

/// Changes the account's password.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ChangePassword {
    /// The password in force.
    pub current: Secret,
    /// The new one.
    pub new: Secret,
}

/// Names one of the person's sessions.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OneSession {
    /// Its identifier.
    pub session: SessionId,
}

/// Adds a gateway as the person typed it (B-22). The texts are checked here and refused with a reason.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AddProfile {
    /// The gateway's address.
    pub gateway: String,
    /// The name; empty names it after the gateway.
    pub name: String,
    /// The key that vouches for it, `pin-sha256:…`; empty means that the public roots must.
    pub pin: String,
}

impl AddProfile {
    /// The profile.
    ///
    /// # Errors
    /// What is wrong.
    pub fn into_profile(self) -> Result<Profile, ProfileError> {
        let name = Some(self.name.trim()).filter(|name| !name.is_empty());
        let pin = Some(self.pin.trim()).filter(|pin| !pin.is_empty());
        let typed = Invitation {
            gateway: crate::fold::account(&self.gateway).parse()?,
            name: name.map(str::parse::<ProfileName>).transpose()?,
            pin: pin.map(str::parse::<Pin>).transpose()?,
        };
        typed.into_profile()
    }
}

/// Stores the key of one of the person's own gateways that has none yet.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct PinProfile {
    /// The gateway's name.
    pub name: ProfileName,
    /// The key, as it was handed out.
    pub pin: Pin,
}

/// Names a profile.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct OneProfile {
    /// Its name.
    pub name: ProfileName,
}

/// A link, or the text of a profile file, to read.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct InvitationText {
    /// The text.
    pub text: String,
}

/// How a resource was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(tag = "opened", rename_all = "snake_case")]
pub enum Opened {
    /// In the browser.
    Browser,
    /// With a program.
    Program {
        /// Its name.
        program: String,
    },
    /// Its address was copied instead.
    Copied {
        /// Why.
        reason: CopiedBecause,
    },
}

/// A program that the person names to open resources with, and its arguments.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ProgramWords {
    /// The program first; see [`crate::own_program`].
    pub words: Vec<String>,
}

/// Whether resources can be opened with a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct ProgramCheck {
    /// What stands against it.
    pub fault: Option<ProgramFault>,
}

/// Why an address was copied instead of opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum CopiedBecause {
    /// The settings say so.
    Chosen,
    /// No program that could open it was found.
    NoProgram,
    /// Resources of this kind are not opened by the app.
    Kind,
}

/// A command as the window sees it.
#[derive(Clone, Copy, Debug)]
pub struct Command {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// The TypeScript type of its arguments.
    pub arguments: Option<&'static str>,
    /// The TypeScript type of its result.
    pub result: &'static str,
}

macro_rules! commands {
    ($($(#[doc = $what:literal])+ $name:ident($($arguments:ident)?) -> $result:literal;)*) => {
        /// Every command.
        pub const COMMANDS: &[Command] = &[$(Command {
            name: stringify!($name),
            what: concat!($($what),+),
            arguments: commands!(@arguments $($arguments)?),
            result: $result,
        }),*];

        /// Calls `$callback!` with the names of all commands, for whoever registers them.
        #[macro_export]
        macro_rules! for_all_commands {
            ($callback:ident) => { $callback!($($name),*) };
        }
    };
    (@arguments) => { None };
    (@arguments $arguments:ident) => { Some(stringify!($arguments)) };
}

commands! {
    /// The state of things; the event `state` brings every change.
    state() -> "AppState";
    /// Begins to sign in.
    begin_sign_in(BeginSignIn) -> "null";
    /// Answers the question under way.
    answer(Answer) -> "null";
    /// Gives up the sign-in.
    cancel_sign_in() -> "null";
    /// Brings a paused tunnel up, or tries again at once.
    connect() -> "null";
    /// Takes the tunnel down and keeps the session.
    disconnect() -> "null";
    /// Ends the session, and the app as well where that is wanted; why that failed stands in the state.
    logout(Logout) -> "null";
    /// Puts away that *Exit* could not end the session; app and session stay.
    stay_after_all() -> "null";
    /// Says that the person is still there: the idle time starts anew.
    stay() -> "null";
    /// Has the gateway judge this machine now, because the person has put it right.
    check_again() -> "null";
    /// Opens the page of the system's settings where a finding of this check is put right.
    open_system_page(OneCheck) -> "null";
    /// Opens the page with which the organisation explains a finding.
    open_link(OneLink) -> "Opened";
    /// Fetches the resource list anew.
    refresh_resources() -> "null";
    /// Opens a resource.
    open_resource(OneResource) -> "Opened";
    /// Copies a resource's address.
    copy_address(OneResource) -> "null";
    /// Marks a resource as a favourite, or no longer.
    set_favourite(SetFavourite) -> "null";
    /// Changes the account's password.
    change_password(ChangePassword) -> "null";
    /// The person's sessions, wherever they are.
    sessions() -> "Array<OwnSession>";
    /// Ends one of the person's other sessions.
    end_session(OneSession) -> "null";
    /// Adds a gateway and chooses it.
    add_profile(AddProfile) -> "null";
    /// Stores the key that vouches for one of the person's own gateways, where it has none yet.
    pin_profile(PinProfile) -> "null";
    /// Forgets a gateway.
    remove_profile(OneProfile) -> "null";
    /// Chooses the gateway that the sign-in screen is for.
    choose_profile(OneProfile) -> "null";
    /// Reads a link or profile file and shows it for confirmation.
    read_invitation(InvitationText) -> "Invitation";
    /// Adds the gateway of the invitation that the person was shown, and chooses it.
    accept_invitation(Invitation) -> "null";
    /// Puts the invitation that is shown away.
    dismiss_invitation() -> "null";
    /// Changes a setting.
    set_setting(Setting) -> "null";
    /// Says whether resources could be opened with a program; `set_setting` keeps it.
    check_program(ProgramWords) -> "ProgramCheck";
    /// Puts the notices away.
    dismiss_notices() -> "null";
    /// The person sees the window and uses it.
    used() -> "null";
    /// Draws with the graphics card again from the next start on.
    draw_plainly() -> "null";
    /// Looks this machine over and says what is not as it should be.
    doctor() -> "Diagnosis";
    /// What a report to the help desk would hold, redacted, to read first.
    diagnostics() -> "string";
    /// Saves the report that was read last and says where.
    save_diagnostics() -> "string";
    /// Closes the window as its own button does; the session stays.
    close_window() -> "null";
    /// Ends the app and keeps the session.
    quit() -> "null";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b22_what_the_person_types_becomes_a_profile_or_a_reason() {
        let typed = |gateway: &str, name: &str| AddProfile {
            gateway: gateway.into(),
            name: name.into(),
            pin: " ".into(),
        };
        let profile = typed(" ｖｐｎ.example.org", " ").into_profile().unwrap();
        assert_eq!((profile.name.as_str(), profile.gateway.host()), ("vpn.example.org", "vpn.example.org"));
        assert!(typed("http://vpn.example.org", "x").into_profile().is_err());
        assert!(typed("vpn.example.org", "a/b").into_profile().is_err());
    }
}
