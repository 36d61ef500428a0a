// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ProductName } from "./ProductName";
import type { Timestamp } from "./Timestamp";
import type { Unavailable } from "./Unavailable";

/**
 * What is there instead of what is [`Expected`].
 */
export type Found = { "found": "missing" } | { "found": "other",
/**
 * The system or product, with its version where it is known.
 */
name: ProductName, } | { "found": "unsupported",
/**
 * The system, with its version.
 */
name: ProductName,
/**
 * Since when.
 */
since: Timestamp | null, } | { "found": "off",
/**
 * The product, where it is one.
 */
name: ProductName | null, } | { "found": "snoozed",
/**
 * The product.
 */
name: ProductName, } | { "found": "expired",
/**
 * The product.
 */
name: ProductName, } | { "found": "days",
/**
 * In whole days.
 */
days: number, } | { "found": "minutes",
/**
 * In whole minutes.
 */
minutes: number, } | { "found": "unavailable",
/**
 * Why.
 */
reason: Unavailable, };
