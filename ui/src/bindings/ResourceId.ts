// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * A resource's stable identifier within one gateway.
 */
export type ResourceId = string;
