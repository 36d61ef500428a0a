//! A desktop's tray: a watcher and host of StatusNotifier items (the freedesktop.org draft that KDE and others speak),
//! which sees what a panel would draw and does what a panel's clicks do.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use praya_testkit::{Desk, HANG};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Structure, Value};
use zbus::{Connection, MatchRule, MessageStream, Proxy, interface};

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// A tray that shows every item of a desktop.
pub struct Tray {
    runtime: Runtime,
    connection: Connection,
    items: watch::Receiver<Vec<Address>>,
}

/// Where an item is: its owner's name on the bus, and its path.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address {
    owner: String,
    path: String,
}

struct Watcher {
    items: watch::Sender<Vec<Address>>,
}

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    async fn register_status_notifier_item(
        &self,
        service: &str,
        #[zbus(header)] header: Header<'_>,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<()> {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        // Some give their path, others their name.
        let path = if service.starts_with('/') { service } else { "/StatusNotifierItem" };
        let item = Address { owner: sender, path: path.to_owned() };
        self.items.send_modify(|items| items.push(item.clone()));
        Ok(Self::status_notifier_item_registered(&emitter, &format!("{}{}", item.owner, item.path)).await?)
    }

    async fn register_status_notifier_host(
        &self,
        _service: &str,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> zbus::fdo::Result<()> {
        Ok(Self::status_notifier_host_registered(&emitter).await?)
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.items.borrow().iter().map(|item| format!("{}{}", item.owner, item.path)).collect()
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(signal)]
    async fn status_notifier_item_registered(emitter: &SignalEmitter<'_>, service: &str) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn status_notifier_host_registered(emitter: &SignalEmitter<'_>) -> zbus::Result<()>;
}

impl Tray {
    /// A tray at this desk.
    ///
    /// # Errors
    /// When there is one already, or no bus.
    pub fn open(desk: &Desk) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (sender, items) = watch::channel(Vec::new());
        let connection = runtime.block_on(async {
            zbus::connection::Builder::address(desk.bus().as_str())?
                .serve_at("/StatusNotifierWatcher", Watcher { items: sender })?
                .name(WATCHER)?
                .build()
                .await
        })?;
        Ok(Self { runtime, connection, items })
    }

    /// The item that came last; waits for the first.
    ///
    /// # Errors
    /// When none comes.
    pub fn item(&self) -> Result<Item<'_>> {
        let mut items = self.items.clone();
        let address = self.runtime.block_on(async {
            let some = timeout(HANG, items.wait_for(|items| !items.is_empty())).await;
            Ok::<_, anyhow::Error>(some.context("no item has come")??.last().cloned())
        })?;
        Ok(Item { tray: self, address: address.context("an item")? })
    }
}

/// An item in the tray.
pub struct Item<'a> {
    tray: &'a Tray,
    address: Address,
}

/// What a panel would draw of an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The title.
    pub title: String,
    /// `Passive`, `Active` or `NeedsAttention`.
    pub status: String,
    /// The pictures: width, height, ARGB bytes.
    pub icon: Vec<(i32, i32, Vec<u8>)>,
    /// The title and the text of the tooltip.
    pub tooltip: (String, String),
    /// The menu.
    pub menu: Vec<Line>,
}

/// A line of a menu.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    id: i32,
    /// What it says; empty for a separator.
    pub label: String,
    /// Whether it can be chosen.
    pub enabled: bool,
    /// The menu behind it.
    pub lines: Vec<Line>,
}

impl Look {
    /// The labels of the menu, submenus included, in their order.
    pub fn labels(&self) -> Vec<&str> {
        fn collect<'a>(lines: &'a [Line], labels: &mut Vec<&'a str>) {
            for line in lines {
                labels.push(&line.label);
                collect(&line.lines, labels);
            }
        }
        let mut labels = Vec::new();
        collect(&self.menu, &mut labels);
        labels.retain(|label| !label.is_empty());
        labels
    }

    /// Both parts of the tooltip.
    pub fn tooltip(&self) -> String {
        format!("{} {}", self.tooltip.0, self.tooltip.1).trim().to_owned()
    }

    fn find(&self, label: &str) -> Option<&Line> {
        fn find<'a>(lines: &'a [Line], label: &str) -> Option<&'a Line> {
            lines.iter().find_map(
                |line| {
                    if line.label == label { Some(line) } else { find(&line.lines, label) }
                },
            )
        }
        find(&self.menu, label)
    }
}

impl Item<'_> {
    /// What a panel would draw now.
    ///
    /// # Errors
    /// When the item is gone or not as the draft says.
    pub fn look(&self) -> Result<Look> {
        self.tray.runtime.block_on(self.read())
    }

    /// Waits until the item looks like this; looks again at every signal of its owner.
    ///
    /// # Errors
    /// When that does not come; shows the last look.
    pub fn wait_for(&self, what: &str, found: impl Fn(&Look) -> bool) -> Result<Look> {
        self.tray.runtime.block_on(async {
            let rule = MatchRule::builder()
                .msg_type(zbus::message::Type::Signal)
                .sender(self.address.owner.as_str())?
                .build();
            let mut signals = MessageStream::for_match_rule(rule, &self.tray.connection, Some(64)).await?;
            let mut last = self.read().await?;
            while !found(&last) {
                let next = timeout(HANG, signals.next()).await;
                let shown = || format!("the tray never showed {what}; the last was {}", brief(&last));
                next.with_context(shown)?.with_context(shown)??;
                last = self.read().await?;
            }
            Ok(last)
        })
    }

    /// Clicks on the icon, as panels report one click and each half of a double one.
    ///
    /// # Errors
    /// When the item does not take it.
    pub fn activate(&self) -> Result<()> {
        self.tray.runtime.block_on(async {
            let answered =
                timeout(HANG, self.proxy(ITEM, &self.address.path).await?.call_method("Activate", &(10, 10)))
                    .await
                    .context("no answer to a click")?;
            answered.map(drop).context("a click")
        })
    }

    /// Chooses a line of the menu. The app may be gone before it answers.
    ///
    /// # Errors
    /// When there is no such line, or it cannot be chosen.
    pub fn choose(&self, label: &str) -> Result<()> {
        let look = self.look()?;
        let line = look.find(label).with_context(|| format!("{label} in {:?}", look.labels()))?;
        ensure!(line.enabled, "{label} cannot be chosen");
        self.tray.runtime.block_on(async {
            let path = self.menu_path().await?;
            let menu = self.proxy(MENU, &path).await?;
            let event = (line.id, "clicked", Value::from(""), 0_u32);
            menu.call_noreply("Event", &event).await.context("choose a line")
        })
    }

    async fn read(&self) -> Result<Look> {
        let item = self.proxy(ITEM, &self.address.path).await?;
        type ToolTip = (String, Vec<(i32, i32, Vec<u8>)>, String, String);
        let tooltip: ToolTip = Structure::try_from(property(&item, "ToolTip").await?)?.try_into()?;
        let path = self.menu_path().await?;
        let menu = self.proxy(MENU, &path).await?;
        let (_, root): (u32, Node) = menu.call("GetLayout", &(0, -1, Vec::<String>::new())).await?;
        Ok(Look {
            title: property(&item, "Title").await?.try_into()?,
            status: property(&item, "Status").await?.try_into()?,
            icon: property(&item, "IconPixmap").await?.try_into()?,
            tooltip: (tooltip.2, tooltip.3),
            menu: line(root)?.lines,
        })
    }

    async fn menu_path(&self) -> Result<String> {
        let item = self.proxy(ITEM, &self.address.path).await?;
        let path: OwnedObjectPath = property(&item, "Menu").await?.try_into()?;
        Ok(path.to_string())
    }

    async fn proxy<'p>(&'p self, interface: &'p str, path: &'p str) -> Result<Proxy<'p>> {
        let builder = zbus::proxy::Builder::<Proxy<'p>>::new(&self.tray.connection)
            .destination(self.address.owner.as_str())?
            .path(path)?
            .interface(interface)?
            .cache_properties(zbus::proxy::CacheProperties::No);
        Ok(builder.build().await?)
    }
}

/// A node of the menu as it comes over the bus: identifier, properties, children.
type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

fn line((id, mut properties, children): Node) -> Result<Line> {
    let mut take = |name: &str| properties.remove(name);
    // An underscore marks a letter to press; two stand for one.
    let label: String = take("label").map(TryInto::try_into).transpose()?.unwrap_or_default();
    let label = label.replace("__", "\u{0}").replace('_', "").replace('\u{0}', "_");
    let enabled: bool = take("enabled").map(TryInto::try_into).transpose()?.unwrap_or(true);
    let lines = children.into_iter().map(|child| {
        let node: Node = Structure::try_from(Value::from(child))?.try_into()?;
        line(node)
    });
    Ok(Line { id, label: plain(&label), enabled, lines: lines.collect::<Result<_>>()? })
}

async fn property(proxy: &Proxy<'_>, name: &str) -> Result<OwnedValue> {
    proxy.get_property::<OwnedValue>(name).await.with_context(|| format!("the property {name}"))
}

/// Without the marks that keep directions of writing apart.
fn plain(text: &str) -> String {
    text.replace(['\u{2068}', '\u{2069}'], "")
}

fn brief(look: &Look) -> String {
    let sizes: Vec<_> = look.icon.iter().map(|(width, height, _)| (width, height)).collect();
    format!("{:?} {:?} {sizes:?} {:#?}", look.status, look.tooltip, look.menu)
}
