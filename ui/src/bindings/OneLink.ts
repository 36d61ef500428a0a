// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Link } from "./Link";

/**
 * Names the page that explains a finding.
 */
export type OneLink = {
/**
 * Its address.
 */
link: Link, };
