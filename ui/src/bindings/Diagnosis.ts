// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Check } from "./Check";

/**
 * The findings of [`Request::Doctor`], in the order in which things depend on each other.
 */
export type Diagnosis = {
/**
 * One finding per thing looked at.
 */
checks: Array<Check>, };
