// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { AccountName } from "./AccountName";
import type { Secret } from "./Secret";
import type { SessionId } from "./SessionId";

/**
 * What a successful sign-in yields.
 */
export type Grant = {
/**
 * The session's public identifier; foreign gateways give none.
 */
session: SessionId | null,
/**
 * The session cookie: at least 256 random bits, opens CONNECT and the API.
 */
cookie: Secret,
/**
 * The account as the gateway knows it.
 */
account: AccountName, };
