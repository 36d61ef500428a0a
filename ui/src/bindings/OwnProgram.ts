// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

/**
 * A program and its arguments, in which `{url}`, `{host}` and `{port}` stand for those of the resource.
 */
export type OwnProgram = Array<string>;
