//! What a peer may not do, and what it may do only so often.

use super::*;

#[test]
fn one_changed_bit_anywhere_is_refused() {
    for case in CASES {
        let (mut client, mut server) = ours(case);
        let mut record = Vec::new();
        client.seal(&mut record, &[b"some data"]).unwrap();
        for at in 0..record.len() * 8 {
            let mut tampered = record.clone();
            tampered[at / 8] ^= 1 << (at % 8);
            let mut plain = b"kept".to_vec();
            match server.open_all(&mut tampered, &mut plain, |_| {}) {
                // A longer record has not come whole, and is not believed when more comes.
                Ok(done) => assert!(done == 0 && (3..5).contains(&(at / 8)), "{case:?} bit {at}"),
                Err(TlsError::Tls(_)) => assert!(told(&mut server).is_some(), "{case:?} bit {at}"),
                Err(other) => panic!("{other:?}"),
            }
            assert_eq!(plain, b"kept");
            (server.failed, server.due) = (None, Due::default());
        }
        assert_eq!(open(&mut server, &record).unwrap().0, b"some data");
        assert_eq!(failed_with(&mut server, &record), Error::DecryptError, "a replayed record");
    }
}

#[test]
fn records_out_of_order_are_refused() {
    for case in CASES {
        let (mut client, mut server) = ours(case);
        let (mut first, mut second) = (Vec::new(), Vec::new());
        client.seal(&mut first, &[b"first"]).unwrap();
        client.seal(&mut second, &[b"second"]).unwrap();
        assert_eq!(failed_with(&mut server, &second), Error::DecryptError);
        assert_eq!(told(&mut server), Some(AlertDescription::BadRecordMac));
    }
}

#[test]
fn records_too_long_are_refused_by_their_header_or_by_their_content() {
    for case in [TLS13, TLS12] {
        let (_, mut server) = ours(case);
        let length = u16::try_from(MAX_RECORD - HEADER + 1).unwrap().to_be_bytes();
        let header = [APPLICATION_DATA, 3, 3, length[0], length[1]];
        assert_eq!(failed_with(&mut server, &header), Error::PeerSentOversizedRecord);
        assert_eq!(told(&mut server), Some(AlertDescription::RecordOverflow));

        let (mut client, mut server) = ours(case);
        let record = sealed(&mut client, APPLICATION_DATA, &pattern(MAX_CONTENT + 1));
        assert_eq!(failed_with(&mut server, &record), Error::PeerSentOversizedRecord);
        assert_eq!(told(&mut server), Some(AlertDescription::RecordOverflow));
    }
}

#[test]
fn records_too_short_for_a_tag_are_refused() {
    for case in [TLS13, TLS12] {
        for length in 0..16 {
            let (_, mut server) = ours(case);
            let mut record = vec![APPLICATION_DATA, 3, 3, 0, length];
            record.resize(HEADER + usize::from(length), 0);
            assert_eq!(failed_with(&mut server, &record), Error::DecryptError);
        }
    }
}

#[test]
fn padding_is_taken_off_and_nothing_but_padding_is_refused() {
    let (mut client, mut server) = ours(TLS13);
    let padded = sealed(&mut client, 0, &[b"data", &[APPLICATION_DATA][..], &[0; 300]].concat());
    let (plain, events) = open(&mut server, &padded).unwrap();
    assert_eq!((plain.as_slice(), events), (&b"data"[..], vec![Event::RecordEnd(4)]));
    let empty = sealed(&mut client, 0, &[0; 20]);
    assert_eq!(failed_with(&mut server, &empty), PeerMisbehaved::IllegalTlsInnerPlaintext.into());
}

#[test]
fn empty_records_are_tolerated_but_no_flood_of_them() {
    for case in [TLS13, TLS12] {
        let (mut client, mut server) = ours(case);
        for _ in 0..3 {
            let mut bytes = Vec::new();
            for _ in 0..MAX_EMPTY {
                bytes.extend(sealed(&mut client, APPLICATION_DATA, b""));
            }
            client.seal(&mut bytes, &[b"data"]).unwrap();
            let (plain, events) = open(&mut server, &bytes).unwrap();
            assert_eq!((plain.as_slice(), events), (&b"data"[..], vec![Event::RecordEnd(4)]));
        }
        let mut bytes = Vec::new();
        for _ in 0..=MAX_EMPTY {
            bytes.extend(sealed(&mut client, APPLICATION_DATA, b""));
        }
        assert_eq!(failed_with(&mut server, &bytes), PeerMisbehaved::TooManyEmptyFragments.into());
    }
}

#[test]
fn a_flood_of_key_updates_is_refused() {
    let (mut client, mut server) = ours(TLS13);
    let mut refused = None;
    for count in 0..100 {
        let mut out = Vec::new();
        client.refresh_keys(&mut out).unwrap();
        client.seal(&mut out, &[b"data"]).unwrap();
        if let Err(TlsError::Tls(error)) = open(&mut server, &out) {
            refused = Some((count, error));
            break;
        }
    }
    let (count, error) = refused.unwrap();
    assert_eq!(error, PeerMisbehaved::TooManyKeyUpdateRequests.into());
    assert!(count >= 32, "{count}");
}

#[test]
fn nothing_may_follow_a_key_update_under_the_old_keys() {
    let (mut client, mut server) = ours(TLS13);
    let update = messages::key_update(messages::UPDATE_NOT_REQUESTED);
    let record = sealed(&mut client, HANDSHAKE, &[&update[..], &update[..1]].concat());
    assert_eq!(failed_with(&mut server, &record), PeerMisbehaved::KeyEpochWithPendingFragment.into());
    assert_eq!(told(&mut server), Some(AlertDescription::UnexpectedMessage));
}

#[test]
fn a_handshake_message_may_come_in_pieces_but_not_between_others() {
    let update = messages::key_update(messages::UPDATE_REQUESTED);
    let (mut client, mut server) = ours(TLS13);
    let mut bytes = Vec::new();
    for piece in update.chunks(2) {
        bytes.extend(sealed(&mut client, HANDSHAKE, piece));
    }
    assert_eq!(open(&mut server, &bytes).unwrap().1, [Event::KeyUpdated]);
    assert!(server.reassembly.is_empty());

    let (mut client, mut server) = ours(TLS13);
    let mut bytes = sealed(&mut client, HANDSHAKE, &update[..3]);
    client.seal(&mut bytes, &[b"data"]).unwrap();
    assert_eq!(
        failed_with(&mut server, &bytes),
        PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into()
    );
}

#[test]
fn messages_that_have_no_place_after_the_handshake_are_refused() {
    let ticket_to_server = [4, 0, 0, 1, 0];
    let certificate_request = [13, 0, 0, 3, 0, 0, 0];
    let bad_update = [24, 0, 0, 1, 2];
    let endless = [4, 1, 0, 0];
    for (message, alert) in [
        (&ticket_to_server[..], AlertDescription::UnexpectedMessage),
        (&certificate_request, AlertDescription::UnexpectedMessage),
        (&bad_update, AlertDescription::IllegalParameter),
        (&endless, AlertDescription::DecodeError),
        (&[], AlertDescription::DecodeError),
    ] {
        let (mut client, mut server) = ours(TLS13);
        let record = sealed(&mut client, HANDSHAKE, message);
        assert!(open(&mut server, &record).is_err());
        assert_eq!(told(&mut server), Some(alert), "{message:?}");
    }
    let (mut client, mut server) = ours(TLS13);
    let bad_ticket = sealed(&mut server, HANDSHAKE, &ticket_to_server);
    assert!(open(&mut client, &bad_ticket).is_err());
    assert_eq!(told(&mut client), Some(AlertDescription::DecodeError));
}

#[test]
fn more_tickets_than_anyone_needs_are_passed_over() {
    let (mut client, mut server) = ours(TLS13);
    let malformed = [4, 0, 0, 1, 0];
    client.allowance = Allowance::default();
    client.allowance.use_up_tickets();
    let record = sealed(&mut server, HANDSHAKE, &malformed);
    assert_eq!(open(&mut client, &record).unwrap(), (vec![], vec![]));
}

#[test]
fn a_second_handshake_in_tls12_is_declined_once_and_then_refused() {
    for role in [Role::Client, Role::Server] {
        let (client, server) = ours(TLS12);
        let (mut asking, mut asked, message) = match role {
            Role::Client => (client, server, vec![1, 0, 0, 3, 3, 3, 0]),
            Role::Server => (server, client, vec![0, 0, 0, 0]),
        };
        let record = sealed(&mut asking, HANDSHAKE, &message);
        assert_eq!(open(&mut asked, &record).unwrap(), (vec![], vec![]));
        let mut answer = Vec::new();
        asked.seal(&mut answer, &[b"data"]).unwrap();
        let (plain, events) = open(&mut asking, &answer).unwrap();
        assert_eq!(plain, b"data");
        assert_eq!(events, [Event::Warning(AlertDescription::NoRenegotiation), Event::RecordEnd(4)]);
        let record = sealed(&mut asking, HANDSHAKE, &message);
        assert_eq!(failed_with(&mut asked, &record), PeerMisbehaved::TooManyRenegotiationRequests.into());
    }
}

#[test]
fn a_change_of_cipher_after_the_handshake_is_refused() {
    for case in [TLS13, TLS12] {
        let (_, mut server) = ours(case);
        let error = failed_with(&mut server, &[CHANGE_CIPHER_SPEC, 3, 3, 0, 1, 1]);
        assert_eq!(error, PeerMisbehaved::IllegalMiddleboxChangeCipherSpec.into());
        assert_eq!(told(&mut server), Some(AlertDescription::UnexpectedMessage));
    }
}

#[test]
fn alerts_without_protection_are_not_believed() {
    for case in [TLS13, TLS12] {
        let (_, mut server) = ours(case);
        assert!(open(&mut server, &[ALERT, 3, 3, 0, 2, 1, 0]).is_err());
        assert!(!server.is_closed_by_peer());
    }
}

#[test]
fn warnings_are_heard_a_few_times() {
    let (mut client, mut server) = ours(TLS12);
    let warning = messages::warning(AlertDescription::NoRenegotiation);
    for _ in 0..4 {
        let record = sealed(&mut client, ALERT, &warning);
        let (_, events) = open(&mut server, &record).unwrap();
        assert_eq!(events, [Event::Warning(AlertDescription::NoRenegotiation)]);
    }
    let record = sealed(&mut client, ALERT, &warning);
    assert_eq!(failed_with(&mut server, &record), PeerMisbehaved::TooManyWarningAlertsReceived.into());

    let (mut client, mut server) = ours(TLS13);
    let record = sealed(&mut client, ALERT, &warning);
    assert_eq!(failed_with(&mut server, &record), Error::AlertReceived(AlertDescription::NoRenegotiation));
    assert_eq!(told(&mut server), Some(AlertDescription::DecodeError));
}

#[test]
fn malformed_alerts_are_refused() {
    for case in [TLS13, TLS12] {
        for alert in [&[][..], &[1], &[1, 0, 0], &[3, 0]] {
            let (mut client, mut server) = ours(case);
            let record = sealed(&mut client, ALERT, alert);
            assert!(open(&mut server, &record).is_err(), "{alert:?}");
            assert!(told(&mut server).is_some() && !server.is_closed_by_peer());
        }
    }
}
