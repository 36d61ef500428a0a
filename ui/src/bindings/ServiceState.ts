// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Failure } from "./Failure";
import type { Rights } from "./Rights";

/**
 * The connection to the service.
 */
export type ServiceState = { "service": "connecting" } | { "service": "gone",
/**
 * Why.
 */
failure: Failure, } | { "service": "attached",
/**
 * What the person may do now.
 */
rights: Rights, };
