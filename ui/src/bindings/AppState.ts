// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Failure } from "./Failure";
import type { Invitation } from "./Invitation";
import type { KnownProfile } from "./KnownProfile";
import type { Language } from "./Language";
import type { Notice } from "./Notice";
import type { PostureCheck } from "./PostureCheck";
import type { ProfileName } from "./ProfileName";
import type { Rate } from "./Rate";
import type { RememberedAccount } from "./RememberedAccount";
import type { ResourceList } from "./ResourceList";
import type { Screen } from "./Screen";
import type { ServiceState } from "./ServiceState";
import type { SettingKey } from "./SettingKey";
import type { Settings } from "./Settings";
import type { Snapshot } from "./Snapshot";
import type { Timestamp } from "./Timestamp";

/**
 * Everything that the window shows. Times are instants by the clock that [`AppState::now`] was read from; the
 * window counts down by itself. It never holds a secret.
 */
export type AppState = {
/**
 * The app's version.
 */
version: string,
/**
 * This machine's clock when the value was made.
 */
now: Timestamp,
/**
 * Which screen the window shows.
 */
screen: Screen,
/**
 * The connection to the service.
 */
service: ServiceState,
/**
 * The state of the session, as the service tells it; the last one while the service is away.
 */
snapshot: Snapshot,
/**
 * The gateways that the person may choose from, by name.
 */
profiles: Array<KnownProfile>,
/**
 * The one that is in use, else the one that was used last, else the only one.
 */
chosen: ProfileName | null,
/**
 * The accounts that the person let the app remember, one for each gateway.
 */
accounts: Array<RememberedAccount>,
/**
 * An invitation that was opened and waits for the person's word, over whichever screen is shown.
 */
invitation: Invitation | null,
/**
 * Why a link or file that was opened, perhaps while that one waited, was not taken; goes with it.
 */
invitation_refused: Failure | null,
/**
 * Why *Exit* could not end the session; the app stayed, and waits for the person's word.
 */
exit_failed: Failure | null,
/**
 * The checks for which a page of the system's settings can be opened here; told where there are findings.
 */
system_pages: Array<PostureCheck>,
/**
 * The resources of the session.
 */
resources: ResourceList,
/**
 * Bytes per second over the last minutes, the oldest first (B-17).
 */
rates: Array<Rate>,
/**
 * The settings in force.
 */
settings: Settings,
/**
 * Those of them that an administrator has fixed.
 */
managed: Array<SettingKey>,
/**
 * The language in force: that of the settings, else the system's.
 */
locale: Language,
/**
 * The system's language, whatever is in force.
 */
system_locale: Language,
/**
 * The window is drawn without the graphics card.
 */
safe_mode: boolean,
/**
 * Whether this desktop shows tray icons; without one the window is the only way back.
 */
tray_available: boolean,
/**
 * What the app has to say about itself.
 */
notices: Array<Notice>, };
