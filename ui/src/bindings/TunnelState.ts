// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The seven states of the client shell. `Restoring` is never drawn as signed out.
 */
export type TunnelState = "no_session" | "restoring" | "signing_in" | "connected" | "reconnecting" | "idle_warning" | "ended";
