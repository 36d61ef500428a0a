//! The window's commands, each a line: the engine does them all.

use praya_desktop::commands::{
    AddProfile, Answer, BeginSignIn, ChangePassword, InvitationText, Logout, OneCheck, OneLink, OneProfile,
    OneResource, OneSession, Opened, PinProfile, ProgramCheck, ProgramWords, SetFavourite,
};
use praya_desktop::invitation::Invitation;
use praya_desktop::settings::Setting;
use praya_desktop::{AppState, Engine};
use praya_ipc::Diagnosis;
use praya_model::api::OwnSession;
use praya_model::{Failure, FailureCode};
use tauri::{State, WebviewWindow};

use crate::safe_mode::Start;

type Result<T> = std::result::Result<T, Failure>;
type TheEngine<'a> = State<'a, Engine>;

/// The first command of every window: that it comes says that the page runs.
#[tauri::command]
pub(crate) fn state(engine: TheEngine<'_>, start: State<'_, Start>) -> AppState {
    start.page_is_running();
    engine.state()
}

#[tauri::command]
pub(crate) async fn begin_sign_in(engine: TheEngine<'_>, args: BeginSignIn) -> Result<()> {
    engine.begin_sign_in(args).await
}

#[tauri::command]
pub(crate) async fn answer(engine: TheEngine<'_>, args: Answer) -> Result<()> {
    engine.answer(args).await
}

#[tauri::command]
pub(crate) async fn cancel_sign_in(engine: TheEngine<'_>) -> Result<()> {
    engine.cancel_sign_in().await
}

#[tauri::command]
pub(crate) async fn connect(engine: TheEngine<'_>) -> Result<()> {
    engine.connect().await
}

#[tauri::command]
pub(crate) async fn disconnect(engine: TheEngine<'_>) -> Result<()> {
    engine.disconnect().await
}

#[tauri::command]
pub(crate) async fn logout(engine: TheEngine<'_>, args: Logout) -> Result<()> {
    engine.logout(args.exit).await
}

#[tauri::command]
pub(crate) async fn stay_after_all(engine: TheEngine<'_>) -> Result<()> {
    engine.stay_after_all();
    Ok(())
}

#[tauri::command]
pub(crate) async fn stay(engine: TheEngine<'_>) -> Result<()> {
    engine.stay().await
}

#[tauri::command]
pub(crate) async fn check_again(engine: TheEngine<'_>) -> Result<()> {
    engine.check_again().await
}

#[tauri::command]
pub(crate) async fn open_system_page(engine: TheEngine<'_>, args: OneCheck) -> Result<()> {
    engine.open_system_page(args)
}

#[tauri::command]
pub(crate) async fn open_link(engine: TheEngine<'_>, args: OneLink) -> Result<Opened> {
    engine.open_link(&args.link)
}

#[tauri::command]
pub(crate) async fn refresh_resources(engine: TheEngine<'_>) -> Result<()> {
    engine.refresh_resources();
    Ok(())
}

#[tauri::command]
pub(crate) async fn open_resource(engine: TheEngine<'_>, args: OneResource) -> Result<Opened> {
    engine.open_resource(&args.id).await
}

#[tauri::command]
pub(crate) async fn copy_address(engine: TheEngine<'_>, args: OneResource) -> Result<()> {
    engine.copy_address(&args.id)
}

#[tauri::command]
pub(crate) async fn set_favourite(engine: TheEngine<'_>, args: SetFavourite) -> Result<()> {
    engine.set_favourite(&args)
}

#[tauri::command]
pub(crate) async fn change_password(engine: TheEngine<'_>, args: ChangePassword) -> Result<()> {
    engine.change_password(args).await
}

#[tauri::command]
pub(crate) async fn sessions(engine: TheEngine<'_>) -> Result<Vec<OwnSession>> {
    engine.sessions().await
}

#[tauri::command]
pub(crate) async fn end_session(engine: TheEngine<'_>, args: OneSession) -> Result<()> {
    engine.end_session(args).await
}

#[tauri::command]
pub(crate) async fn add_profile(engine: TheEngine<'_>, args: AddProfile) -> Result<()> {
    engine.add_profile(args).await
}

#[tauri::command]
pub(crate) async fn pin_profile(engine: TheEngine<'_>, args: PinProfile) -> Result<()> {
    engine.pin_profile(args).await
}

#[tauri::command]
pub(crate) async fn remove_profile(engine: TheEngine<'_>, args: OneProfile) -> Result<()> {
    engine.remove_profile(args.name).await
}

#[tauri::command]
pub(crate) async fn choose_profile(engine: TheEngine<'_>, args: OneProfile) -> Result<()> {
    engine.choose_profile(args.name);
    Ok(())
}

#[tauri::command]
pub(crate) async fn read_invitation(engine: TheEngine<'_>, args: InvitationText) -> Result<Invitation> {
    engine.read_invitation(&args)
}

#[tauri::command]
pub(crate) async fn accept_invitation(engine: TheEngine<'_>, args: Invitation) -> Result<()> {
    engine.accept_invitation(args).await
}

#[tauri::command]
pub(crate) async fn dismiss_invitation(engine: TheEngine<'_>) -> Result<()> {
    engine.dismiss_invitation();
    Ok(())
}

#[tauri::command]
pub(crate) async fn set_setting(engine: TheEngine<'_>, args: Setting) -> Result<()> {
    engine.set_setting(args).await
}

#[tauri::command]
pub(crate) async fn check_program(engine: TheEngine<'_>, args: ProgramWords) -> Result<ProgramCheck> {
    Ok(engine.check_program(&args))
}

#[tauri::command]
pub(crate) async fn dismiss_notices(engine: TheEngine<'_>) -> Result<()> {
    engine.dismiss_notices();
    Ok(())
}

#[tauri::command]
pub(crate) async fn used(start: State<'_, Start>) -> Result<()> {
    start.is_seen();
    Ok(())
}

#[tauri::command]
pub(crate) async fn draw_plainly(engine: TheEngine<'_>) -> Result<()> {
    engine.draw_plainly()
}

#[tauri::command]
pub(crate) async fn doctor(engine: TheEngine<'_>) -> Result<Diagnosis> {
    engine.doctor().await
}

#[tauri::command]
pub(crate) async fn diagnostics(engine: TheEngine<'_>) -> Result<String> {
    Ok(engine.diagnostics().await)
}

#[tauri::command]
pub(crate) async fn save_diagnostics(engine: TheEngine<'_>) -> Result<String> {
    engine.save_diagnostics().await
}

#[tauri::command]
pub(crate) async fn close_window(window: WebviewWindow) -> Result<()> {
    window.close().map_err(|error| FailureCode::Internal { detail: error.to_string() }.into())
}

#[tauri::command]
pub(crate) async fn quit(engine: TheEngine<'_>) -> Result<()> {
    engine.quit();
    Ok(())
}

/// Every command of the list, and nothing else: one without a function here does not compile.
pub(crate) fn handler() -> impl Fn(tauri::ipc::Invoke) -> bool + Send + Sync + 'static {
    macro_rules! all {
        ($($name:ident),*) => { tauri::generate_handler![$($name),*] };
    }
    praya_desktop::for_all_commands!(all)
}

#[cfg(test)]
mod tests {
    use praya_desktop::commands::COMMANDS;

    const PERMITTED: &[&str] = include!("command_names.rs");

    #[test]
    fn the_window_is_permitted_exactly_the_commands_and_the_event_of_the_state() {
        let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
        assert_eq!(PERMITTED, names);
        let capability: serde_json::Value =
            serde_json::from_str(include_str!("../capabilities/window.json")).unwrap();
        let permitted: Vec<&str> =
            capability["permissions"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        let mut expected = vec!["core:event:allow-listen".to_owned(), "core:event:allow-unlisten".to_owned()];
        expected.extend(names.iter().map(|name| format!("allow-{}", name.replace('_', "-"))));
        assert_eq!(permitted, expected);
        assert_eq!(capability["windows"], serde_json::json!(["main"]));
        assert!(capability.get("remote").is_none());
    }

    #[test]
    fn nothing_but_the_app_s_own_files_is_loaded_into_the_window() {
        let config: serde_json::Value = serde_json::from_str(include_str!("../tauri.conf.json")).unwrap();
        let security = &config["app"]["security"];
        assert_eq!(security["csp"]["default-src"], "'none'");
        for (directive, sources) in security["csp"].as_object().unwrap() {
            let sources = sources.as_str().unwrap();
            let own = ["'none'", "'self'", "ipc:", "http://ipc.localhost"];
            assert!(sources.split(' ').all(|source| own.contains(&source)), "{directive} {sources}");
        }
        assert_eq!(config["app"]["withGlobalTauri"], false);
        assert_eq!(security["freezePrototype"], true);
        assert!(config.get("plugins").is_none());
    }
}
