// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { PostureCheck } from "./PostureCheck";
import type { ReportedItem } from "./ReportedItem";

/**
 * One thing that was read; an antivirus program each is one.
 */
export type ReportedFact = {
/**
 * For which check.
 */
check: PostureCheck,
/**
 * What is known of it, and what is not.
 */
items: Array<ReportedItem>, };
