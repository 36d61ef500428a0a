//! The UDP channel on the client's side: what is offered with CONNECT, and the channel that the answer allows.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use praya_datapath::timers::{Rhythm, Role};
use praya_datapath::tls::TlsStream;
use praya_datapath::udp::{ChannelSettings, SURE_DATAGRAM, UdpChannel, UdpIo};
use praya_dtls::{Config, SessionId, Suite};
use praya_model::ChannelReason;
use praya_model::tunnel::Rekey;
use praya_wire::tunnel_headers::datagrams::{
    DatagramAnswer, DatagramKey, DatagramOffer, LegacyOffer, LegacySuite, MASTER_SECRET_LEN, MasterSecret,
    PSK_EXPORTER,
};
use zeroize::Zeroizing;

/// An idle channel is refreshed at least so often, whatever the gateway says: address translators forget UDP after 30
/// seconds or more (RFC 4787 section 4.3 wants two minutes, and few keep to it).
const KEEPALIVE: Duration = Duration::from_secs(25);

/// What a client offers. A gateway of Praya's takes its key from the TLS connection; of another one nothing is known,
/// and it may be a Cisco one, which takes only a secret that it is told.
pub(crate) fn offer(is_praya: bool) -> DatagramOffer {
    let mut secret = Zeroizing::new([0; MASTER_SECRET_LEN]);
    let random = !is_praya && SystemRandom::new().fill(secret.as_mut()).is_ok();
    let legacy = random.then(|| LegacyOffer {
        master_secret: MasterSecret::new(*secret),
        suites: LegacySuite::ALL.to_vec(),
    });
    DatagramOffer { psk: true, legacy }
}

/// What the channel is made from.
#[derive(Debug)]
pub(crate) struct Granted<'a> {
    /// What was offered.
    pub(crate) offer: &'a DatagramOffer,
    /// What the gateway made of it.
    pub(crate) answer: &'a DatagramAnswer,
    /// The gateway's address that answered.
    pub(crate) gateway: IpAddr,
    /// The tunnel's largest packet, in bytes.
    pub(crate) mtu: u16,
}

/// The channel; it begins to shake hands when it is first polled.
///
/// # Errors
/// Why packets stay with TLS.
pub(crate) fn open<S>(granted: &Granted<'_>, tls: &TlsStream<S>) -> Result<UdpChannel<UdpIo>, ChannelReason> {
    let settings =
        settings(granted, || tls.export_keying_material(Zeroizing::new([0; 32]), PSK_EXPORTER, None).ok());
    let settings = settings.ok_or(ChannelReason::NotOffered)?;
    let peer = SocketAddr::new(granted.gateway, granted.answer.port);
    let io = UdpIo::connect(peer).map_err(|error| {
        tracing::info!(%error, "no UDP towards the gateway");
        ChannelReason::Unavailable
    })?;
    Ok(UdpChannel::new(io, settings, Instant::now()))
}

/// `None` where the answer does not go with the offer.
fn settings(
    granted: &Granted<'_>,
    exported: impl FnOnce() -> Option<Zeroizing<[u8; 32]>>,
) -> Option<ChannelSettings> {
    let Granted { offer, answer, gateway, mtu } = granted;
    let config = match &answer.key {
        DatagramKey::Psk { app_id } => Config::psk(exported()?.as_ref(), SessionId::new(app_id)?),
        DatagramKey::Legacy { session_id, suite } => {
            let legacy = offer.legacy.as_ref().filter(|legacy| legacy.suites.contains(suite))?;
            let suite = Suite::from_name(suite.name())?;
            Config::resume(legacy.master_secret.expose(), SessionId::new(session_id)?, suite)
        }
    };
    let keepalive = if answer.keepalive.is_zero() { KEEPALIVE } else { answer.keepalive.min(KEEPALIVE) };
    let rekey = match answer.rekey {
        Rekey::None => Duration::ZERO,
        // There is no renegotiation here: either way it is a new handshake.
        Rekey::NewTunnel { every } | Rekey::Tls { every } => every,
    };
    Some(ChannelSettings {
        rhythm: Rhythm { role: Role::Client, dpd: answer.dpd, keepalive, rekey },
        config,
        peer: Some(SocketAddr::new(*gateway, answer.port).into()),
        mtu: answer.mtu.map_or(*mtu, |own| own.min(*mtu)),
        sure_datagram: SURE_DATAGRAM,
        longest_datagram: None,
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use praya_dtls::Credentials;

    use super::*;

    const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn answer(key: DatagramKey) -> DatagramAnswer {
        DatagramAnswer {
            port: 8443,
            key,
            dpd: Duration::from_secs(30),
            keepalive: Duration::from_secs(32_400),
            rekey: Rekey::Tls { every: Duration::from_secs(3600) },
            mtu: Some(1300),
        }
    }

    fn made(offer: &DatagramOffer, answer: &DatagramAnswer) -> Option<ChannelSettings> {
        settings(&Granted { offer, answer, gateway: GATEWAY, mtu: 1400 }, || Some(Zeroizing::new([9; 32])))
    }

    #[test]
    fn a_gateway_of_ours_is_told_no_secret_and_another_one_a_new_one_each_time() {
        assert_eq!(offer(true), DatagramOffer { psk: true, legacy: None });
        let (one, other) = (offer(false), offer(false));
        assert!(one.psk && one.legacy.is_some());
        assert_ne!(one, other);
    }

    #[test]
    fn the_exported_key_opens_the_channel_that_the_app_id_names() {
        let made = made(&offer(true), &answer(DatagramKey::Psk { app_id: [7; 32] })).unwrap();
        assert!(matches!(&made.config.credentials, Credentials::Psk(key) if key[..] == [9; 32]));
        assert_eq!(made.config.session_id.as_bytes(), [7; 32]);
        assert_eq!(made.peer, Some(SocketAddr::new(GATEWAY, 8443).into()));
        assert_eq!(made.mtu, 1300);
        assert_eq!(made.rhythm.keepalive, KEEPALIVE);
        assert_eq!(made.rhythm.rekey, Duration::from_secs(3600));
    }

    #[test]
    fn the_secret_that_was_told_resumes_the_session_that_the_gateway_names() {
        let offer = offer(false);
        let key = DatagramKey::Legacy { session_id: [7; 32], suite: LegacySuite::RsaAes256Gcm };
        let made = made(&offer, &answer(key)).unwrap();
        let secret = offer.legacy.as_ref().unwrap().master_secret.expose();
        assert!(matches!(&made.config.credentials, Credentials::Resume(master) if **master == *secret));
        assert_eq!(made.config.suites, [Suite::RsaAes256Gcm]);
    }

    #[test]
    fn an_answer_to_what_was_not_offered_opens_nothing() {
        let key = DatagramKey::Legacy { session_id: [7; 32], suite: LegacySuite::RsaAes256Gcm };
        assert!(made(&offer(true), &answer(key)).is_none());
    }

    #[test]
    fn every_suite_of_the_headers_is_one_of_the_handshake() {
        for suite in LegacySuite::ALL {
            let known = Suite::from_name(suite.name()).unwrap();
            assert_eq!(known.code(), suite.code());
        }
    }
}
