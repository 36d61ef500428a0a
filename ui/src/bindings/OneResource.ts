// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ResourceId } from "./ResourceId";

/**
 * Names a resource of the list.
 */
export type OneResource = {
/**
 * Its identifier.
 */
id: ResourceId, };
