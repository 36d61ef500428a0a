// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ProgramFault } from "./ProgramFault";

/**
 * Whether resources can be opened with a program.
 */
export type ProgramCheck = {
/**
 * What stands against it.
 */
fault: ProgramFault | null, };
