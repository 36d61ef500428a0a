// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Language } from "./Language";
import type { RdpOpener } from "./RdpOpener";
import type { ShareOpener } from "./ShareOpener";
import type { SshOpener } from "./SshOpener";
import type { Theme } from "./Theme";
import type { WebOpener } from "./WebOpener";

/**
 * What the person can choose.
 */
export type Settings = {
/**
 * The language; `None` is the system's.
 */
language: Language | null,
/**
 * Light or dark.
 */
theme: Theme,
/**
 * The app starts when the person logs in to the desktop.
 */
start_at_login: boolean,
/**
 * It starts without a window where there is a tray.
 */
start_minimised: boolean,
/**
 * At its start it brings a paused tunnel up, or begins the sign-in.
 */
connect_at_start: boolean,
/**
 * The account is filled in next time.
 */
remember_account: boolean,
/**
 * The end of a session, and that it is near, are notified while the window is hidden.
 */
notify_ends: boolean,
/**
 * Losing and regaining the tunnel are notified while the window is hidden.
 */
notify_connection: boolean,
/**
 * How web resources are opened.
 */
open_web: WebOpener,
/**
 * How remote desktops are opened.
 */
open_rdp: RdpOpener,
/**
 * How SSH resources are opened.
 */
open_ssh: SshOpener,
/**
 * How file shares are opened.
 */
open_share: ShareOpener, };
