// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Why a link or a profile file is no invitation to a gateway.
 */
export type InvitationError = "too_long" | "not_an_invitation" | "unknown_action" | "unknown_key" | "twice" | "no_gateway" | "escape" | "name" | "address" | "scheme" | "pin" | "another_waits" | "not_shown";
