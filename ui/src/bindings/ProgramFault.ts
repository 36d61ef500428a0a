// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * What is wrong with the words of a program.
 */
export type ProgramFault = "no_name" | "too_much" | "unknown_placeholder" | "no_address" | "not_there";
