// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * What the app has to say about itself.
 */
export type Notice = "safe_mode" | "settings_unreadable" | "no_tray" | "managed_unreadable";
