// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * Names one setting.
 */
export type SettingKey = "language" | "theme" | "start_at_login" | "start_minimised" | "connect_at_start" | "remember_account" | "notify_ends" | "notify_connection" | "open_web" | "open_rdp" | "open_ssh" | "open_share";
