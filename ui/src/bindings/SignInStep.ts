// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { AccountName } from "./AccountName";
import type { ElsewhereChoice } from "./ElsewhereChoice";
import type { ElsewhereSession } from "./ElsewhereSession";
import type { Failure } from "./Failure";
import type { Finding } from "./Finding";
import type { FormField } from "./FormField";
import type { Grant } from "./Grant";
import type { PasswordRules } from "./PasswordRules";
import type { PostureCheck } from "./PostureCheck";
import type { TokenHint } from "./TokenHint";

/**
 * What the gateway wants next. Architecture: one state machine at the gateway, several renderings of it.
 */
export type SignInStep = { "step": "password",
/**
 * The account it is for, once named.
 */
account: AccountName | null, } | { "step": "otp",
/**
 * The server's own words, shown as they are (B-15).
 */
prompt: string | null,
/**
 * Which token, and its rhythm; unknown with foreign gateways.
 */
token: TokenHint | null, } | { "step": "new_password",
/**
 * The rules to show and tick; foreign gateways do not tell.
 */
rules: PasswordRules | null, } | { "step": "form",
/**
 * What to show above the fields.
 */
message: string | null,
/**
 * The fields, in order.
 */
fields: Array<FormField>, } | { "step": "posture",
/**
 * What is read, and nothing else.
 */
checks: Array<PostureCheck>,
/**
 * Every requirement that is not met; empty while the check runs.
 */
findings: Array<Finding>,
/**
 * Seconds from when this was asked in which another report is heard without a new code.
 */
retry_seconds: number | null,
/**
 * What the report answers, so that it is good for this question only: base64url of 32 bytes, new each time.
 */
nonce: string, } | { "step": "elsewhere",
/**
 * Where, and since when.
 */
sessions: Array<ElsewhereSession>,
/**
 * What policy lets the person choose; empty when it refuses.
 */
choices: Array<ElsewhereChoice>, } | { "step": "done" } & Grant | { "step": "refused" } & Failure;
