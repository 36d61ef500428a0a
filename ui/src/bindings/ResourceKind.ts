// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * How a resource is opened.
 */
export type ResourceKind = "web" | "rdp" | "ssh" | "file_share" | "other";
