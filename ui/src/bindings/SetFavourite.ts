// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ResourceId } from "./ResourceId";

/**
 * Marks a resource as a favourite, or no longer.
 */
export type SetFavourite = {
/**
 * Its identifier.
 */
id: ResourceId,
/**
 * Whether it is one.
 */
on: boolean, };
