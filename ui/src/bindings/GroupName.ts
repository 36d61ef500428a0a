// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The name of a group of people; resources are published to groups.
 */
export type GroupName = string;
