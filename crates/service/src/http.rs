//! HTTPS requests to one gateway: no redirects, no proxies, bounded bodies and times. What the words mean is the
//! connectors' business.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use praya_model::api::PROOF_HEADER;
use praya_model::{FailureCode, GatewayAddress, Secret};
use praya_session::{HttpReply, HttpRequest};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rustls::ClientConfig;

use crate::tls;

/// The largest body of an answer, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;
/// How long the TCP connection may take.
const CONNECT: Duration = Duration::from_secs(8);
/// How long a whole exchange may take; a gateway under load answers a sign-in slowly but surely.
const EXCHANGE: Duration = Duration::from_secs(20);

/// A client for one gateway.
#[derive(Clone, Debug)]
pub struct Http {
    client: reqwest::Client,
    gateway: GatewayAddress,
}

impl Http {
    /// A client that reaches `gateway` at `addresses` and believes it by `tls`.
    ///
    /// # Errors
    /// [`FailureCode::Internal`] when the TLS settings cannot be used.
    pub fn new(
        gateway: &GatewayAddress,
        addresses: &[SocketAddr],
        tls: &Arc<ClientConfig>,
    ) -> Result<Self, FailureCode> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(tls))
            .resolve_to_addrs(gateway.host(), addresses)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .http1_only()
            .http1_title_case_headers()
            .https_only(true)
            .connect_timeout(CONNECT)
            .timeout(EXCHANGE)
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(1)
            .build()
            .map_err(|error| FailureCode::Internal { detail: error.to_string() })?;
        Ok(Self { client, gateway: gateway.clone() })
    }

    /// Sends `request` and waits for the whole answer. `prove` makes the proof of the device key for a method, path
    /// and body, where the request wants one.
    ///
    /// # Errors
    /// The gateway is not believed, not reachable, or answers with more than [`MAX_BODY`] bytes. A status code is
    /// never an error here.
    pub async fn send(
        &self,
        request: HttpRequest,
        prove: impl FnOnce(&str, &str, &[u8], &Secret) -> String,
    ) -> Result<HttpReply, FailureCode> {
        let host_port = self.gateway.host_port();
        let builder = self.build(request, prove)?;
        let failed = |error: reqwest::Error| tls::failure(&error.without_url(), &host_port);
        let mut answer = builder.send().await.map_err(failed)?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_BODY {
                return Err(FailureCode::Protocol { detail: "the answer is too large".to_owned() });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(HttpReply { status, headers, body })
    }

    fn build(
        &self,
        request: HttpRequest,
        prove: impl FnOnce(&str, &str, &[u8], &Secret) -> String,
    ) -> Result<reqwest::RequestBuilder, FailureCode> {
        let broken =
            |what: &str| FailureCode::Internal { detail: format!("a request with an impossible {what}") };
        let method =
            reqwest::Method::from_bytes(request.method.as_str().as_bytes()).map_err(|_| broken("method"))?;
        let mut headers = HeaderMap::new();
        let mut add = |name: &str, value: &str, secret: bool| {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| broken("header name"))?;
            let mut value = HeaderValue::from_str(value).map_err(|_| broken("header value"))?;
            value.set_sensitive(secret);
            headers.append(name, value);
            Ok::<_, FailureCode>(())
        };
        for (name, value) in &request.headers {
            add(name, value, false)?;
        }
        if let Some(cookies) = &request.cookies {
            add("Cookie", cookies.expose(), true)?;
        }
        let body = request.body.as_ref().map_or("", |body| body.text.expose());
        if let Some(bearer) = &request.bearer {
            add("Authorization", &format!("Bearer {}", bearer.cookie.expose()), true)?;
            if bearer.proof {
                let proof = prove(request.method.as_str(), &request.path, body.as_bytes(), &bearer.cookie);
                add(PROOF_HEADER, &proof, true)?;
            }
        }
        if let Some(body) = &request.body {
            add("Content-Type", body.content_type, false)?;
        }
        let url = format!("https://{}{}", self.gateway.authority(), request.path);
        let builder = self.client.request(method, url).headers(headers);
        Ok(if request.body.is_some() { builder.body(body.to_owned()) } else { builder })
    }
}

#[cfg(test)]
mod tests {
    use praya_datapath::tls::TlsStream;
    use praya_session::{Bearer, Body, Method};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::test_tls::vpn_test;
    use crate::tls::{Trust, client_config};

    /// A gateway at the name `vpn.test` that gives every request the same answer, and what it was asked.
    async fn gateway(answer: Vec<u8>) -> (Http, tokio::task::JoinHandle<String>) {
        let (server, client) = vpn_test();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let mut tls = TlsStream::accept(&server, tcp).await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                let mut byte = [0; 1024];
                let read = tls.read(&mut byte).await.unwrap();
                assert!(read > 0, "the request must be whole");
                request.extend_from_slice(&byte[..read]);
            }
            // A client that hangs up over the limit is what one of the tests wants.
            let _ = tls.write_all(&answer).await;
            let _ = tls.shutdown().await;
            String::from_utf8(request).unwrap()
        });
        let name: GatewayAddress = format!("vpn.test:{}", address.port()).parse().unwrap();
        (Http::new(&name, &[address], &client).unwrap(), asked)
    }

    fn get() -> HttpRequest {
        HttpRequest::new(Method::Get, "/api/v1/gateway")
    }

    fn no_proof(_: &str, _: &str, _: &[u8], _: &Secret) -> String {
        panic!("no proof is wanted")
    }

    #[tokio::test]
    async fn a_redirect_is_handed_back_and_not_followed() {
        let (http, asked) = gateway(
            b"HTTP/1.1 302 Found\r\nLocation: https://evil.test/\r\nContent-Length: 0\r\n\r\n".to_vec(),
        )
        .await;
        let request = HttpRequest { headers: vec![("X-Aggregate-Auth", "1".into())], ..get() };
        let response = http.send(request, no_proof).await.unwrap();
        assert_eq!((response.status, response.header("Location")), (302, Some("https://evil.test/")));
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("GET /api/v1/gateway HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains("X-Aggregate-Auth: 1\r\n"), "{asked}");
    }

    #[tokio::test]
    async fn a_bound_session_s_call_carries_cookie_and_proof() {
        let (http, asked) = gateway(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()).await;
        let bearer = Some(Bearer { cookie: Secret::new("c00kie"), proof: true });
        let body = Some(Body { content_type: "application/json", text: Secret::new("{}") });
        let request = HttpRequest { method: Method::Post, bearer, body, ..get() };
        let prove = |method: &str, path: &str, body: &[u8], cookie: &Secret| {
            assert_eq!(
                (method, path, body, cookie.expose()),
                ("POST", "/api/v1/gateway", &b"{}"[..], "c00kie")
            );
            "1.sig".to_owned()
        };
        http.send(request, prove).await.unwrap();
        let asked = asked.await.unwrap();
        for line in [
            "Authorization: Bearer c00kie\r\n",
            "X-Praya-Proof: 1.sig\r\n",
            "Content-Type: application/json\r\n",
        ] {
            assert!(asked.contains(line), "{line} in {asked}");
        }
    }

    #[tokio::test]
    async fn several_cookies_of_one_answer_are_all_kept() {
        let (http, _asked) = gateway(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 2\r\n\r\nok".to_vec(),
        )
        .await;
        let response = http.send(get(), no_proof).await.unwrap();
        assert_eq!(response.all("Set-Cookie").count(), 2);
        assert_eq!(response.body, b"ok");
    }

    #[tokio::test]
    async fn an_endless_answer_is_cut_off() {
        let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        answer.resize(MAX_BODY + 4096, b'x');
        let (http, _asked) = gateway(answer).await;
        let failure = http.send(get(), no_proof).await.unwrap_err();
        assert_eq!(failure, FailureCode::Protocol { detail: "the answer is too large".into() });
    }

    #[tokio::test]
    async fn a_stranger_s_certificate_is_named_through_all_layers_of_errors() {
        let (known, _asked) = gateway(Vec::new()).await;
        let trust = Trust::Roots { extra: vec![] };
        let address: SocketAddr = format!("127.0.0.1:{}", known.gateway.port()).parse().unwrap();
        let http = Http::new(&known.gateway, &[address], &client_config(&trust).unwrap()).unwrap();
        let failure = http.send(get(), no_proof).await.unwrap_err();
        assert!(
            matches!(&failure, FailureCode::UnknownGateway { pin, .. } if pin.starts_with("pin-sha256:")),
            "{failure:?}"
        );
    }

    #[tokio::test]
    async fn a_refused_connection_is_unreachable() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let gateway: GatewayAddress = format!("vpn.test:{}", address.port()).parse().unwrap();
        let tls = client_config(&Trust::Roots { extra: vec![] }).unwrap();
        let failure = Http::new(&gateway, &[address], &tls).unwrap().send(get(), no_proof).await.unwrap_err();
        assert_eq!(
            failure,
            FailureCode::Unreachable { gateway: gateway.host_port(), cause: "refused".into() }
        );
    }
}
