// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Something that is not as it should be while the tunnel is up.
 */
export type Warning = { "warning": "route_conflict",
/**
 * The tunnel's network.
 */
tunnel: string,
/**
 * The machine's own network.
 */
local: string,
/**
 * The device that the machine's own network is on.
 */
device: string, } | { "warning": "dns",
/**
 * Why.
 */
detail: string, } | { "warning": "not_resumable",
/**
 * Why.
 */
detail: string, };
