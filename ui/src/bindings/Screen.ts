// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The screens of the window.
 */
export type Screen = "restoring" | "service_gone" | "in_use" | "gateway" | "sign_in" | "password" | "code" | "new_password" | "form" | "checking" | "elsewhere" | "connecting" | "resources" | "ended";
