// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Why the packets travel on that channel.
 */
export type ChannelReason = "preferred" | "switched_off" | "not_offered" | "opening" | "unanswered" | "silent" | "unavailable";
