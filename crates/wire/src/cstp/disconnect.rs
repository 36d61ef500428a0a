//! The payload of a DISCONNECT frame: why the sender leaves.
//!
//! Empty means "I may be back" (a client that roams) and keeps the session. A first byte of `b0` is a client's
//! log-out and kills it. The other bytes are Praya's own, from gateway to client; other clients print them.

use praya_model::EndReason;

/// The longest text that is written or read, in bytes.
pub const MAX_TEXT: usize = 512;

/// The byte of an explicit log-out, which every OpenConnect-protocol gateway understands.
const BYE: u8 = 0xb0;
/// Tells *Exit* in the tray from *log out*; both have to start with [`BYE`] to end the session on any gateway.
const TRAY_EXIT_TEXT: &str = "Client exited";

/// Why the peer leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disconnect {
    /// An explicit log-out: the session and its cookie are dead.
    Bye {
        /// [`EndReason::UserLogout`] or [`EndReason::TrayExit`].
        reason: EndReason,
        /// The peer's own words.
        text: String,
    },
    /// The connection ends, the session stays.
    Detach,
    /// The gateway ended the session.
    Reason {
        /// Why, when the byte is one of ours.
        reason: Option<EndReason>,
        /// The byte as it came.
        byte: u8,
        /// The peer's own words.
        text: String,
    },
}

/// The payload that tells `reason`, with `text` in English for clients that know no bytes.
///
/// Control characters become blanks, and what is longer than [`MAX_TEXT`] is cut. [`EndReason::TrayExit`] has a
/// fixed text.
pub fn encode(reason: EndReason, text: &str) -> Vec<u8> {
    let text = if reason == EndReason::TrayExit { TRAY_EXIT_TEXT } else { text };
    let mut payload = vec![byte_of(reason)];
    payload.extend_from_slice(one_line(text).as_bytes());
    payload
}

/// Reads a DISCONNECT payload. Every payload means something.
pub fn decode(payload: &[u8]) -> Disconnect {
    let Some((&byte, text)) = payload.split_first() else {
        return Disconnect::Detach;
    };
    let text = text.get(..MAX_TEXT).unwrap_or(text);
    let text = one_line(&String::from_utf8_lossy(text));
    if byte == BYE {
        let reason = if text == TRAY_EXIT_TEXT { EndReason::TrayExit } else { EndReason::UserLogout };
        return Disconnect::Bye { reason, text };
    }
    let reason = EndReason::ALL.into_iter().find(|reason| byte_of(*reason) == byte);
    Disconnect::Reason { reason, byte, text }
}

/// The byte of each reason. Part of the protocol: never change one, only add.
const fn byte_of(reason: EndReason) -> u8 {
    match reason {
        EndReason::UserLogout | EndReason::TrayExit => BYE,
        EndReason::Idle => 0xe1,
        EndReason::Absolute => 0xe2,
        EndReason::Admin => 0xe3,
        EndReason::Duplicate => 0xe4,
        EndReason::PostureLost => 0xe5,
        EndReason::PasswordChanged => 0xe6,
        EndReason::AccountDisabled => 0xe7,
        EndReason::TokenDisabled => 0xe8,
        EndReason::GatewayRestart => 0xe9,
        EndReason::Away => 0xea,
        EndReason::Other => 0xef,
    }
}

fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if line.len() + c.len_utf8() > MAX_TEXT {
            break;
        }
        line.push(c);
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_reason_arrives_as_itself() {
        for reason in EndReason::ALL {
            let got = match decode(&encode(reason, "Because")) {
                Disconnect::Bye { reason, .. } => Some(reason),
                Disconnect::Reason { reason, text, .. } => {
                    assert_eq!(text, "Because");
                    reason
                }
                Disconnect::Detach => None,
            };
            assert_eq!(got, Some(reason));
        }
    }

    #[test]
    fn openconnects_log_out_is_a_bye_and_an_empty_payload_is_not() {
        assert_eq!(
            decode(b"\xb0Aborted by caller"),
            Disconnect::Bye { reason: EndReason::UserLogout, text: "Aborted by caller".into() }
        );
        assert_eq!(decode(b""), Disconnect::Detach);
    }

    #[test]
    fn a_log_out_is_written_so_that_any_gateway_ends_the_session() {
        assert_eq!(encode(EndReason::UserLogout, "Aborted by caller"), b"\xb0Aborted by caller");
        assert_eq!(encode(EndReason::TrayExit, "whatever")[0], 0xb0);
    }

    #[test]
    fn foreign_bytes_keep_their_text_without_control_characters() {
        assert_eq!(
            decode(b"\x04Gone\x1b[31m\xff"),
            Disconnect::Reason { reason: None, byte: 4, text: "Gone [31m\u{fffd}".into() }
        );
    }

    proptest! {
        #[test]
        fn any_payload_is_read_and_the_text_is_bounded(payload in prop::collection::vec(any::<u8>(), 0..2000)) {
            match decode(&payload) {
                Disconnect::Detach => prop_assert!(payload.is_empty()),
                Disconnect::Bye { text, .. } | Disconnect::Reason { text, .. } => {
                    prop_assert!(text.len() <= MAX_TEXT);
                    prop_assert!(!text.chars().any(char::is_control));
                }
            }
        }
    }
}
