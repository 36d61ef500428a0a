//! What goes wrong on the machine itself: one clear message with what to do, a fitting exit code, and everything left
//! as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use praya_testkit::privilege::{has_other_users, was_run_elsewhere};
use praya_testkit::{Finished, programs};
use praya_tests::Lab;
use praya_tests::client::Client;
use praya_tests::gateway::Gateway;
use praya_tests::raw;

const PASSWORD: &str = "correct horse battery";

// Exit codes by sysexits(3).
const BAD_INPUT: i32 = 65;
const NO_INPUT: i32 = 66;
const UNAVAILABLE: i32 = 69;
const DISK: i32 = 74;
const NO_PERMISSION: i32 = 77;
const CONFIG: i32 = 78;

/// Every file under a folder with its contents; SQLite's shared-memory index is not state.
fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else if !path.to_string_lossy().ends_with("-shm") {
            found.insert(path.display().to_string(), fs::read(&path)?);
        }
    }
    Ok(found)
}

/// `serve` fails with this code and these words, and neither the network nor the state folder has changed.
fn serve_fails(lab: &Lab, gateway: &Gateway, code: i32, words: &[&str]) -> Result<Finished> {
    let (network, state) = (lab.gateway.network_state()?, files(&gateway.state)?);
    let ended = gateway.praya(&["serve"])?.run()?;
    assert_eq!(ended.code(), code, "{}", ended.everything);
    for word in words {
        ensure!(ended.everything.contains(word), "{word:?} is missing in: {}", ended.everything);
    }
    ensure!(!ended.everything.contains("panicked"), "{}", ended.everything);
    assert_eq!(lab.gateway.network_state()?, network);
    let now = files(&gateway.state)?;
    let changed: Vec<_> =
        now.keys().chain(state.keys()).filter(|name| now.get(*name) != state.get(*name)).collect();
    ensure!(changed.is_empty(), "{changed:?} changed");
    Ok(ended)
}

#[test]
fn a_bad_configuration_names_the_file_the_line_and_the_key() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let gateway = Gateway::init(&lab)?;
    let file = gateway.state.join("config.toml");
    let good = fs::read_to_string(&file)?;
    for (from, to, words) in [
        ("idle_timeout =", "idle_timeuot =", &["config.toml", "idle_timeuot", "line"][..]),
        ("mtu = 1400", "mtu = 100", &["config.toml", "mtu", "1280"]),
        ("mtu = 1400", "mtu = \"large\"", &["config.toml", "mtu"]),
        ("[sessions]", "[sessions", &["config.toml"]),
        ("per_account = 1", "per_account = 0", &["config.toml", "per_account"]),
    ] {
        ensure!(good.contains(from), "{from} stands in the file that init writes");
        fs::write(&file, good.replacen(from, to, 1))?;
        serve_fails(&lab, &gateway, CONFIG, words)?;
    }
    fs::remove_file(&file)?;
    serve_fails(&lab, &gateway, CONFIG, &["config.toml"])?;
    Ok(())
}

#[test]
fn a_used_port_is_named() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let gateway = Gateway::init(&lab)?;
    let _taken = lab.gateway.within(|| std::net::TcpListener::bind("[::]:443"))??;
    serve_fails(&lab, &gateway, UNAVAILABLE, &["443", "use"])?;
    Ok(())
}

#[test]
fn a_second_gateway_on_the_same_state_is_refused() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.start()?;
    let network = lab.gateway.network_state()?;
    // The port is the first thing that is taken; with one of its own it still meets the first gateway.
    let second = gateway.praya(&["serve"])?.run()?;
    assert_eq!(second.code(), UNAVAILABLE, "{}", second.everything);
    ensure!(second.everything.contains("listen.https"), "{}", second.everything);
    gateway.set("listen.https", vec!["[::]:8443"])?;
    gateway.set("listen.metrics", "127.0.0.1:9444")?;
    let second = gateway.praya(&["serve"])?.run()?;
    assert_eq!(second.code(), UNAVAILABLE, "{}", second.everything);
    ensure!(second.everything.contains("another gateway"), "{}", second.everything);
    ensure!(!second.everything.contains("panicked"), "{}", second.everything);
    assert_eq!(lab.gateway.network_state()?, network, "the first one's network is untouched");
    Ok(())
}

#[test]
fn a_missing_tun_device_is_said_before_anything_is_changed() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let gateway = Gateway::init(&lab)?;
    lab.gateway.shell("mount -t tmpfs none /dev/net")?;
    serve_fails(&lab, &gateway, UNAVAILABLE, &["/dev/net/tun"])?;
    Ok(())
}

#[test]
fn a_damaged_a_foreign_and_a_newer_database_are_told_apart_and_left_alone() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.add_people(&["wong"], PASSWORD)?;
    let file = gateway.state.join("praya.db");
    let good = fs::read(&file)?;

    let mut newer = good.clone();
    newer.get_mut(60..64).context("a database has a head")?.copy_from_slice(&999_u32.to_be_bytes());
    fs::write(&file, &newer)?;
    serve_fails(&lab, &gateway, BAD_INPUT, &["praya.db", "newer"])?;

    let mut foreign = good.clone();
    foreign.get_mut(68..72).context("a database has a head")?.copy_from_slice(&1_u32.to_be_bytes());
    fs::write(&file, &foreign)?;
    serve_fails(&lab, &gateway, BAD_INPUT, &["praya.db"])?;

    let mut damaged = good.clone();
    damaged.get_mut(4096..).context("a database has pages")?.fill(0x5a);
    fs::write(&file, &damaged)?;
    serve_fails(&lab, &gateway, BAD_INPUT, &["praya.db", "damaged"])?;

    fs::write(
        &file,
        b"this is no database at all, and longer than the head of one is, by a good piece indeed ..",
    )?;
    serve_fails(&lab, &gateway, BAD_INPUT, &["praya.db"])?;

    fs::remove_file(&file)?;
    serve_fails(&lab, &gateway, NO_INPUT, &["init"])?;

    fs::write(&file, &good)?;
    let person = gateway.admin(&["person", "list"])?;
    ensure!(person.to_string().contains("wong"), "{person}");
    Ok(())
}

#[test]
fn a_full_disk_stops_init_and_serve_with_a_word_and_a_running_gateway_not_at_all() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let folder = lab.gateway.folder("gateway")?;
    let disk = folder.display();
    lab.gateway.shell(&format!("mount -t tmpfs -o size=2m none {disk}"))?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.add_people(&["wong"], PASSWORD)?;
    // As much as fits, and then not a byte more.
    let fill = format!(
        "dd if=/dev/zero of={disk}/filler bs=1k 2>/dev/null || true; echo x >> {disk}/filler || true"
    );
    lab.gateway.shell(&fill)?;
    // The second time there is a little room, but not for what SQLite wants to make.
    for spare in ["0", "16K"] {
        lab.gateway.shell(&format!("truncate -s -{spare} {disk}/filler"))?;
        let state =
            || lab.gateway.shell(&format!("find {disk} -type f ! -name filler -exec sha256sum {{}} +"));
        let (network, before) = (lab.gateway.network_state()?, state()?);
        for words in [&["serve"][..], &["check"], &["person", "list"]] {
            let ended = gateway.praya(words)?.run()?;
            assert_eq!(ended.code(), DISK, "{words:?}: {}", ended.everything);
            for word in ["praya.db", "full", "make room"] {
                ensure!(ended.everything.contains(word), "{word:?} is missing in: {}", ended.everything);
            }
            assert_eq!(state()?, before, "{words:?} leaves nothing behind");
        }
        assert_eq!(lab.gateway.network_state()?, network);
    }
    lab.gateway.shell(&format!("rm {disk}/filler"))?;
    gateway.start()?;
    lab.gateway.shell(&fill)?;
    let outcome = raw::sign_in(&lab.employee, lab.https(), "wong", PASSWORD);
    ensure!(outcome.is_err(), "a sign-in that cannot be written down must not succeed");
    ensure!(!gateway.printed().contains("panicked"), "{}", gateway.printed());
    let person = gateway.praya(&["person", "disable", "wong"])?.run()?;
    assert_eq!(person.code(), DISK, "{}", person.everything);
    ensure!(
        person.everything.contains("full") || person.everything.contains("room"),
        "{}",
        person.everything
    );
    let init = gateway
        .praya(&["init"])?
        .args(["--name", "a.test"])
        .arg("--state")
        .arg(folder.join("other"))
        .run()?;
    ensure!(init.code() != 0 && !init.everything.contains("panicked"), "{}", init.everything);
    ensure!(
        lab.gateway.shell(&format!("ls {disk}"))?.lines().all(|name| name != "other"),
        "half a state folder is left"
    );
    // With room again, it goes on as if nothing had been.
    lab.gateway.shell(&format!("rm {disk}/filler"))?;
    let again = raw::sign_in(&lab.employee, lab.https(), "wong", PASSWORD);
    ensure!(again.is_ok() || format!("{again:?}").contains("no_token"), "{again:?}");
    Ok(())
}

#[test]
fn without_privileges_it_says_which_are_missing() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    ensure!(
        has_other_users(),
        "this test needs a second user id: install the package uidmap, or run as root"
    );
    let lab = Lab::new()?;
    let gateway = Gateway::init(&lab)?;
    let program = programs::path("praya-gateway")?;
    let as_nobody = |words: &[&str]| {
        let setpriv = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--"];
        lab.gateway
            .program("setpriv")
            .args(setpriv)
            .arg(&program)
            .args(words)
            .arg("--state")
            .arg(&gateway.state)
            .run()
    };
    let network = lab.gateway.network_state()?;
    // Somebody else's state folder.
    let refused = as_nobody(&["serve"])?;
    assert_eq!(refused.code(), NO_PERMISSION, "{}", refused.everything);
    // A folder of his own, and no right to make a tunnel device.
    let state = gateway.state.display();
    lab.gateway.shell(&format!(
        "chown -R 65534:65534 {state}; chmod o+x $(dirname {state}) $(dirname $(dirname {state}))"
    ))?;
    let refused = as_nobody(&["serve"])?;
    assert_eq!(refused.code(), NO_PERMISSION, "{}", refused.everything);
    ensure!(
        refused.everything.contains("CAP_NET_ADMIN") || refused.everything.contains("root"),
        "{}",
        refused.everything
    );
    assert_eq!(lab.gateway.network_state()?, network);
    Ok(())
}

#[test]
fn a_key_that_others_can_read_is_refused() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let gateway = Gateway::init(&lab)?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(gateway.state.join("wrapping.key"), open)?;
    serve_fails(&lab, &gateway, NO_PERMISSION, &["wrapping.key", "chmod 600"])?;
    Ok(())
}

#[test]
fn a_stopped_and_a_killed_gateway_leave_the_machine_as_it_was() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    let before = lab.gateway.network_state()?;
    gateway.start()?;
    ensure!(lab.gateway.network_state()? != before);
    gateway.stop()?;
    assert_eq!(lab.gateway.network_state()?, before);
    gateway.start()?;
    gateway.kill()?;
    // The next start cleans up before it sets up.
    gateway.start()?;
    gateway.stop()?;
    assert_eq!(lab.gateway.network_state()?, before);
    Ok(())
}

#[test]
fn a_service_without_a_tun_device_says_so_at_login_and_changes_nothing() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    gateway.add_people(&["wong"], PASSWORD)?;
    gateway.start()?;
    lab.employee.shell("mount -t tmpfs none /dev/net")?;
    let before = lab.employee.network_state()?;
    let client = Client::started(&lab.employee)?;
    let login = client.login(&lab.employee, &gateway.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 1, "{}", login.everything);
    ensure!(login.everything.contains("/dev/net/tun"), "{}", login.everything);
    assert_eq!(lab.employee.network_state()?, before);
    Ok(())
}

#[test]
fn a_command_line_without_a_service_says_how_to_start_it() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let client = Client::new(&lab.employee)?;
    for words in [&["status"][..], &["resources"], &["logout"]] {
        let ended = client.run(&lab.employee, words)?;
        assert_eq!(ended.code(), 4, "{}", ended.everything);
        ensure!(ended.everything.contains("prayad"), "{}", ended.everything);
    }
    Ok(())
}

#[test]
fn a_second_service_on_the_same_socket_is_refused_and_the_first_goes_on() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let client = Client::started(&lab.employee)?;
    let second = client.service(&lab.employee)?.run()?;
    ensure!(second.code() != 0 && !second.everything.contains("panicked"), "{}", second.everything);
    ensure!(second.everything.contains("another service"), "{}", second.everything);
    assert_eq!(client.run(&lab.employee, &["status"])?.code(), 0);
    Ok(())
}

#[test]
fn a_service_whose_files_are_damaged_says_which_or_starts_without_a_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    gateway.add_people(&["wong"], PASSWORD)?;
    gateway.start()?;
    let mut client = Client::started(&lab.employee)?;
    assert_eq!(client.login(&lab.employee, &gateway.pin, "wong", &[PASSWORD])?.code(), 0);
    let add = ["profile", "add", "lab", "--gateway", "vpn.praya.test"];
    assert_eq!(client.run(&lab.employee, &add)?.code(), 0);
    client.kill()?;
    for (name, code) in [("profiles.json", DISK), ("device.key", DISK)] {
        let file = client.state.join(name);
        let good = fs::read(&file).with_context(|| format!("{name} is there to be damaged"))?;
        fs::write(&file, b"\x00damaged")?;
        let network = lab.employee.network_state()?;
        let ended = client.service(&lab.employee)?.run()?;
        assert_eq!(ended.code(), code, "{name}: {}", ended.everything);
        ensure!(ended.everything.contains(&file.display().to_string()), "{}", ended.everything);
        ensure!(!ended.everything.contains("panicked"), "{}", ended.everything);
        assert_eq!(lab.employee.network_state()?, network, "{name}");
        assert_eq!(fs::read(&file)?, b"\x00damaged", "{name} is left for whoever looks into it");
        fs::write(&file, good)?;
    }
    // A session can be had anew; a file that only opens one is no reason not to start. Nor is a journal of which
    // nothing can be read: it is kept, and the doctor points at it.
    fs::write(client.state.join("resume.json"), b"\x00damaged")?;
    fs::write(client.state.join("undo.journal"), b"\x00damaged\n")?;
    let service = client.service(&lab.employee)?.start()?;
    service.wait_for("ready")?;
    assert_eq!(client.json(&lab.employee, &["status"])?["state"], "no_session");
    ensure!(service.printed().contains("resume file"), "{}", service.printed());
    ensure!(service.printed().contains("undo journal is damaged"), "{}", service.printed());
    let doctor = client.run(&lab.employee, &["doctor"])?;
    ensure!(doctor.everything.contains("undo.journal.damaged-"), "{}", doctor.everything);
    ensure!(!service.printed().contains("panicked"), "{}", service.printed());
    Ok(())
}

/// Not a byte more fits on the disk that `client`'s state folder is.
fn fill_disk(lab: &Lab, client: &Client) -> Result<()> {
    let filler = client.state.join("filler");
    let fill =
        format!("dd if=/dev/zero of={0} bs=1k 2>/dev/null || true; echo x >> {0} || true", filler.display());
    lab.employee.shell(&fill)?;
    Ok(())
}

#[test]
fn a_service_on_a_full_disk_asks_for_room_and_needs_it_only_for_a_first_key_and_a_new_tunnel() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let lab = Lab::new()?;
    let mut gateway = Gateway::init(&lab)?;
    gateway.set("sign_in.second_factor", "when_assigned")?;
    gateway.add_people(&["wong"], PASSWORD)?;
    gateway.start()?;
    let mut client = Client::new(&lab.employee)?;
    let disk = client.state.display().to_string();
    lab.employee.shell(&format!("mount -t tmpfs -o size=256k none {disk}"))?;
    let make_room = || lab.employee.shell(&format!("rm {disk}/filler"));
    let before = lab.employee.network_state()?;

    // Without a key there is nothing to start with, and nothing to put aside.
    fill_disk(&lab, &client)?;
    let ended = client.service(&lab.employee)?.run()?;
    assert_eq!(ended.code(), DISK, "{}", ended.everything);
    ensure!(ended.everything.contains("device.key"), "{}", ended.everything);
    ensure!(ended.everything.contains("make room on that disk and try again"), "{}", ended.everything);
    ensure!(!ended.everything.contains("aside"), "{}", ended.everything);
    assert_eq!(lab.employee.shell(&format!("ls {disk}"))?.trim(), "filler");

    // With one it starts; no tunnel comes up whose undoing cannot be written down.
    make_room()?;
    client.start(&lab.employee)?;
    client.stop()?;
    let key = lab.employee.shell(&format!("sha256sum {disk}/device.key"))?;
    fill_disk(&lab, &client)?;
    client.start(&lab.employee)?;
    let login = client.login(&lab.employee, &gateway.pin, "wong", &[PASSWORD])?;
    assert_eq!(login.code(), 1, "{}", login.everything);
    ensure!(login.everything.contains("No space left"), "{}", login.everything);
    assert_eq!(lab.employee.network_state()?, before);

    // With room again, it works without a new start.
    make_room()?;
    client.run(&lab.employee, &["logout"])?;
    assert_eq!(client.login(&lab.employee, &gateway.pin, "wong", &[PASSWORD])?.code(), 0);

    // A session goes on when the disk fills up: what cannot be kept for the next service is a warning.
    fill_disk(&lab, &client)?;
    gateway.stop()?;
    client.wait_for_state("reconnecting")?;
    gateway.start()?;
    let status = client.wait_for_state("connected")?;
    ensure!(status["warnings"].to_string().contains("not_resumable"), "{status:#}");
    ensure!(client.run(&lab.employee, &["status"])?.everything.contains("No space left"));

    // A crash and its clean-up need no room either.
    client.kill()?;
    gateway.stop()?;
    client.start(&lab.employee)?;
    lab.employee.wait_for_network_state(&before)?;
    make_room()?;
    assert_eq!(lab.employee.shell(&format!("sha256sum {disk}/device.key"))?, key, "the key is the same");
    Ok(())
}

#[test]
fn a_service_without_privileges_says_which_are_missing() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    ensure!(
        has_other_users(),
        "this test needs a second user id: install the package uidmap, or run as root"
    );
    let lab = Lab::new()?;
    let client = Client::new(&lab.employee)?;
    // The folders are the caller's own, so that nothing is missing but the right to manage networks.
    let own = [client.state.as_path(), client.socket.parent().context("the socket's folder")?]
        .map(|path| path.display().to_string());
    lab.employee.shell(&format!("chown 65534:65534 {0} {1}; chmod o+x $(dirname {0})", own[0], own[1]))?;
    let before = lab.employee.network_state()?;
    let setpriv = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--"];
    let ended = lab
        .employee
        .program("setpriv")
        .args(setpriv)
        .arg(programs::path("prayad")?)
        .arg("--state")
        .arg(&client.state)
        .arg("--socket")
        .arg(&client.socket)
        .run()?;
    assert_eq!(ended.code(), NO_PERMISSION, "{}", ended.everything);
    ensure!(ended.everything.contains("CAP_NET_ADMIN"), "{}", ended.everything);
    assert_eq!(lab.employee.network_state()?, before);
    Ok(())
}
