//! The app's window, worked as a person works it: what is read, pressed and typed goes through WebDriver (W3C
//! recommendation of 2018), whose driver comes with WebKitGTK.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use data_encoding::BASE64;
use praya_testkit::{Desk, HANG, Namespace, Process, desk, namespace};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde_json::{Value, json};

/// How WebDriver calls an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// What a person calls an element.
const NAMES: &str = r"
const plain = (text) => (text ?? '').replace(/[\u2068\u2069]/g, '').trim();
const named = (element) => plain(
  element.getAttribute('aria-label')
  ?? document.getElementById(element.getAttribute('aria-labelledby') ?? '')?.innerText
  ?? element.labels?.[0]?.innerText
  ?? element.innerText);
const isCalled = (element, name) => named(element) === name || named(element).split('\n')[0] === name;
";

/// Calls `arguments.at(-1)` with what `look()` returns as soon as that is something, now or after a change of the page.
const AWAIT: &str = r"
const done = arguments[arguments.length - 1];
// A dialog keeps everything behind it out of reach.
const reach = () => document.querySelector('dialog:modal') ?? document;
const find = (kinds, name) => [...reach().querySelectorAll(kinds)].find((element) =>
  element.getClientRects().length > 0 && !element.disabled && isCalled(element, name));
const observer = new MutationObserver(check);
let timer;
function check() {
  const found = look();
  if (found !== null && found !== undefined && found !== false) {
    observer.disconnect();
    clearInterval(timer);
    done(found);
    return true;
  }
}
if (!check()) {
  observer.observe(document, { attributes: true, characterData: true, childList: true, subtree: true });
  // What a person types changes no node.
  timer = setInterval(check, 500);
}
";

/// Keys of the WebDriver recommendation, section 17.4.2.
pub const TAB: char = '\u{e004}';
/// As [`TAB`].
pub const ENTER: char = '\u{e007}';
/// As [`TAB`].
pub const DOWN: char = '\u{e015}';
const CONTROL: char = '\u{e009}';

/// How many stops of the tabulator a screen has at most.
const MOST_STOPS: usize = 50;

const BUTTONS: &str = "button, a, [role=button], [role=menuitem], [role=tab], [role=radio], summary, input[type=checkbox], input[type=radio]";
const FIELDS: &str = "input, textarea, select";

/// The app with a driver at its window. Dropping it ends both.
pub struct Window {
    driver: Process,
    door: Door,
    session: String,
    app: i32,
}

/// The way to the driver, which listens on the machine's own loopback.
struct Door {
    network: std::fs::File,
    port: u16,
}

impl Window {
    /// Starts the app at a desk and waits for its window.
    ///
    /// # Errors
    /// With what the driver says when it does not come.
    pub fn open(machine: &Namespace, desk: &Desk, app: &Path, arguments: &[&str]) -> Result<Self> {
        static PORT: AtomicU16 = AtomicU16::new(4444);
        let port = PORT.fetch_add(1, Ordering::Relaxed);
        let driver = desk
            .program("WebKitWebDriver")
            .arg(format!("--port={port}"))
            .env("TAURI_WEBVIEW_AUTOMATION", "true")
            .env("WEBKIT_SKIA_ENABLE_CPU_RENDERING", "1")
            .start()
            .context("package webkit2gtk-driver")?;
        let door = Door { network: machine.network()?, port };
        let until = Instant::now() + HANG;
        while door.connect().is_err() {
            ensure!(driver.status().is_none() && Instant::now() < until, "no driver: {}", driver.printed());
        }
        let wish = json!({"webkitgtk:browserOptions": {"binary": app, "args": arguments}});
        let made = door
            .ask("POST", "/session", &json!({"capabilities": {"alwaysMatch": wish}}))
            .with_context(|| driver.printed())?;
        let session = made["sessionId"].as_str().context("a session")?.to_owned();
        let app = *desk::family(driver.pid())?.get(1).context("the driver has started the app")?;
        let window = Self { driver, door, session, app };
        let limit = u64::try_from(HANG.as_millis())?;
        window.ask("POST", "/timeouts", &json!({"script": limit}))?;
        Ok(window)
    }

    /// Waits until the window says this.
    ///
    /// # Errors
    /// When that does not come; shows what it says instead.
    pub fn wait_for(&self, text: &str) -> Result<()> {
        self.wait(
            &format!("const look = () => plain(document.body?.innerText).includes({});", json!(text)),
            text,
        )?;
        Ok(())
    }

    /// Waits until the window does not say this any more.
    ///
    /// # Errors
    /// When that does not come.
    pub fn wait_until_gone(&self, text: &str) -> Result<()> {
        self.wait(
            &format!("const look = () => !plain(document.body.innerText).includes({});", json!(text)),
            text,
        )?;
        Ok(())
    }

    /// Waits for a button, link, choice or menu line of this name.
    ///
    /// # Errors
    /// When that does not come.
    pub fn wait_for_button(&self, name: &str) -> Result<()> {
        self.find(BUTTONS, name)?;
        Ok(())
    }

    /// Presses the button, link, choice or menu line of this name, when it is there.
    ///
    /// # Errors
    /// When there is none.
    pub fn press(&self, name: &str) -> Result<()> {
        self.with(BUTTONS, name, |element| {
            self.ask("POST", &format!("/element/{element}/click"), &json!({}))?;
            Ok(())
        })
    }

    /// Types into the field of this label, when it is there; what was in it goes.
    ///
    /// # Errors
    /// When there is none.
    pub fn fill(&self, label: &str, text: &str) -> Result<()> {
        self.with(FIELDS, label, |element| {
            self.ask("POST", &format!("/element/{element}/clear"), &json!({}))?;
            self.ask("POST", &format!("/element/{element}/value"), &json!({"text": text}))?;
            Ok(())
        })
    }

    /// Waits until the switch of this label is on, or off.
    ///
    /// # Errors
    /// When that does not come.
    pub fn wait_for_switch(&self, label: &str, on: bool) -> Result<()> {
        self.wait(&format!("const look = () => find('input', {})?.checked === {on};", json!(label)), label)?;
        Ok(())
    }

    /// Chooses in the list of this label.
    ///
    /// # Errors
    /// When there is no such list, or no such choice in it.
    pub fn choose(&self, label: &str, choice: &str) -> Result<()> {
        let look = format!(
            "const look = () => {{
               const list = find('select', {});
               const option = [...(list?.options ?? [])].find((option) => plain(option.text) === {});
               if (!option) return null;
               list.value = option.value;
               list.dispatchEvent(new Event('input', {{ bubbles: true }}));
               list.dispatchEvent(new Event('change', {{ bubbles: true }}));
               return true;
             }};",
            json!(label),
            json!(choice)
        );
        self.wait(&look, choice)?;
        Ok(())
    }

    /// Presses one key: a letter, or a code of the WebDriver recommendation, section 17.4.2.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn key(&self, key: char) -> Result<()> {
        self.strokes(&[("keyDown", key), ("keyUp", key)])
    }

    /// Presses one key while Control is held.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn control(&self, key: char) -> Result<()> {
        self.strokes(&[("keyDown", CONTROL), ("keyDown", key), ("keyUp", key), ("keyUp", CONTROL)])
    }

    /// Types a text wherever the focus is.
    ///
    /// # Errors
    /// When the driver refuses.
    pub fn type_text(&self, text: &str) -> Result<()> {
        let strokes: Vec<_> = text.chars().flat_map(|key| [("keyDown", key), ("keyUp", key)]).collect();
        self.strokes(&strokes)
    }

    /// Waits until the focus is on the field, button or menu line of this name.
    ///
    /// # Errors
    /// When it never is.
    pub fn wait_for_focus(&self, name: &str) -> Result<()> {
        let look = format!("const look = () => isCalled(document.activeElement, {});", json!(name));
        self.wait(&look, &format!("the focus on {name}"))?;
        Ok(())
    }

    /// Goes on with the tabulator until the focus is on the field, button or link of this name.
    ///
    /// # Errors
    /// When it never is.
    pub fn tab_to(&self, name: &str) -> Result<()> {
        let focused = format!("{NAMES} return isCalled(document.activeElement, {});", json!(name));
        for _ in 0..MOST_STOPS {
            if self.run(&focused)? == true {
                return Ok(());
            }
            self.key(TAB)?;
        }
        bail!("the tabulator never comes to {name:?} in\n{}", self.text()?)
    }

    /// Makes the window as wide as this, in pixels, and high enough for a small screen.
    ///
    /// # Errors
    /// When it does not come to that.
    pub fn resize(&self, width: u32) -> Result<()> {
        self.ask("POST", "/window/rect", &json!({"width": width, "height": 640}))?;
        self.wait(&format!("const look = () => innerWidth === {width};"), "the width")?;
        Ok(())
    }

    /// What must be moved sideways to be read whole: selectors of elements, none in a window that is wide enough.
    ///
    /// # Errors
    /// When the window does not answer.
    pub fn scrolled_sideways(&self) -> Result<Vec<String>> {
        let script = r"
            return [...document.querySelectorAll('*')]
              .filter((element) => element.scrollWidth > element.clientWidth
                && (element === document.documentElement
                  || ['auto', 'scroll'].includes(getComputedStyle(element).overflowX)))
              .map((element) => `${element.localName}.${element.className}`);";
        Ok(serde_json::from_value(self.run(script)?)?)
    }

    /// What the window says.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn text(&self) -> Result<String> {
        let script = r"return (document.body?.innerText ?? '').replace(/[\u2068\u2069]/g, '');";
        Ok(self.run(script)?.as_str().unwrap_or_default().to_owned())
    }

    /// What a script in the page returns.
    ///
    /// # Errors
    /// When it throws.
    pub fn run(&self, script: &str) -> Result<Value> {
        self.ask("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// What a script in the page hands to the function that is its only argument, sooner or later.
    ///
    /// # Errors
    /// When that does not come.
    pub fn run_until(&self, script: &str) -> Result<Value> {
        self.ask("POST", "/execute/async", &json!({"script": script, "args": []}))
    }

    /// A picture of the window, once it is drawn.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn picture(&self, file: &Path) -> Result<()> {
        let drawn =
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done()));";
        self.ask("POST", "/execute/async", &json!({"script": drawn, "args": []}))?;
        let picture = self.ask("GET", "/screenshot", &Value::Null)?;
        let bytes = BASE64.decode(picture.as_str().context("a picture")?.as_bytes())?;
        Ok(std::fs::write(file, bytes)?)
    }

    /// The app's process.
    pub fn pid(&self) -> i32 {
        self.app
    }

    /// What the app has printed.
    pub fn printed(&self) -> String {
        self.driver.printed()
    }

    /// Kills the app as `kill -9` does.
    ///
    /// # Errors
    /// When it does not end.
    pub fn kill(self) -> Result<()> {
        kill_process(Pid::from_raw(self.app).context("a process id")?, Signal::KILL)?;
        self.wait_for_end()
    }

    /// Waits for the app's end.
    ///
    /// # Errors
    /// When that does not come.
    pub fn wait_for_end(&self) -> Result<()> {
        wait_for_end_of(self.app).with_context(|| self.printed())
    }

    /// Does something with an element. The window may be drawn anew at that moment; then it is another element.
    fn with(&self, kinds: &str, name: &str, work: impl Fn(&str) -> Result<()>) -> Result<()> {
        let until = Instant::now() + HANG;
        loop {
            let element = self.find(kinds, name)?;
            match work(&element) {
                Err(error) if Instant::now() < until && is_redrawn(&error) => {}
                done => return done.with_context(|| name.to_owned()),
            }
        }
    }

    fn strokes(&self, strokes: &[(&str, char)]) -> Result<()> {
        let strokes: Vec<_> = strokes.iter().map(|(kind, key)| json!({"type": kind, "value": key})).collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        self.ask("POST", "/actions", &actions)?;
        Ok(())
    }

    fn find(&self, kinds: &str, name: &str) -> Result<String> {
        let look = format!("const look = () => find({}, {});", json!(kinds), json!(name));
        let found = self.wait(&look, name)?;
        Ok(found[ELEMENT].as_str().context("an element")?.to_owned())
    }

    fn wait(&self, look: &str, what: &str) -> Result<Value> {
        let script = format!("{look}{NAMES}{AWAIT}");
        let found = self.ask("POST", "/execute/async", &json!({"script": script, "args": []}));
        found.with_context(|| {
            let shown = self.text().unwrap_or_default();
            format!("{what:?} did not come; the window says:\n{shown}\nand the app:\n{}", self.printed())
        })
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.door.ask(method, &format!("/session/{}{path}", self.session), body)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // The driver's end is not the app's.
        for pid in desk::family(self.app).unwrap_or_default().into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// Whether the element went while something was done with it.
fn is_redrawn(error: &anyhow::Error) -> bool {
    ["stale element reference", "element not interactable", "invalid element state"]
        .iter()
        .any(|kind| error.to_string().starts_with(kind))
}

/// Waits until a process, not necessarily a child of this one, has ended.
///
/// # Errors
/// When that does not come.
pub fn wait_for_end_of(pid: i32) -> Result<()> {
    let Ok(process) = pidfd_open(Pid::from_raw(pid).context("a process id")?, PidfdFlags::empty()) else {
        return Ok(());
    };
    let limit = Timespec { tv_sec: i64::try_from(HANG.as_secs())?, tv_nsec: 0 };
    let ended = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit))?;
    ensure!(ended == 1, "process {pid} does not end");
    Ok(())
}

impl Door {
    fn connect(&self) -> Result<TcpStream> {
        let port = self.port;
        let stream = namespace::within(self.network.try_clone()?, move || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        })??;
        // Longer than a script may take.
        stream.set_read_timeout(Some(HANG + Duration::from_secs(30)))?;
        Ok(stream)
    }

    /// The `value` of the driver's answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let mut stream = self.connect()?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            ensure!(reader.read_line(&mut line)? > 0, "the driver hangs up");
            let line = line.trim().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse()?;
            }
            if line.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer)?;
        let mut answer: Value = serde_json::from_slice(&answer)?;
        let value = answer["value"].take();
        if let Some(error) = value["error"].as_str() {
            bail!("{error}: {}", value["message"].as_str().unwrap_or_default());
        }
        Ok(value)
    }
}
