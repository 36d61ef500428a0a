// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { OwnProgram } from "./OwnProgram";

/**
 * How remote desktops are opened.
 */
export type RdpOpener = "automatic" | "remmina" | "freerdp" | "copy_address" | OwnProgram;
