// Made from the Rust types by `PRAYA_WRITE_BINDINGS=1 cargo test -p praya-desktop bindings`. Do not edit.

import type { AccountName } from "./AccountName";
import type { ChannelView } from "./ChannelView";
import type { EndReason } from "./EndReason";
import type { Failure } from "./Failure";
import type { GatewayAddress } from "./GatewayAddress";
import type { LastSignIn } from "./LastSignIn";
import type { PasswordRules } from "./PasswordRules";
import type { PostureView } from "./PostureView";
import type { ProfileName } from "./ProfileName";
import type { Reconnect } from "./Reconnect";
import type { Reported } from "./Reported";
import type { SessionId } from "./SessionId";
import type { SignInProgress } from "./SignInProgress";
import type { Timestamp } from "./Timestamp";
import type { Traffic } from "./Traffic";
import type { TunnelState } from "./TunnelState";
import type { TunnelView } from "./TunnelView";
import type { Warning } from "./Warning";

/**
 * Everything a view shows about the session. Times are instants; the view counts down by itself.
 *
 * It never holds a secret: no cookie, no ticket, no typed answer.
 */
export type Snapshot = {
/**
 * The state of the client shell (1F).
 */
state: TunnelState,
/**
 * Another person on this machine holds the session; then nothing but `state` is filled in.
 */
in_use_by_another: boolean,
/**
 * The profile in use, when there is one.
 */
profile: ProfileName | null,
/**
 * The gateway in use.
 */
gateway: GatewayAddress | null,
/**
 * The gateway's own name for itself.
 */
gateway_name: string | null,
/**
 * Who is signed in, or is signing in.
 */
account: AccountName | null,
/**
 * The session's public identifier; foreign gateways give none.
 */
session: SessionId | null,
/**
 * What the tunnel looks like while it is up or being brought back.
 */
tunnel: TunnelView | null,
/**
 * How packets travel while the tunnel is up.
 */
channel: ChannelView | null,
/**
 * When the tunnel of this session came up first (B-16); it does not start anew at a reconnect.
 */
connected_since: Timestamp | null,
/**
 * Counters of this session; they start at 0 (B-17).
 */
traffic: Traffic,
/**
 * The sign-in under way.
 */
sign_in: SignInProgress | null,
/**
 * When the session ends if no user traffic flows until then.
 */
idle_at: Timestamp | null,
/**
 * When the session ends in any case.
 */
expires_at: Timestamp | null,
/**
 * Why the last session ended; set in [`TunnelState::Ended`].
 */
ended: EndReason | null,
/**
 * The gateway's own words on the end, to show beside the reason.
 */
end_text: string | null,
/**
 * Whether the gateway heard that the last session was ended here; `None` while its word is awaited, and where
 * it was not to be told.
 */
gateway_told: boolean | null,
/**
 * When a gateway that was not told ends the session by itself at the latest, where that is known.
 */
gateway_forgets_at: Timestamp | null,
/**
 * Another user of this machine, who may only be its administrator, ended the session or the sign-in.
 */
ended_by_administrator: boolean,
/**
 * What went wrong last: why the sign-in was refused, why the tunnel is not up.
 */
last_failure: Failure | null,
/**
 * How the tunnel is being brought back; set while it is down and the session lives.
 */
reconnect: Reconnect | null,
/**
 * What is not as it should be while the tunnel is up.
 */
warnings: Array<Warning>,
/**
 * What the gateway makes of this machine while the session lasts; kept where that ended it.
 */
posture: PostureView | null,
/**
 * What the gateway was told of this machine last, in this session or the sign-in before it.
 */
reported: Reported | null,
/**
 * Whether the gateway has a resource list for this session.
 */
resources_available: boolean,
/**
 * Whom to ask, in the gateway's words.
 */
help_desk: string | null,
/**
 * The gateway's message to whoever connects.
 */
banner: string | null,
/**
 * The account's sign-in before this one, so that a person notices a stranger's.
 */
last_sign_in: LastSignIn | null,
/**
 * What a new password must look like, once the gateway has told it.
 */
password_rules: PasswordRules | null, };
