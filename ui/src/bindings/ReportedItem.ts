// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ReportedAbout } from "./ReportedAbout";
import type { ReportedValue } from "./ReportedValue";

/**
 * A value and what it is about.
 */
export type ReportedItem = {
/**
 * What the value is about; `None` for the fact as a whole.
 */
about: ReportedAbout | null,
/**
 * The value.
 */
value: ReportedValue,
/**
 * Where it was read: a file, a program or an interface of the system.
 */
source: string | null, };
