// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The two channels to the gateway.
 */
export type DataChannel = "tls" | "udp";
