// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Transport protocol of an [`Endpoint`].
 */
export type Protocol = "any" | "tcp" | "udp" | "icmp";
