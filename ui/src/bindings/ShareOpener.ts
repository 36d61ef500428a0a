// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { OwnProgram } from "./OwnProgram";

/**
 * How file shares are opened.
 */
export type ShareOpener = "file_manager" | "copy_address" | OwnProgram;
