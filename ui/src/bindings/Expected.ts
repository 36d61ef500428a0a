// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ProductName } from "./ProductName";

/**
 * What policy asks for.
 */
export type Expected = { "expected": "on" } | { "expected": "one_of",
/**
 * The systems or products that are admitted; at most [`MAX_NAMES`].
 */
names: Array<ProductName>, } | { "expected": "all_of",
/**
 * Those that are not; at most [`MAX_NAMES`].
 */
names: Array<ProductName>, } | { "expected": "none_of",
/**
 * The systems or products that are not admitted; at most [`MAX_NAMES`].
 */
names: Array<ProductName>, } | { "expected": "at_least",
/**
 * The build, such as `26100.2033`.
 */
name: ProductName, } | { "expected": "supported" } | { "expected": "within_days",
/**
 * In whole days.
 */
days: number, } | { "expected": "within_minutes",
/**
 * In whole minutes.
 */
minutes: number, };
