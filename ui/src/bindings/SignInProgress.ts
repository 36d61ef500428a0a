// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { Failure } from "./Failure";
import type { SignInStep } from "./SignInStep";
import type { Timestamp } from "./Timestamp";

/**
 * The sign-in under way.
 */
export type SignInProgress = {
/**
 * Counts the questions of this sign-in, from 1; an answer names the round it belongs to. It stays 0 until the
 * first question is there.
 */
round: number,
/**
 * What the gateway asks; `None` before the first question. Never [`SignInStep::Done`].
 */
step: SignInStep | null,
/**
 * When the gateway asked it: what counts down in the step counts from here. It stays when the same question is
 * put once more because the answer was not heard.
 */
asked_at: Timestamp | null,
/**
 * What was wrong with the last answer.
 */
notice: Failure | null,
/**
 * When this question dies unanswered.
 */
deadline: Timestamp | null,
/**
 * Whether the gateway's word is awaited; then there is nothing to answer.
 */
waiting: boolean, };
