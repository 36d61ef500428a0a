// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * What a [`Value`] is about.
 */
export type ReportedAbout = "name" | "version" | "build" | "edition" | "server" | "architecture" | "support_ends" | "paid_support_ends" | "engine_version" | "installed" | "running" | "real_time" | "definitions_version" | "definitions_at" | "definitions_current" | "locks_after";
