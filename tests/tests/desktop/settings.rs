//! Settings that reach beyond the window: an administrator's, the start at login, and the report for the help desk.

use anyhow::{Context, Result, ensure};
use praya_testkit::privilege::was_run_elsewhere;
use praya_tests::lab::GATEWAY_NAME;

use crate::{PASSWORD, Scene, choose, sign_in};

#[test]
fn what_an_administrator_fixes_holds_the_start_at_login_is_a_file_and_the_report_names_nobody() -> Result<()>
{
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let managed = scene.desk.home().join("managed.toml");
    std::fs::write(&managed, "theme = \"dark\"\nopen_web = \"copy_address\"\n")?;
    let window = scene.open_with(&["--managed", managed.to_str().context("a path")?])?;
    sign_in(&window, "wong", PASSWORD)?;
    // The fixed way of opening opens nothing.
    window.press("Intranet")?;
    window.wait_for("The address is copied.")?;

    choose(&window, "Settings")?;
    window.wait_for("Managed by your organisation")?;
    let fixed = "return [...document.querySelectorAll('select:disabled')].map((list) => list.value);";
    assert_eq!(window.run(fixed)?, serde_json::json!(["dark", "copy_address"]));
    // Not by the window's own words either.
    let refused = window.run_until(
        "window.__TAURI_INTERNALS__.invoke('set_setting', { args: { key: 'theme', value: 'light' } })
           .then(() => 'taken', (failure) => failure.code ?? failure).then(arguments[0]);",
    )?;
    assert_eq!(refused, "not_permitted");

    let entry = scene.desk.home().join(".config/autostart/org.praya.desktop.desktop");
    let switch = "Start Praya when I sign in to this computer";
    for on in [true, false] {
        window.press(switch)?;
        window.wait_for_switch(switch, on)?;
        assert_eq!(entry.exists(), on);
    }

    window.press("Diagnostics")?;
    window.press("Collect")?;
    window.wait_for("What is collected")?;
    let report = window.run("return document.querySelector('textarea').value;")?;
    let report = report.as_str().context("a report")?;
    ensure!(report.contains("# State") && report.contains("\"connected\""), "{report}");
    for secret in ["wong", PASSWORD, GATEWAY_NAME, "172.31.", "198.51.100.", "Intranet"] {
        ensure!(!report.contains(secret), "{secret} in {report}");
    }
    window.press("Save as a file …")?;
    window.wait_for("Saved as ")?;
    let text = window.text()?;
    let path = text.lines().find_map(|line| line.trim().strip_prefix("Saved as ")).context("a path")?;
    let saved = std::fs::read_to_string(path).with_context(|| path.to_owned())?;
    assert_eq!(saved, report, "what was shown is what is saved");

    // The licences are a file of their own, which the window loads only now.
    choose(&window, "About Praya")?;
    window.wait_for("Praya contains the work of others.")?;
    window.run("document.querySelector('summary').click();")?;
    window.wait_for("webkit2gtk ")?;
    Ok(())
}
