// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * An inclusive range of ports.
 */
export type PortRange = {
/**
 * The first port.
 */
first: number,
/**
 * The last port, not below `first`.
 */
last: number, };
