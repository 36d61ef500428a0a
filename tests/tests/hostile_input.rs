//! What strangers may throw at the gateway's port: it stays small, stays up, keeps serving others, and says what it
//! met.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use anyhow::{Context, Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_testkit::rude::{Rude, tcp};
use praya_testkit::{Namespace, namespace};
use praya_tests::Lab;
use praya_tests::gateway::Gateway;
use praya_tests::openconnect::{openconnect, wait_connected};
use praya_tests::raw::{
    Channel, api_request, connect_request, frame, kind, sign_in, sign_in_over, status, udp_packet,
};

const PASSWORD: &str = "correct horse battery";

/// A running gateway with two people and short patience.
fn scene() -> Result<(Lab, Gateway)> {
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    gateway.set("limits.handshake_time", 2)?;
    gateway.set("limits.request_time", 2)?;
    gateway.set("limits.keep_alive_time", 2)?;
    gateway.set("tunnel.dpd", 1)?;
    // A password check takes 19 MiB: one at a time, so that what is measured is the rest.
    gateway.set("sign_in.parallel_hashes", 1)?;
    gateway.add_people(&["wong", "chan"], PASSWORD)?;
    gateway.publish_intranet("staff", &["wong", "chan"])?;
    gateway.start()?;
    Ok((lab, gateway))
}

/// Somebody else can still sign in and work.
fn others_are_unaffected(lab: &Lab, gateway: &Gateway) -> Result<()> {
    let client =
        openconnect(&lab.employee, &gateway.pin)?.args(["--user", "chan", "--passwd-on-stdin"]).start()?;
    client.type_line(PASSWORD)?;
    wait_connected(&client)?;
    ensure!(lab.reaches_intranet()?);
    client.signal(rustix::process::Signal::INT)?;
    client.wait()?;
    Ok(())
}

#[test]
fn an_oversized_head_is_refused() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "a".repeat(20 * 1024));
    let many: String = (0..100).map(|number| format!("X-Header-{number}: x\r\n")).collect();
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    let endless = format!("GET /{} HTTP/1.1\r\n", "a".repeat(20 * 1024));
    for request in [long, many, endless] {
        let mut connection = Rude::connect(&lab.employee, lab.https())?;
        let reply = connection.exchange(request.as_bytes())?;
        assert_eq!(status(&reply), 431, "{reply}");
        connection.wait_for_close()?;
    }
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn an_oversized_body_is_refused_before_it_is_sent() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    let mut connection = Rude::connect(&lab.employee, lab.https())?;
    let announced = "POST /api/v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                     Content-Length: 1000000000000\r\n\r\n{";
    let reply = connection.exchange(announced.as_bytes())?;
    assert_eq!(status(&reply), 413, "{reply}");

    let mut connection = Rude::connect(&lab.employee, lab.https())?;
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    // Chunk after chunk, until the gateway has had enough.
    let chunk = [b"1000\r\n".as_slice(), &[b'a'; 0x1000], b"\r\n"].concat();
    let mut sent = 0;
    while connection.send(&chunk).is_ok() {
        sent += 0x1000;
        ensure!(sent < 64 * 1024 * 1024, "the gateway takes bodies without end");
    }
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn two_lengths_or_a_length_and_chunks_are_refused() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, _gateway) = scene()?;
    for heads in [
        "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x10\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
    ] {
        let mut connection = Rude::connect(&lab.employee, lab.https())?;
        let reply =
            connection.exchange(format!("POST / HTTP/1.1\r\nHost: x\r\n{heads}\r\nhello").as_bytes())?;
        ensure!((400..=501).contains(&status(&reply)), "{heads}: {reply}");
        connection.wait_for_close()?;
    }
    Ok(())
}

#[test]
fn whoever_sends_slowly_or_nothing_is_let_go() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    // Nothing at all, and half a TLS hello.
    for beginning in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        let mut silent = tcp(&lab.employee, lab.https())?;
        silent.write_all(beginning)?;
        ensure!(closes(&mut silent)?);
    }
    // Half a head; a whole head and half a body; nothing between requests.
    for beginning in [
        "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_owned(),
        "POST /api/v1/sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{".to_owned(),
        String::new(),
        api_request("GET", "/api/v1/gateway", "", ""),
    ] {
        let mut slow = Rude::connect(&lab.employee, lab.https())?;
        slow.send(beginning.as_bytes())?;
        slow.wait_for_close()?;
    }
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn garbage_before_under_and_after_tls_ends_that_connection_only() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    let garbage: Vec<u8> = praya_testkit::web::known_bytes(4096);
    let mut before = tcp(&lab.employee, lab.https())?;
    before.write_all(&garbage)?;
    ensure!(closes(&mut before)?);
    let mut plain = tcp(&lab.employee, lab.https())?;
    plain.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    ensure!(closes(&mut plain)?);

    let mut under = Rude::connect(&lab.employee, lab.https())?;
    under.send_below_tls(&garbage)?;
    // It may end in an alert, which reads as an error here.
    let _ = under.wait_for_close();

    let mut after = Rude::connect(&lab.employee, lab.https())?;
    after.send(&garbage)?;
    let reply = after.wait_for_close()?;
    ensure!(reply.is_empty() || reply.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&reply));
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn documents_that_are_no_documents_are_answered_and_forgotten() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    let nested = format!("{}{}", "<a>".repeat(5000), "</a>".repeat(5000));
    let entities =
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"bbbb\"><!ENTITY c \"&b;&b;&b;\">]><a>&c;</a>";
    // A proper first message, but for the document type before it; and the same with an entity in its text.
    let init = "<config-auth client=\"vpn\" type=\"init\"><version who=\"vpn\">v9</version></config-auth>";
    let typed = format!("<?xml version=\"1.0\"?><!DOCTYPE config-auth SYSTEM \"file:///etc/passwd\">{init}");
    let entity = init.replace("v9", "&unknown;");
    for body in
        ["", "<", "not xml", &nested, entities, &typed, &entity, init.trim_end_matches("</config-auth>")]
    {
        let mut connection = Rude::connect(&lab.employee, lab.https())?;
        let request = format!(
            "POST / HTTP/1.1\r\nHost: x\r\nX-Aggregate-Auth: 1\r\nContent-Type: application/xml\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let reply = connection.exchange(request.as_bytes())?;
        let refused = (400..=431).contains(&status(&reply)) && status(&reply) != 401;
        let told = status(&reply) == 200 && reply.contains("<error");
        ensure!(refused || told, "{body:.60}: {reply}");
        ensure!(!reply.contains("root:"), "{body:.60}: {reply}");
    }
    let deep = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    for body in ["", "{", "null", &deep, "{\"account\": 5}"] {
        let mut connection = Rude::connect(&lab.employee, lab.https())?;
        let reply = connection.exchange(api_request("POST", "/api/v1/sign-in", "", body).as_bytes())?;
        ensure!((400..=422).contains(&status(&reply)), "{body:.60}: {reply}");
    }
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn connect_without_a_session_is_refused_in_every_spelling() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, _gateway) = scene()?;
    let long = "A".repeat(8000);
    for cookie in ["", "x", "..", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%00", &long] {
        let mut connection = Rude::connect(&lab.employee, lab.https())?;
        let reply = connection.exchange(connect_request(cookie).as_bytes())?;
        assert_eq!(status(&reply), 401, "{cookie:.20}: {reply}");
    }
    let mut connection = Rude::connect(&lab.employee, lab.https())?;
    let reply =
        connection.exchange(b"CONNECT somewhere.else:80 HTTP/1.1\r\nHost: somewhere.else:80\r\n\r\n")?;
    ensure!((400..=405).contains(&status(&reply)), "the gateway is no proxy: {reply}");
    Ok(())
}

#[test]
fn a_frame_may_be_cut_anywhere() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    let mut cookie = String::new();
    let whole = frame(kind::DPD_REQUEST, b"0123456789");
    for cut in 0..whole.len() {
        // A session may open ten tunnels at once.
        if cut % 10 == 0 {
            gateway.end_sessions("wong")?;
            cookie = sign_in(&lab.employee, lab.https(), "wong", PASSWORD)?;
        }
        // The rest comes in another record …
        let (first, second) = whole.split_at(cut);
        let mut channel = Channel::open(&lab.employee, lab.https(), &cookie)?;
        channel.tls.send(first)?;
        channel.tls.send(second)?;
        let answer = channel.next(kind::DPD_RESPONSE).with_context(|| format!("cut at {cut}"))?;
        assert_eq!(answer, b"0123456789", "cut at {cut}");
        // … or never.
        channel.tls.send(first)?;
    }
    let mut channel = Channel::open(&lab.employee, lab.https(), &cookie)?;
    for byte in &whole {
        channel.tls.send(&[*byte])?;
    }
    channel.next(kind::DPD_RESPONSE).context("one byte to a record")?;
    // Two frames in one record are taken as well; the later probe may stand for both.
    channel.tls.send(&[whole, frame(kind::DPD_REQUEST, b"the second")].concat())?;
    while channel.next(kind::DPD_RESPONSE).context("two frames in one record")? != b"the second" {}
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn a_frame_that_is_none_ends_the_channel_and_keeps_the_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    let cookie = sign_in(&lab.employee, lab.https(), "wong", PASSWORD)?;
    let mut wrong_magic = frame(kind::DPD_REQUEST, b"x");
    wrong_magic[0] = b'X';
    let mut wrong_version = frame(kind::DPD_REQUEST, b"x");
    wrong_version[3] = 9;
    let mut wrong_end = frame(kind::DPD_REQUEST, b"x");
    wrong_end[7] = 1;
    for bytes in [wrong_magic, wrong_version, wrong_end, frame(kind::DATA, &[0_u8; 60_000])] {
        let mut channel = Channel::open(&lab.employee, lab.https(), &cookie)?;
        channel.probe()?;
        channel.tls.send(&bytes)?;
        channel.tls.wait_for_close()?;
    }
    Channel::open(&lab.employee, lab.https(), &cookie)?.probe()?;
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn packets_that_are_none_or_not_the_clients_own_go_nowhere() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    let cookie = sign_in(&lab.employee, lab.https(), "wong", PASSWORD)?;
    let mut channel = Channel::open(&lab.employee, lab.https(), &cookie)?;
    let own: std::net::Ipv4Addr = channel.header("X-CSTP-Address").unwrap_or_default().parse()?;
    let capture = lab.intranet.within(|| std::net::UdpSocket::bind("172.31.0.10:12345"))??;
    capture.set_read_timeout(Some(praya_testkit::HANG))?;
    let intranet = [172, 31, 0, 10];
    let good = udp_packet(own.octets(), intranet, b"mine");
    let mut bad = vec![
        vec![],
        vec![0x45],
        vec![0xff; 40],
        vec![0x60; 39],
        udp_packet([10, 88, 0, 77], intranet, b"another's"),
        udp_packet([127, 0, 0, 1], intranet, b"loopback"),
        udp_packet(intranet, intranet, b"the intranet's"),
        udp_packet(own.octets(), [198, 51, 100, 1], b"to the gateway itself"),
        udp_packet(own.octets(), [8, 8, 8, 8], b"to the world"),
    ];
    // Cut anywhere.
    bad.extend((0..good.len()).step_by(7).map(|cut| good[..cut].to_vec()));
    for packet in bad {
        channel.tls.send(&frame(kind::DATA, &packet))?;
    }
    channel.tls.send(&frame(kind::DATA, &good))?;
    let mut buffer = [0; 100];
    let (count, _) = capture.recv_from(&mut buffer)?;
    assert_eq!(&buffer[..count], b"mine", "the first packet that arrives is the only one that may");
    channel.probe()?;
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn a_client_that_vanishes_without_a_word_is_noticed() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    let vanishing = lab.another_employee(30)?;
    let cookie = sign_in(&vanishing, lab.https(), "wong", PASSWORD)?;
    let mut channel = Channel::open(&vanishing, lab.https(), &cookie)?;
    channel.probe()?;
    gateway.wait_for_tunnels(1)?;
    // The cable is cut: no FIN, no RST, nothing.
    vanishing.shell("ip link set eth0 down")?;
    gateway.wait_for_tunnels(0)?;
    others_are_unaffected(&lab, &gateway)
}

/// Two thousand connections of one machine, every tenth of them with a TLS handshake; all of them succeed.
fn two_thousand_connections(attacker: &Namespace, to: SocketAddr) -> Result<(Vec<TcpStream>, Vec<Rude>)> {
    attacker.within(move || {
        let (mut bare, mut secure) = (Vec::new(), Vec::new());
        for number in 0..2000 {
            if number % 10 == 0 {
                secure.push(Rude::connect_from_here(to).with_context(|| format!("connection {number}"))?);
            } else {
                let connection = TcpStream::connect_timeout(&to, praya_testkit::HANG);
                bare.push(connection.with_context(|| format!("connection {number}"))?);
            }
        }
        Ok((bare, secure))
    })?
}

#[test]
fn two_thousand_idle_connections_from_one_client_disturb_nobody() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, gateway) = scene()?;
    let attacker = lab.another_employee(40)?;
    others_are_unaffected(&lab, &gateway)?;
    let before = gateway.memory_kib()?;
    let connections = two_thousand_connections(&attacker, lab.https())?;
    others_are_unaffected(&lab, &gateway)?;
    let after = gateway.memory_kib()?;
    ensure!(after < before + 32 * 1024, "memory rose from {before} to {after} KiB");
    let open = gateway.metric("praya_gateway_connections")?;
    ensure!(open <= 201, "one source holds {open} connections");
    let printed = gateway.printed();
    let complaints = printed.lines().filter(|line| line.contains("192.0.2.40")).count();
    ensure!((1..=50).contains(&complaints), "a clear word, not two thousand of them: {complaints}");
    drop(connections);
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn two_thousand_connections_that_stay_open_disturb_nobody() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut gateway) = scene()?;
    gateway.stop()?;
    // An operator who lets them: nobody is turned away, and nobody is let go while this test runs.
    gateway.set("limits.connections_per_source", 3000)?;
    gateway.set("limits.handshake_time", 300)?;
    gateway.set("limits.keep_alive_time", 300)?;
    gateway.set("limits.request_time", 300)?;
    gateway.start()?;
    let attacker = lab.another_employee(41)?;
    others_are_unaffected(&lab, &gateway)?;
    let before = gateway.memory_kib()?;
    let connections = two_thousand_connections(&attacker, lab.https())?;
    others_are_unaffected(&lab, &gateway)?;
    let open = gateway.metric("praya_gateway_connections")?;
    ensure!(open >= 2000, "{open} connections are still open");
    let after = gateway.memory_kib()?;
    ensure!(after < before + 64 * 1024, "memory rose from {before} to {after} KiB");
    drop(connections);
    others_are_unaffected(&lab, &gateway)
}

#[test]
fn a_flood_of_sign_ins_is_bounded_in_memory_and_refused_per_source() -> Result<()> {
    // One password check takes 19 MiB; this many run at once.
    const HASH_KIB: u64 = 19 * 1024;
    const PARALLEL: u64 = 4;
    if was_run_elsewhere()? {
        return Ok(());
    }
    let (lab, mut gateway) = scene()?;
    gateway.stop()?;
    gateway.set("sign_in.parallel_hashes", i64::try_from(PARALLEL)?)?;
    gateway.start()?;
    let attackers = (50..54).map(|number| lab.another_employee(number)).collect::<Result<Vec<_>>>()?;
    others_are_unaffected(&lab, &gateway)?;
    let (before, to) = (gateway.peak_memory_kib()?, lab.https());
    let floods = attackers
        .iter()
        .map(|attacker| {
            let network = attacker.network()?;
            // Ten at once from each machine, more in all than it may.
            Ok(thread::spawn(move || {
                namespace::within(network, move || {
                    let guessing = (0..10).map(|_| thread::spawn(move || guess(to, 5))).collect::<Vec<_>>();
                    guessing.into_iter().map(|one| one.join().unwrap_or_default()).sum::<u32>()
                })
            }))
        })
        .collect::<Result<Vec<_>>>()?;
    others_are_unaffected(&lab, &gateway).context("during the flood")?;
    for flood in floods {
        let refused = flood.join().map_err(|_| anyhow::anyhow!("the flood broke"))??;
        ensure!(refused > 0, "one address may guess without end");
    }
    let peak = gateway.peak_memory_kib()?;
    ensure!(peak > before + HASH_KIB, "no two checks ran at once: from {before} to {peak} KiB");
    let bound = before + (PARALLEL - 1) * HASH_KIB + 32 * 1024;
    ensure!(peak < bound, "memory rose from {before} to {peak} KiB, the bound is {bound}");
    others_are_unaffected(&lab, &gateway)
}

/// Guesses this often; returns how often the gateway would not even listen.
fn guess(to: SocketAddr, times: u32) -> u32 {
    let refused = |number: u32| {
        let name = format!("guess-{number}-{:?}", thread::current().id());
        let outcome = Rude::connect_from_here(to)
            .and_then(|mut connection| sign_in_over(&mut connection, &name, "a guess"));
        format!("{outcome:?}").contains("too_many_attempts")
    };
    (0..times).map(|number| u32::from(refused(number))).sum()
}

#[test]
fn no_secret_reaches_the_log() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    gateway.set("log.filter", "trace")?;
    gateway.add_people(&["wong"], PASSWORD)?;
    gateway.start()?;
    let cookie = sign_in(&lab.employee, lab.https(), "wong", PASSWORD)?;
    Channel::open(&lab.employee, lab.https(), &cookie)?.probe()?;
    let _ = sign_in(&lab.employee, lab.https(), "wong", "a mistyped password");
    let printed = gateway.stop()?;
    for secret in [PASSWORD, "a mistyped password", &cookie] {
        ensure!(!printed.contains(secret), "{secret} stands in the log");
    }
    Ok(())
}

/// Whether the peer closes without having been asked to.
fn closes(stream: &mut TcpStream) -> Result<bool> {
    let mut buffer = [0; 1024];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(_) => {}
            Err(error) => return Ok(error.kind() == std::io::ErrorKind::ConnectionReset),
        }
    }
}
