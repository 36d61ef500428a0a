// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { ElsewhereSession } from "./ElsewhereSession";
import type { EndReason } from "./EndReason";
import type { InvitationError } from "./InvitationError";
import type { PasswordRule } from "./PasswordRule";
import type { ProfileError } from "./ProfileError";
import type { SupportCode } from "./SupportCode";
import type { Timestamp } from "./Timestamp";
import type { TokenSerial } from "./TokenSerial";

/**
 * A failure as a view gets it: what happened, whom to ask, and what to quote.
 */
export type Failure = {
/**
 * The code that stands in the audit record of the same event.
 */
support?: SupportCode | null,
/**
 * Whom to ask, in the gateway's own words.
 */
help_desk?: string | null,
/**
 * When this machine learnt of it: what counts down in the code counts from here. A gateway's word on it is
 * overwritten.
 */
told_at?: Timestamp | null, } & ({ "code": "wrong_credentials" } | { "code": "locked",
/**
 * Until it opens by itself.
 */
seconds_left: number, } | { "code": "too_many_attempts",
/**
 * Until the next attempt is heard.
 */
retry_after_seconds: number, } | { "code": "wrong_otp" } | { "code": "replayed_otp",
/**
 * Until the token shows the next code.
 */
next_in_seconds: number, } | { "code": "otp_clock_off",
/**
 * The token.
 */
serial: TokenSerial, } | { "code": "token_inactive",
/**
 * The token.
 */
serial: TokenSerial,
/**
 * After how many days without use it closed.
 */
days: number, } | { "code": "token_disabled",
/**
 * The token.
 */
serial: TokenSerial, } | { "code": "no_token" } | { "code": "account_disabled" } | { "code": "initial_password_expired" } | { "code": "password_rules",
/**
 * Which ones.
 */
broken: Array<PasswordRule>, } | { "code": "sign_in_expired" } | { "code": "unexpected_answer" } | { "code": "signed_in_elsewhere",
/**
 * Where.
 */
sessions: Array<ElsewhereSession>, } | { "code": "cancelled" } | { "code": "posture_unsupported" } | { "code": "posture_failed" } | { "code": "bad_posture_report" } | { "code": "gateway_says",
/**
 * Its words, to show as they are.
 */
text: string, } | { "code": "busy",
/**
 * When to try again.
 */
retry_after_seconds: number, } | { "code": "session_ended",
/**
 * Why.
 */
reason: EndReason, } | { "code": "not_signed_in" } | { "code": "wrong_current_password" } | { "code": "name_not_found",
/**
 * The name.
 */
host: string, } | { "code": "unreachable",
/**
 * Host and port.
 */
gateway: string,
/**
 * The system's word for it: `refused`, `timeout`, `no_route`, `reset`.
 */
cause: string, } | { "code": "unknown_gateway",
/**
 * Host and port.
 */
gateway: string,
/**
 * The key it showed, as `pin-sha256:…`.
 */
pin: string, } | { "code": "pin_mismatch",
/**
 * Host and port.
 */
gateway: string,
/**
 * The key it showed.
 */
pin: string, } | { "code": "tls",
/**
 * The TLS library's word for it.
 */
detail: string, } | { "code": "protocol",
/**
 * What was wrong, without any of the peer's bytes that could be secret.
 */
detail: string, } | { "code": "service_unavailable" } | { "code": "not_permitted" } | { "code": "in_use_by_another" } | { "code": "already_signed_in" } | { "code": "version_mismatch",
/**
 * The service's version.
 */
service: string,
/**
 * The view's version.
 */
view: string, } | { "code": "tunnel_up" } | { "code": "no_tun_device",
/**
 * The system's error.
 */
detail: string, } | { "code": "network_setup",
/**
 * What and why.
 */
detail: string, } | { "code": "no_such_resource",
/**
 * What was asked for.
 */
name: string, } | { "code": "bad_resource",
/**
 * The resource.
 */
name: string, } | { "code": "bad_profile",
/**
 * Why.
 */
problem: ProfileError, } | { "code": "bad_invitation",
/**
 * Why.
 */
problem: InvitationError, } | { "code": "profile_taken",
/**
 * The name of the one that is there.
 */
name: string,
/**
 * The address of the one that is there.
 */
gateway: string, } | { "code": "no_such_profile",
/**
 * What was asked for.
 */
name: string, } | { "code": "too_many_profiles",
/**
 * How many are.
 */
most: number, } | { "code": "settings_not_opened" } | { "code": "internal",
/**
 * For the log and the help desk.
 */
detail: string, });
