// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Why a session ended.
 */
export type EndReason = "user_logout" | "tray_exit" | "idle" | "absolute" | "admin" | "duplicate" | "posture_lost" | "password_changed" | "account_disabled" | "token_disabled" | "gateway_restart" | "away" | "other";
