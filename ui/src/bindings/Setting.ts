// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Language } from "./Language";
import type { RdpOpener } from "./RdpOpener";
import type { ShareOpener } from "./ShareOpener";
import type { SshOpener } from "./SshOpener";
import type { Theme } from "./Theme";
import type { WebOpener } from "./WebOpener";

/**
 * One setting and the value that it shall have.
 */
export type Setting = { "key": "language", "value": Language | null } | { "key": "theme", "value": Theme } | { "key": "start_at_login", "value": boolean } | { "key": "start_minimised", "value": boolean } | { "key": "connect_at_start", "value": boolean } | { "key": "remember_account", "value": boolean } | { "key": "notify_ends", "value": boolean } | { "key": "notify_connection", "value": boolean } | { "key": "open_web", "value": WebOpener } | { "key": "open_rdp", "value": RdpOpener } | { "key": "open_ssh", "value": SshOpener } | { "key": "open_share", "value": ShareOpener };
