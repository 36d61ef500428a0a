// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { SignInAnswer } from "./SignInAnswer";

/**
 * Answers the question under way.
 */
export type Answer = {
/**
 * The round of the question that is answered.
 */
round: number,
/**
 * The answer.
 */
answer: SignInAnswer, };
