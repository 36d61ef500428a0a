//! Where a gateway is on the network: its name's addresses, with the last good ones kept for bad times.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use praya_model::{FailureCode, GatewayAddress};

/// How long a name may take to resolve.
const PATIENCE: Duration = Duration::from_secs(10);
/// More addresses than this are not tried.
const MOST: usize = 8;

/// The addresses of `gateway`, never none.
///
/// # Errors
/// [`FailureCode::NameNotFound`] when the system's resolver has no answer in time.
pub async fn addresses(gateway: &GatewayAddress) -> Result<Vec<SocketAddr>, FailureCode> {
    if let Ok(ip) = gateway.host().parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, gateway.port())]);
    }
    let not_found = || FailureCode::NameNotFound { host: gateway.host().to_owned() };
    let lookup = tokio::net::lookup_host((gateway.host(), gateway.port()));
    let found =
        tokio::time::timeout(PATIENCE, lookup).await.map_err(|_| not_found())?.map_err(|_| not_found())?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in found {
        if !addresses.contains(&address) && addresses.len() < MOST {
            addresses.push(address);
        }
    }
    if addresses.is_empty() { Err(not_found()) } else { Ok(addresses) }
}

/// The order in which to try: `known` first, because a route leads to it past the tunnel, then what was found now.
pub fn in_order(known: Option<SocketAddr>, found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let mut order: Vec<SocketAddr> = known.into_iter().collect();
    order.extend(found.into_iter().filter(|address| Some(*address) != known));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_needs_no_resolver() {
        let gateway: GatewayAddress = "https://[2001:db8::1]:8443".parse().unwrap();
        assert_eq!(addresses(&gateway).await.unwrap(), ["[2001:db8::1]:8443".parse::<SocketAddr>().unwrap()]);
    }

    #[test]
    fn the_known_address_is_tried_first_and_once() {
        let (a, b) = ("192.0.2.1:443".parse().unwrap(), "192.0.2.2:443".parse().unwrap());
        assert_eq!(in_order(Some(b), vec![a, b]), [b, a]);
        assert_eq!(in_order(None, vec![a, b]), [a, b]);
    }
}
