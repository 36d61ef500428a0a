// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import { invoke } from "@tauri-apps/api/core";
import type { AddProfile } from "./AddProfile";
import type { Answer } from "./Answer";
import type { AppState } from "./AppState";
import type { BeginSignIn } from "./BeginSignIn";
import type { ChangePassword } from "./ChangePassword";
import type { Diagnosis } from "./Diagnosis";
import type { Invitation } from "./Invitation";
import type { InvitationText } from "./InvitationText";
import type { Logout } from "./Logout";
import type { OneCheck } from "./OneCheck";
import type { OneLink } from "./OneLink";
import type { OneProfile } from "./OneProfile";
import type { OneResource } from "./OneResource";
import type { OneSession } from "./OneSession";
import type { Opened } from "./Opened";
import type { OwnSession } from "./OwnSession";
import type { PinProfile } from "./PinProfile";
import type { ProgramCheck } from "./ProgramCheck";
import type { ProgramWords } from "./ProgramWords";
import type { SetFavourite } from "./SetFavourite";
import type { Setting } from "./Setting";

/** Every command rejects with a `Failure`. */
export type Rejection = import("./Failure").Failure;

/** The state of things; the event `state` brings every change. */
export const state = (): Promise<AppState> =>
  invoke<AppState>("state");

/** Begins to sign in. */
export const beginSignIn = (args: BeginSignIn): Promise<null> =>
  invoke<null>("begin_sign_in", { args });

/** Answers the question under way. */
export const answer = (args: Answer): Promise<null> =>
  invoke<null>("answer", { args });

/** Gives up the sign-in. */
export const cancelSignIn = (): Promise<null> =>
  invoke<null>("cancel_sign_in");

/** Brings a paused tunnel up, or tries again at once. */
export const connect = (): Promise<null> =>
  invoke<null>("connect");

/** Takes the tunnel down and keeps the session. */
export const disconnect = (): Promise<null> =>
  invoke<null>("disconnect");

/** Ends the session, and the app as well where that is wanted; why that failed stands in the state. */
export const logout = (args: Logout): Promise<null> =>
  invoke<null>("logout", { args });

/** Puts away that *Exit* could not end the session; app and session stay. */
export const stayAfterAll = (): Promise<null> =>
  invoke<null>("stay_after_all");

/** Says that the person is still there: the idle time starts anew. */
export const stay = (): Promise<null> =>
  invoke<null>("stay");

/** Has the gateway judge this machine now, because the person has put it right. */
export const checkAgain = (): Promise<null> =>
  invoke<null>("check_again");

/** Opens the page of the system's settings where a finding of this check is put right. */
export const openSystemPage = (args: OneCheck): Promise<null> =>
  invoke<null>("open_system_page", { args });

/** Opens the page with which the organisation explains a finding. */
export const openLink = (args: OneLink): Promise<Opened> =>
  invoke<Opened>("open_link", { args });

/** Fetches the resource list anew. */
export const refreshResources = (): Promise<null> =>
  invoke<null>("refresh_resources");

/** Opens a resource. */
export const openResource = (args: OneResource): Promise<Opened> =>
  invoke<Opened>("open_resource", { args });

/** Copies a resource's address. */
export const copyAddress = (args: OneResource): Promise<null> =>
  invoke<null>("copy_address", { args });

/** Marks a resource as a favourite, or no longer. */
export const setFavourite = (args: SetFavourite): Promise<null> =>
  invoke<null>("set_favourite", { args });

/** Changes the account's password. */
export const changePassword = (args: ChangePassword): Promise<null> =>
  invoke<null>("change_password", { args });

/** The person's sessions, wherever they are. */
export const sessions = (): Promise<Array<OwnSession>> =>
  invoke<Array<OwnSession>>("sessions");

/** Ends one of the person's other sessions. */
export const endSession = (args: OneSession): Promise<null> =>
  invoke<null>("end_session", { args });

/** Adds a gateway and chooses it. */
export const addProfile = (args: AddProfile): Promise<null> =>
  invoke<null>("add_profile", { args });

/** Stores the key that vouches for one of the person's own gateways, where it has none yet. */
export const pinProfile = (args: PinProfile): Promise<null> =>
  invoke<null>("pin_profile", { args });

/** Forgets a gateway. */
export const removeProfile = (args: OneProfile): Promise<null> =>
  invoke<null>("remove_profile", { args });

/** Chooses the gateway that the sign-in screen is for. */
export const chooseProfile = (args: OneProfile): Promise<null> =>
  invoke<null>("choose_profile", { args });

/** Reads a link or profile file and shows it for confirmation. */
export const readInvitation = (args: InvitationText): Promise<Invitation> =>
  invoke<Invitation>("read_invitation", { args });

/** Adds the gateway of the invitation that the person was shown, and chooses it. */
export const acceptInvitation = (args: Invitation): Promise<null> =>
  invoke<null>("accept_invitation", { args });

/** Puts the invitation that is shown away. */
export const dismissInvitation = (): Promise<null> =>
  invoke<null>("dismiss_invitation");

/** Changes a setting. */
export const setSetting = (args: Setting): Promise<null> =>
  invoke<null>("set_setting", { args });

/** Says whether resources could be opened with a program; `set_setting` keeps it. */
export const checkProgram = (args: ProgramWords): Promise<ProgramCheck> =>
  invoke<ProgramCheck>("check_program", { args });

/** Puts the notices away. */
export const dismissNotices = (): Promise<null> =>
  invoke<null>("dismiss_notices");

/** The person sees the window and uses it. */
export const used = (): Promise<null> =>
  invoke<null>("used");

/** Draws with the graphics card again from the next start on. */
export const drawPlainly = (): Promise<null> =>
  invoke<null>("draw_plainly");

/** Looks this machine over and says what is not as it should be. */
export const doctor = (): Promise<Diagnosis> =>
  invoke<Diagnosis>("doctor");

/** What a report to the help desk would hold, redacted, to read first. */
export const diagnostics = (): Promise<string> =>
  invoke<string>("diagnostics");

/** Saves the report that was read last and says where. */
export const saveDiagnostics = (): Promise<string> =>
  invoke<string>("save_diagnostics");

/** Closes the window as its own button does; the session stays. */
export const closeWindow = (): Promise<null> =>
  invoke<null>("close_window");

/** Ends the app and keeps the session. */
export const quit = (): Promise<null> =>
  invoke<null>("quit");
