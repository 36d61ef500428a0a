// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * The languages of the app.
 */
export type Language = "en" | "zh-Hant-TW" | "zh-Hant-MO" | "pt-MO";
