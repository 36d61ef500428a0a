// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Failure } from "./Failure";
import type { Resource } from "./Resource";
import type { ResourceId } from "./ResourceId";

/**
 * The resources of the session.
 */
export type ResourceList = { "resources": "none" } | { "resources": "loading" } | { "resources": "ready",
/**
 * By group and name.
 */
list: Array<Resource>,
/**
 * Those that the person marked, in the list's order.
 */
favourites: Array<ResourceId>,
/**
 * Those opened last, the newest first; at most [`crate::memory::MAX_RECENT`].
 */
recent: Array<ResourceId>,
/**
 * It is being fetched anew.
 */
refreshing: boolean,
/**
 * Why it could not be fetched anew; the list is the one before.
 */
stale: Failure | null, } | { "resources": "failed",
/**
 * Why.
 */
failure: Failure, };
