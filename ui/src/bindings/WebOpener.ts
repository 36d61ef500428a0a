// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { OwnProgram } from "./OwnProgram";

/**
 * How web resources are opened.
 */
export type WebOpener = "browser" | "copy_address" | OwnProgram;
