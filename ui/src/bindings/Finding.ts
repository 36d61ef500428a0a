// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Expected } from "./Expected";
import type { FindingOutcome } from "./FindingOutcome";
import type { Found } from "./Found";
import type { Link } from "./Link";
import type { PostureCheck } from "./PostureCheck";

/**
 * A requirement that the machine does not meet.
 */
export type Finding = {
/**
 * What was read.
 */
check: PostureCheck,
/**
 * What follows from it.
 */
outcome: FindingOutcome,
/**
 * What policy asks for.
 */
expected: Expected,
/**
 * What is there instead.
 */
found: Found,
/**
 * The organisation's own page about putting it right.
 */
link?: Link,
/**
 * How many more are not told: this is the last of [`MAX_FINDINGS`].
 */
more?: number, };
