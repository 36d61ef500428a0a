// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { CopiedBecause } from "./CopiedBecause";

/**
 * How a resource was opened.
 */
export type Opened = { "opened": "browser" } | { "opened": "program",
/**
 * Its name.
 */
program: string, } | { "opened": "copied",
/**
 * Why.
 */
reason: CopiedBecause, };
