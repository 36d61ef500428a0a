//! The UDP channel of one tunnel: what the client offers with CONNECT, what it is granted, and the session's share of
//! the sockets.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::rand;
use praya_datapath::timers::Rhythm;
use praya_datapath::tls::TlsStream;
use praya_datapath::udp::{ChannelSettings, SURE_DATAGRAM, UdpChannel};
use praya_dtls::{Config, SessionId, Suite};
use praya_model::tunnel::Rekey;
use praya_wire::tunnel_headers::ConnectRequest;
use praya_wire::tunnel_headers::datagrams::{
    DatagramAnswer, DatagramKey, DatagramOffer, LegacySuite, PSK_EXPORTER, SESSION_ID_LEN,
};
use zeroize::Zeroizing;

use super::datagrams::{DatagramPort, Datagrams};

/// Headers of IP and UDP in front of a datagram, in bytes.
const HEADERS_V4: usize = 20 + 8;
const HEADERS_V6: usize = 40 + 8;

/// What every host takes (RFC 791 section 3.1), in bytes of UDP payload.
const LEAST_DATAGRAM: usize = 576 - HEADERS_V4;

/// What the tunnel's two channels have in common.
pub(super) struct Common {
    pub(super) rhythm: Rhythm,
    /// The longest packet inside, in bytes.
    pub(super) mtu: u16,
    /// The client's address outside.
    pub(super) peer: IpAddr,
}

/// The channel, and what the client is told about it. `None` where the client offers nothing that this gateway can do.
pub(super) fn open<S>(
    datagrams: &Arc<Datagrams>,
    request: &ConnectRequest,
    tls: &TlsStream<S>,
    common: Common,
) -> Option<(DatagramAnswer, UdpChannel<DatagramPort>)> {
    let port = datagrams.port()?;
    let mut name = [0; SESSION_ID_LEN];
    rand::fill(&mut name).ok()?;
    let id = SessionId::new(&name)?;
    let exported = || tls.export_keying_material(Zeroizing::new([0; 32]), PSK_EXPORTER, None).ok();
    let (key, config) = agree(&request.datagrams, name, id, exported)?;
    let Common { rhythm, mtu, peer } = common;
    let longest = longest_datagram(request.base_mtu, peer);
    let settings = ChannelSettings {
        // Only the client begins anew.
        rhythm: Rhythm { rekey: Duration::ZERO, ..rhythm },
        config,
        peer: None,
        mtu,
        sure_datagram: longest.map_or(SURE_DATAGRAM, |longest| longest.min(SURE_DATAGRAM)),
        longest_datagram: longest,
    };
    let channel = UdpChannel::new(datagrams.register(id), settings, Instant::now());
    // Stock clients would renegotiate (OpenConnect protocol, section 4), and every client has a new channel with each
    // new tunnel; ours begins anew by itself after so many records.
    let (dpd, keepalive, rekey) = (rhythm.dpd, rhythm.keepalive, Rekey::None);
    let answer = DatagramAnswer { port, key, dpd, keepalive, rekey, mtu: None };
    Some((answer, channel))
}

/// The key of the TLS connection, which nobody has to be told; else a session that the client has made up.
fn agree(
    offer: &DatagramOffer,
    name: [u8; SESSION_ID_LEN],
    id: SessionId,
    exported: impl FnOnce() -> Option<Zeroizing<[u8; 32]>>,
) -> Option<(DatagramKey, Config)> {
    if offer.psk {
        return Some((DatagramKey::Psk { app_id: name }, Config::psk(exported()?.as_ref(), id)));
    }
    let legacy = offer.legacy.as_ref()?;
    let suite = LegacySuite::ALL.into_iter().find(|suite| legacy.suites.contains(suite))?;
    let config = Config::resume(legacy.master_secret.expose(), id, Suite::from_name(suite.name())?);
    Some((DatagramKey::Legacy { session_id: name, suite }, config))
}

/// The longest datagram that the client's link takes, where it says so; the path may take less.
fn longest_datagram(base_mtu: Option<u16>, peer: IpAddr) -> Option<usize> {
    let headers = if peer.to_canonical().is_ipv4() { HEADERS_V4 } else { HEADERS_V6 };
    base_mtu.map(|base| usize::from(base).saturating_sub(headers).max(LEAST_DATAGRAM))
}

#[cfg(test)]
mod tests {
    use praya_dtls::Credentials;
    use praya_wire::tunnel_headers::datagrams::{LegacyOffer, MASTER_SECRET_LEN, MasterSecret};

    use super::*;

    const NAME: [u8; SESSION_ID_LEN] = [7; SESSION_ID_LEN];

    fn legacy(suites: &[LegacySuite]) -> DatagramOffer {
        let master_secret = MasterSecret::new([9; MASTER_SECRET_LEN]);
        DatagramOffer { psk: false, legacy: Some(LegacyOffer { master_secret, suites: suites.to_vec() }) }
    }

    fn agreed(offer: &DatagramOffer) -> Option<(DatagramKey, Config)> {
        agree(offer, NAME, SessionId::new(&NAME).unwrap(), || Some(Zeroizing::new([5; 32])))
    }

    #[test]
    fn the_connection_s_own_key_goes_before_one_that_is_told() {
        let both = DatagramOffer { psk: true, ..legacy(&LegacySuite::ALL) };
        let (key, config) = agreed(&both).unwrap();
        assert_eq!(key, DatagramKey::Psk { app_id: NAME });
        assert!(matches!(config.credentials, Credentials::Psk(key) if *key == [5; 32]));
        assert!(agreed(&DatagramOffer::default()).is_none());
    }

    #[test]
    fn of_the_legacy_suites_the_strongest_that_the_client_has_is_taken() {
        let (key, config) = agreed(&legacy(&[LegacySuite::RsaAes128Gcm, LegacySuite::RsaAes256Gcm])).unwrap();
        assert_eq!(key, DatagramKey::Legacy { session_id: NAME, suite: LegacySuite::RsaAes256Gcm });
        assert_eq!(config.suites, [Suite::RsaAes256Gcm]);
    }

    #[test]
    fn a_client_that_knows_its_link_says_what_it_takes_at_most() {
        let v4 = IpAddr::from([192, 0, 2, 1]);
        let v6 = "2001:db8::1".parse().unwrap();
        assert_eq!(longest_datagram(Some(1500), v4), Some(1472));
        assert_eq!(longest_datagram(Some(1500), v6), Some(1452));
        assert_eq!(longest_datagram(Some(0), v4), Some(548));
        assert_eq!(longest_datagram(None, v4), None);
    }
}
