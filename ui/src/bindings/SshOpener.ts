// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { OwnProgram } from "./OwnProgram";

/**
 * How SSH resources are opened.
 */
export type SshOpener = "terminal" | "copy_address" | OwnProgram;
