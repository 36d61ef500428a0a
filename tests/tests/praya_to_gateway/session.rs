//! What a session gives, to whom, and what of it a view shows.

use anyhow::{Result, ensure};
use praya_testkit::privilege::{has_other_users, was_run_elsewhere};
use praya_testkit::programs;
use praya_testkit::web::{PAGE, known_bytes, sha256};
use praya_tests::lab::{GATEWAY_NAME, INTRANET, INTRANET_V6};

use super::{NEW_PASSWORD, PASSWORD, Scene};

#[test]
fn a_million_bytes_arrive_intact_each_way_over_both_families_and_are_counted() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let expected = sha256(&known_bytes(1_000_000));
    for host in [INTRANET, INTRANET_V6] {
        let fetched = scene.lab.fetch(host, "/bytes/1000000")?;
        ensure!(fetched.status.success(), "{host}: {}", fetched.everything);
        assert_eq!(sha256(&fetched.output), expected, "from {host}");
        assert_eq!(scene.lab.send(host, &known_bytes(1_000_000))?, expected, "to {host}");
    }
    scene.client.wait_for_status(&scene.lab.employee, |status| {
        ["received_bytes", "sent_bytes"].iter().all(|counter| status[counter].as_u64() >= Some(2_000_000))
    })?;
    Ok(())
}

#[test]
fn b_16_the_status_shows_name_address_user_duration_and_counters() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let add = ["profile", "add", "TCC-VPN", "--gateway", GATEWAY_NAME, "--pin", &scene.gateway.pin];
    scene.client.praya(&scene.lab.employee, &add)?.succeed()?;
    // Nothing takes its name but the person's own wish.
    let evil = ["profile", "add", "tcc-vpn", "--gateway", "evil.example"];
    let taken = scene.client.praya(&scene.lab.employee, &evil)?.run()?;
    ensure!(taken.code() == 1 && taken.everything.contains("“TCC-VPN” already"), "{}", taken.everything);
    let moved = ["profile", "add", "TCC-VPN", "--gateway", "moved.example"];
    ensure!(scene.client.praya(&scene.lab.employee, &moved)?.run()?.code() == 1);
    for replaced in [&moved[..], &add[..]] {
        scene.client.praya(&scene.lab.employee, &[replaced, &["--replace"]].concat())?.succeed()?;
    }
    scene.client.praya(&scene.lab.employee, &["logout"])?.succeed()?;
    let login = scene.client.praya(
        &scene.lab.employee,
        &["login", "--profile", "TCC-VPN", "--account", "wong", "--answers-stdin"],
    )?;
    let login = login.start()?;
    login.type_line(PASSWORD)?;
    assert_eq!(login.wait()?.code(), 0);
    ensure!(scene.lab.reaches_intranet()?);
    let shown = scene.client.praya(&scene.lab.employee, &["status"])?.succeed()?.text();
    for part in ["TCC-VPN", "10.88.", "wong", "00:00:", " B"] {
        ensure!(shown.contains(part), "{part} in\n{shown}");
    }
    Ok(())
}

#[test]
fn a_24_a_25_resources_are_listed_by_group_to_an_active_session_only() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let listed = scene.client.json(&scene.lab.employee, &["resources"])?;
    let names: Vec<_> =
        listed.as_array().into_iter().flatten().map(|resource| resource["name"].clone()).collect();
    ensure!(names.iter().any(|name| name == "Intranet"), "{listed}");
    scene.client.praya(&scene.lab.employee, &["logout"])?.succeed()?;
    let listed = scene.client.run(&scene.lab.employee, &["resources"])?;
    assert_eq!(listed.code(), 3, "{}", listed.everything);
    Ok(())
}

#[test]
fn what_is_not_published_to_the_person_is_not_reached() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("tunnel.routes", vec!["172.31.0.0/24", "fd31::/64"]))?;
    let hidden = praya_testkit::web::Site::open(&scene.lab.intranet, 8080)?;
    scene.sign_in()?;
    let refused = scene.lab.fetch(INTRANET, ":8080/")?;
    ensure!(!refused.status.success(), "{}", refused.everything);
    ensure!(hidden.visitors().is_empty(), "a packet got through");
    Ok(())
}

#[test]
fn resources_published_while_the_tunnel_is_up_are_open_at_once() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::new(|gateway| gateway.set("tunnel.routes", vec!["172.31.0.0/24", "fd31::/64"]))?;
    let _other = praya_testkit::web::Site::open(&scene.lab.intranet, 8080)?;
    scene.sign_in()?;
    scene.gateway.publish("staff", "Other", "http://172.31.0.10:8080/", &["tcp:172.31.0.10:8080"])?;
    // The gateway looks for changes five times a second; the first packets may still be refused.
    let reached =
        (0..50).any(|_| scene.lab.fetch(INTRANET, ":8080/").is_ok_and(|page| page.output == PAGE.as_bytes()));
    ensure!(reached);
    Ok(())
}

#[test]
fn a_26_the_password_is_changed_from_the_session() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::plain()?;
    let early = scene.client.run(&scene.lab.employee, &["password", "--answers-stdin"])?;
    assert_eq!(early.code(), 3, "nothing is asked of who is not signed in: {}", early.everything);
    scene.sign_in()?;
    scene.client.wait_for(|snapshot| snapshot["password_rules"].is_object())?;
    let terminal = scene.client.praya(&scene.lab.employee, &["password"])?.start_on_terminal()?;
    let place = terminal.wait_for("Present password:")?;
    terminal.type_line(PASSWORD)?;
    terminal.wait_for_after(place, "It must be:")?;
    let place = terminal.wait_for_after(place, "New password:")?;
    terminal.type_line("short")?;
    terminal.wait_for_after(place, "[ ] at least")?;
    let place = terminal.wait_for_after(place, "New password:")?;
    terminal.type_line(NEW_PASSWORD)?;
    let place = terminal.wait_for_after(place, "New password again:")?;
    terminal.type_line("something else entirely")?;
    terminal.wait_for_after(place, "The two entries differ.")?;
    terminal.type_line("\u{3}")?;
    let ended = terminal.wait()?;
    assert_eq!(ended.code(), 130, "{}", ended.everything);
    ensure!(!ended.everything.contains("is due"), "nobody demands this change: {}", ended.everything);
    let change = |current: &str| {
        let process = scene.client.praya(&scene.lab.employee, &["password", "--answers-stdin"])?.start()?;
        process.type_line(current)?;
        process.type_line(NEW_PASSWORD)?;
        process.wait()
    };
    let wrong = change("not the password")?;
    assert_eq!(wrong.code(), 5, "{}", wrong.everything);
    let right = change(PASSWORD)?;
    assert_eq!(right.code(), 0, "{}", right.everything);
    ensure!(scene.lab.reaches_intranet()?, "the session in which it was changed goes on");
    scene.client.praya(&scene.lab.employee, &["logout"])?.succeed()?;
    let (code, said) = scene.login("wong", &[PASSWORD])?;
    assert_eq!(code, 5, "{said}");
    let (code, said) = scene.login("wong", &[NEW_PASSWORD])?;
    assert_eq!(code, 0, "{said}");
    Ok(())
}

#[test]
fn another_person_on_the_machine_sees_that_it_is_in_use_and_no_more() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    ensure!(
        has_other_users(),
        "this test needs further user ids: install the package uidmap, or run as root"
    );
    let scene = Scene::connected()?;
    let socket = scene.client.socket.display();
    scene.lab.employee.shell(&format!("chmod o+x $(dirname {socket}) $(dirname $(dirname {socket}))"))?;
    let as_user = |uid: &str, words: &[&str]| {
        let setpriv = ["--reuid", uid, "--regid", uid, "--clear-groups", "--"];
        let praya = programs::path("praya")?;
        scene
            .lab
            .employee
            .program("setpriv")
            .args(setpriv)
            .arg(praya)
            .arg("--socket")
            .arg(&scene.client.socket)
            .args(words)
            .run()
    };
    let status = as_user("2000", &["status"])?;
    ensure!(status.everything.contains("Another person"), "{}", status.everything);
    for told in ["wong", "10.88.", GATEWAY_NAME] {
        ensure!(!status.everything.contains(told), "{told} in {}", status.everything);
    }
    for words in [&["logout"][..], &["resources"], &["disconnect"], &["reset-network"]] {
        let refused = as_user("2000", words)?;
        assert_eq!(refused.code(), 1, "{words:?}: {}", refused.everything);
        // A daemon's user is nobody's person.
        let refused = as_user("33", words)?;
        ensure!(refused.code() != 0, "{words:?}: {}", refused.everything);
    }
    ensure!(scene.lab.reaches_intranet()?);
    Ok(())
}

#[test]
fn the_doctor_finds_everything_well_and_names_what_is_not() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let mut scene = Scene::connected()?;
    let state = scene.client.state.display().to_string();
    let well = scene.client.run(&scene.lab.employee, &["doctor", "--state", &state, "--json"])?;
    assert_eq!(well.code(), 0, "{}", well.everything);
    ensure!(!well.text().contains("\"bad\""), "{}", well.everything);
    scene.gateway.stop()?;
    scene.client.wait_for(|snapshot| snapshot["reconnect"].is_object())?;
    let ill = scene.client.run(&scene.lab.employee, &["doctor", "--state", &state, "--json"])?;
    ensure!(ill.code() != 0 && ill.text().contains("\"bad\""), "{}", ill.everything);
    Ok(())
}

#[test]
fn a_31_views_come_and_go_and_the_tunnel_does_not_notice() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::connected()?;
    let before = scene.status()?;
    let view = scene.client.praya(&scene.lab.employee, &["status", "--watch"])?.start()?;
    view.wait_for("wong")?;
    view.kill()?;
    ensure!(scene.lab.reaches_intranet()?);
    let after = scene.status()?;
    for field in ["session", "addresses", "connected_since_ms", "account"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    ensure!(
        after["received_bytes"].as_u64() >= before["received_bytes"].as_u64(),
        "counters live in the service"
    );
    Ok(())
}
