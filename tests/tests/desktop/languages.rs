//! The language changes while the window is open, and stays for the next time.

use anyhow::Result;
use praya_testkit::privilege::was_run_elsewhere;

use crate::{Scene, choose};

#[test]
fn the_language_changes_at_once_and_is_kept() -> Result<()> {
    if was_run_elsewhere()? {
        return Ok(());
    }
    let scene = Scene::with_profile(|_| Ok(()))?;
    let window = scene.open()?;
    window.wait_for_button("Sign in")?;
    choose(&window, "Settings")?;
    let mut label = "Language";
    // (the language by its own name, "Language" in it, words of the settings that only this one has)
    for (language, next_label, words) in [
        ("繁體中文（台灣）", "語言", "記住帳號"),
        ("繁體中文（澳門）", "語言", "記住帳戶"),
        ("Português (Macau)", "Idioma", "Aspeto"),
    ] {
        window.choose(label, language)?;
        window.wait_for(words)?;
        label = next_label;
    }
    window.kill()?;
    let window = scene.open()?;
    window.wait_for("Palavra-passe")
}
