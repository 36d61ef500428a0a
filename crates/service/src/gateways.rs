//! What this service knows about each gateway it talks to: how to believe it, and where it was last reached.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use praya_model::{FailureCode, GatewayAddress, Pin};
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;

use crate::http::Http;
use crate::resolve;
use crate::tls::{self, Trust};

/// More gateways than this are not remembered at once.
const MOST: usize = 16;

/// Where a gateway is, and what it is believed by.
type Identity = (GatewayAddress, Option<Pin>);

/// Every gateway in use, by its address and pin.
#[derive(Debug)]
pub struct Gateways {
    extra_roots: Vec<CertificateDer<'static>>,
    known: Mutex<HashMap<Identity, Arc<Gateway>>>,
}

/// One gateway as believed by one pin, or by the roots.
#[derive(Debug)]
pub struct Gateway {
    address: GatewayAddress,
    tls: Arc<ClientConfig>,
    place: Mutex<Place>,
}

/// Where a gateway is.
#[derive(Debug, Default)]
struct Place {
    /// Where it answered last.
    good: Option<SocketAddr>,
    /// What its name resolved to last.
    found: Vec<SocketAddr>,
    /// The HTTPS client for `order()` as it was when it was made.
    http: Option<(Vec<SocketAddr>, Http)>,
}

impl Gateways {
    /// With the organisation's own roots beside the public ones.
    pub fn new(extra_roots: Vec<CertificateDer<'static>>) -> Self {
        Self { extra_roots, known: Mutex::default() }
    }

    /// The gateway at `address`, believed by `pin` alone or by the roots.
    ///
    /// # Errors
    /// [`FailureCode::Tls`] when the roots are unusable.
    pub fn get(&self, address: &GatewayAddress, pin: Option<&Pin>) -> Result<Arc<Gateway>, FailureCode> {
        let key = (address.clone(), pin.cloned());
        let mut known = lock(&self.known);
        if let Some(gateway) = known.get(&key) {
            return Ok(Arc::clone(gateway));
        }
        let trust = match pin {
            Some(pin) => Trust::Pins(vec![pin.clone()]),
            None => Trust::Roots { extra: self.extra_roots.clone() },
        };
        let tls =
            tls::client_config(&trust).map_err(|error| FailureCode::Tls { detail: error.to_string() })?;
        let gateway = Arc::new(Gateway { address: address.clone(), tls, place: Mutex::default() });
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, Arc::clone(&gateway));
        Ok(gateway)
    }

    /// The machine's network changed: open connections may lead nowhere, and are not used again.
    pub fn forget_connections(&self) {
        for gateway in lock(&self.known).values() {
            lock(&gateway.place).http = None;
        }
    }
}

impl Gateway {
    /// Host, port and path.
    pub fn address(&self) -> &GatewayAddress {
        &self.address
    }

    /// How to believe it.
    pub fn tls(&self) -> &Arc<ClientConfig> {
        &self.tls
    }

    /// The addresses to try, in order. With `inside` the tunnel's routes and name servers are in force: then what
    /// is known is used as it is, because a route leads to it past the tunnel, and a name might resolve to something
    /// else.
    ///
    /// # Errors
    /// [`FailureCode::NameNotFound`] when nothing is known and the name does not resolve.
    pub async fn addresses(&self, inside: bool) -> Result<Vec<SocketAddr>, FailureCode> {
        let known = lock(&self.place).order();
        if inside && !known.is_empty() {
            return Ok(known);
        }
        match resolve::addresses(&self.address).await {
            Ok(found) => {
                let mut place = lock(&self.place);
                place.good = place.good.filter(|good| found.contains(good));
                place.found = found;
                Ok(place.order())
            }
            Err(error) if known.is_empty() => Err(error),
            // The resolver is often the last to come back after a change of network.
            Err(_) => Ok(known),
        }
    }

    /// Remembers where it answered.
    pub fn reached_at(&self, address: SocketAddr) {
        lock(&self.place).good = Some(address);
    }

    /// The HTTPS client for `addresses`; the same one, with its open connection, while they stay the same.
    ///
    /// # Errors
    /// As [`Http::new`].
    pub fn http(&self, addresses: &[SocketAddr]) -> Result<Http, FailureCode> {
        let mut place = lock(&self.place);
        if let Some((made_for, http)) = &place.http
            && made_for == addresses
        {
            return Ok(http.clone());
        }
        let http = Http::new(&self.address, addresses, &self.tls)?;
        place.http = Some((addresses.to_vec(), http.clone()));
        Ok(http)
    }
}

impl Place {
    fn order(&self) -> Vec<SocketAddr> {
        resolve::in_order(self.good, self.found.clone())
    }
}

/// No holder of these locks can panic half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn inside_the_tunnel_the_place_that_answered_is_kept() {
        let gateways = Gateways::new(Vec::new());
        let gateway = gateways.get(&"192.0.2.1".parse().unwrap(), None).unwrap();
        let other: SocketAddr = "192.0.2.9:443".parse().unwrap();
        gateway.reached_at(other);
        assert_eq!(gateway.addresses(true).await.unwrap(), [other]);
        assert_eq!(gateway.addresses(false).await.unwrap(), ["192.0.2.1:443".parse().unwrap()]);
    }

    #[test]
    fn a_change_of_network_drops_open_connections() {
        let gateways = Gateways::new(Vec::new());
        let gateway = gateways.get(&"192.0.2.1".parse().unwrap(), None).unwrap();
        gateway.http(&["192.0.2.1:443".parse().unwrap()]).unwrap();
        assert!(lock(&gateway.place).http.is_some());
        gateways.forget_connections();
        assert!(lock(&gateway.place).http.is_none());
    }

    #[test]
    fn the_same_address_under_another_pin_is_another_gateway() {
        let gateways = Gateways::new(Vec::new());
        let address = "vpn.example".parse().unwrap();
        let pin = "pin-sha256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".parse().unwrap();
        let open = gateways.get(&address, None).unwrap();
        let pinned = gateways.get(&address, Some(&pin)).unwrap();
        assert!(!Arc::ptr_eq(&open, &pinned));
        assert!(Arc::ptr_eq(&open, &gateways.get(&address, None).unwrap()));
    }
}
