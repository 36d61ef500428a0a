// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ElsewhereChoice } from "./ElsewhereChoice";
import type { Secret } from "./Secret";

/**
 * An answer to a [`SignInStep`].
 */
export type SignInAnswer = { "answer": "password",
/**
 * The account, where the step did not name it.
 */
account: string | null,
/**
 * The password exactly as typed.
 */
password: Secret, } | { "answer": "otp",
/**
 * The code as typed.
 */
code: Secret, } | { "answer": "new_password",
/**
 * The first entry.
 */
password: Secret,
/**
 * The second entry.
 */
repeat: Secret, } | { "answer": "form",
/**
 * The values in the form's order.
 */
values: Array<[string, Secret]>, } | { "answer": "elsewhere",
/**
 * The person's choice.
 */
choice: ElsewhereChoice, } | { "answer": "posture",
/**
 * JSON of the nonce and the facts.
 */
report: string,
/**
 * Base64 of the device key's Ed25519 signature.
 */
signature: string, } | { "answer": "check_again" } | { "answer": "cancel" };
