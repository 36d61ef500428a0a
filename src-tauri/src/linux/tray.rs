//! The tray icon over StatusNotifierItem. It draws the pure [`Tray`] and passes on what the person does.

use ksni::menu::{StandardItem, SubMenu};
use ksni::{Category, Handle, Icon, MenuItem, OfflineReason, ToolTip, TrayMethods};
use praya_desktop::{Tray, TrayAction, TrayIcon, TrayItem};
use tokio::sync::{mpsc, watch};

/// What the person does with the icon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Touch {
    /// The window, by a click, each of a double one, or a line of the menu; with the token by which it may come
    /// to the front.
    Show(Option<String>),
    /// Another line of the menu.
    Choose(TrayAction),
}

/// The icon. Dropping it takes it from the tray.
pub(crate) struct Item(Handle<Drawn>);

struct Drawn {
    tray: Tray,
    icons: Vec<(TrayIcon, Vec<Icon>)>,
    touches: mpsc::Sender<Touch>,
    shown: watch::Sender<bool>,
}

impl Item {
    /// Puts the icon into the tray, now or when a tray comes; `shown` says whether there is one.
    ///
    /// # Errors
    /// There is no session bus.
    pub(crate) async fn new(
        tray: Tray,
        touches: mpsc::Sender<Touch>,
        shown: watch::Sender<bool>,
    ) -> Result<Self, ksni::Error> {
        // Until the other is said, the tray that let us in is there.
        shown.send_replace(true);
        let icons = TrayIcon::ALL.into_iter().map(|icon| (icon, pictures(icon))).collect();
        let drawn = Drawn { tray, icons, touches, shown };
        drawn.assume_sni_available(true).spawn().await.map(Self)
    }

    /// Draws the tray anew.
    pub(crate) async fn draw(&self, tray: Tray) {
        self.0.update(|drawn| drawn.tray = tray).await;
    }
}

impl Drawn {
    fn show(&self) {
        self.touch(Touch::Show(ksni::current_xdg_activation_token()));
    }

    fn choose(&self, action: &TrayAction) {
        match action {
            TrayAction::ShowResource | TrayAction::SignIn => self.show(),
            TrayAction::Open(_) | TrayAction::Connect | TrayAction::Disconnect | TrayAction::Exit => {
                self.touch(Touch::Choose(action.clone()));
            }
        }
    }

    fn touch(&self, touch: Touch) {
        // Who clicks faster than a window can come up clicks in vain.
        let _ = self.touches.try_send(touch);
    }
}

impl ksni::Tray for Drawn {
    fn id(&self) -> String {
        "org.praya.desktop".to_owned()
    }

    fn title(&self) -> String {
        "Praya".to_owned()
    }

    fn category(&self) -> Category {
        Category::Communications
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        let pictures = self.icons.iter().find(|(icon, _)| *icon == self.tray.icon);
        pictures.map(|(_, pictures)| pictures.clone()).unwrap_or_default()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip { title: self.tray.tooltip.clone(), ..ToolTip::default() }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.show();
    }

    fn secondary_activate(&mut self, _x: i32, _y: i32) {
        self.show();
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        self.tray.items.iter().map(line).collect()
    }

    fn watcher_online(&self) {
        self.shown.send_replace(true);
    }

    fn watcher_offline(&self, _reason: OfflineReason) -> bool {
        self.shown.send_replace(false);
        // A tray may come, or come back.
        true
    }
}

fn line(item: &TrayItem) -> MenuItem<Drawn> {
    match item {
        TrayItem::Line(text) => {
            StandardItem { label: label(text), enabled: false, ..StandardItem::default() }.into()
        }
        TrayItem::Action { id, text, enabled } => {
            let id = id.clone();
            let activate = Box::new(move |drawn: &mut Drawn| drawn.choose(&id));
            StandardItem { label: label(text), enabled: *enabled, activate, ..StandardItem::default() }.into()
        }
        TrayItem::Separator => MenuItem::Separator,
        TrayItem::Submenu { text, items } => {
            SubMenu { label: label(text), submenu: items.iter().map(line).collect(), ..SubMenu::default() }
                .into()
        }
    }
}

/// A single underscore would mark an access key.
fn label(text: &str) -> String {
    text.replace('_', "__")
}

macro_rules! files {
    ($($icon:ident => $name:literal),* $(,)?) => {
        const fn files(icon: TrayIcon) -> [&'static [u8]; 3] {
            match icon {
                $(TrayIcon::$icon => [
                    include_bytes!(concat!("../../../icons/", $name, "-22.png")),
                    include_bytes!(concat!("../../../icons/", $name, "-32.png")),
                    include_bytes!(concat!("../../../icons/", $name, "-48.png")),
                ],)*
            }
        }
    };
}

files! {
    NoSession => "tray-no-session",
    Restoring => "tray-restoring",
    SigningIn => "tray-signing-in",
    Connected => "tray-connected",
    Reconnecting => "tray-reconnecting",
    IdleWarning => "tray-idle-warning",
    Ended => "tray-ended",
}

/// The picture in its sizes.
fn pictures(icon: TrayIcon) -> Vec<Icon> {
    files(icon).into_iter().filter_map(picture).collect()
}

/// A PNG file with 8-bit colours and transparency, as ARGB in network order.
fn picture(file: &[u8]) -> Option<Icon> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().ok()?;
    let mut data = vec![0; reader.output_buffer_size()?];
    let frame = reader.next_frame(&mut data).ok()?;
    if (frame.color_type, frame.bit_depth) != (png::ColorType::Rgba, png::BitDepth::Eight) {
        return None;
    }
    data.truncate(frame.buffer_size());
    data.chunks_exact_mut(4).for_each(|pixel| pixel.rotate_right(1));
    let (width, height) = (i32::try_from(frame.width).ok()?, i32::try_from(frame.height).ok()?);
    Some(Icon { width, height, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_picture_of_its_own_in_every_size() {
        let mut all = Vec::new();
        for icon in TrayIcon::ALL {
            let pictures = pictures(icon);
            let sizes: Vec<i32> = pictures.iter().map(|picture| picture.width).collect();
            assert_eq!(sizes, [22, 32, 48], "{icon:?}");
            for picture in &pictures {
                assert_eq!(
                    picture.data.len(),
                    4 * 22_usize.pow(2).max((picture.width * picture.height) as usize)
                );
                assert_eq!(picture.data[0], 0, "{icon:?}: the corner shows through");
            }
            all.push(pictures.into_iter().map(|picture| picture.data).collect::<Vec<_>>());
        }
        all.sort();
        all.dedup();
        assert_eq!(all.len(), TrayIcon::ALL.len());
    }

    #[test]
    fn names_with_underscores_keep_them() {
        assert_eq!(label("pay_roll"), "pay__roll");
    }
}
