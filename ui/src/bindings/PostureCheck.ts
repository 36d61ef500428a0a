// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * One thing that is read of the machine.
 */
export type PostureCheck = "operating_system" | "antivirus" | "antivirus_definitions" | "firewall" | "disk_encryption" | "updates" | "hotfixes" | "screen_lock" | "secure_boot" | "system_integrity" | "gatekeeper";
