//! One function per decoder: the fuzz targets in `tests/fuzz` and the corpus replay both call these.
//!
//! Each takes any bytes and must return. What it asserts beyond that holds for every input, so that a fuzzer finds a
//! decoder that contradicts its own encoder and not only one that panics.

use crate::anyconnect::{self, XmlError};
use crate::cstp;
use crate::http;
use crate::ip::Packet;
use crate::super_packet;
use crate::tunnel_headers;

/// A stream of CSTP frames.
pub fn cstp(data: &[u8]) {
    let mut rest = data;
    while let Ok(Some((frame, used))) = cstp::decode(rest) {
        assert_eq!(used, cstp::HEADER_LEN + frame.payload.len(), "a frame is its header and its payload");
        let encoded = cstp::encode(frame.kind, frame.payload);
        assert_eq!(
            encoded.as_deref(),
            Ok(rest.get(..used).unwrap_or_default()),
            "encoding gives the frame back"
        );
        if frame.kind == cstp::FrameType::Disconnect {
            let _ = cstp::disconnect::decode(frame.payload);
        }
        if frame.kind == cstp::FrameType::SuperPacket {
            super_packet(frame.payload);
        }
        rest = rest.get(used..).unwrap_or_default();
    }
}

/// The payload of one super-packet frame.
pub fn super_packet(data: &[u8]) {
    if let Ok((meta, packet)) = super_packet::decode(data)
        && let Ok(header) = super_packet::encode_header(meta, packet.len())
    {
        let encoded = [&header[..], packet].concat();
        assert_eq!(encoded.get(cstp::HEADER_LEN..), Some(data), "encoding gives the payload back");
    }
}

/// The head of a request and of a response.
pub fn http_head(data: &[u8]) {
    if let Ok(Some((head, used))) = http::parse_request(data) {
        assert!(used <= data.len() && used <= http::MAX_REQUEST_HEAD, "a head lies within its bytes");
        let _ = (head.body(), head.keeps_alive(), head.headers.cookie("webvpn"));
        if let Ok(written) = http::write_request(&head) {
            let again = http::parse_request(&written).ok().flatten();
            assert!(again.is_none_or(|(again, _)| again == head), "a written request reads the same");
        }
    }
    if let Ok(Some((head, used))) = http::parse_response(data) {
        assert!(used <= data.len() && used <= http::MAX_RESPONSE_HEAD, "a head lies within its bytes");
        let _ = (head.body(), head.keeps_alive(), head.headers.set_cookies().count());
        if let Ok(written) = http::write_response(&head) {
            let again = http::parse_response(&written).ok().flatten();
            assert!(again.is_none_or(|(again, _)| again == head), "a written response reads the same");
        }
    }
}

/// A client's sign-in document.
pub fn xml_client(data: &[u8]) {
    if let Ok(document) = anyconnect::parse_client(data) {
        let written = anyconnect::write_client(&document).map(String::into_bytes);
        let again = written.and_then(|written| anyconnect::parse_client(&written));
        assert!(
            again == Ok(document) || again == Err(XmlError::TooLong),
            "a written document reads the same"
        );
    }
}

/// A gateway's sign-in document.
pub fn xml_server(data: &[u8]) {
    if let Ok(document) = anyconnect::parse_server(data) {
        let written = anyconnect::write_server(&document).map(String::into_bytes);
        let again = written.and_then(|written| anyconnect::parse_server(&written));
        assert!(
            again == Ok(document) || again == Err(XmlError::TooLong),
            "a written document reads the same"
        );
    }
}

/// A urlencoded body.
pub fn urlencoded(data: &[u8]) {
    if let Ok(fields) = anyconnect::parse_urlencoded(data) {
        let written = anyconnect::write_urlencoded(fields.iter().map(|(name, value)| (name.as_str(), value)));
        let again = anyconnect::parse_urlencoded(written.as_bytes());
        let too_long = written.len() > anyconnect::MAX_DOCUMENT;
        assert!(too_long || again == Ok(fields), "a written body reads the same");
    }
}

/// The headers of CONNECT and of its reply.
pub fn tunnel_headers(data: &[u8]) {
    if let Ok(Some((head, _))) = http::parse_request(data)
        && let Ok(request) = tunnel_headers::parse_connect_request(&head)
    {
        let again = tunnel_headers::parse_connect_request(&tunnel_headers::write_connect_request(&request));
        assert_eq!(again, Ok(request), "a written request reads the same");
    }
    if let Ok(Some((head, _))) = http::parse_response(data)
        && let Ok(reply) = tunnel_headers::parse_connect_reply(&head)
    {
        let written = tunnel_headers::write_connect_reply(&reply, &tunnel_headers::ConnectRequest::default());
        assert!(http::write_response(&written).is_ok(), "what was read can be written");
    }
}

/// One IP packet.
pub fn ip_packet(data: &[u8]) {
    if let Ok(packet) = Packet::parse(data) {
        assert!(packet.bytes().len() <= data.len(), "a packet lies within its bytes");
        assert!(packet.payload().len() < packet.bytes().len(), "a payload lies within its packet");
        let _ =
            (packet.ports(), packet.icmp(), packet.tcp_flags(), packet.noise(), packet.resource_protocol());
        assert_eq!(Packet::parse(packet.bytes()), Ok(packet), "a packet does not depend on what follows it");
    }
}
