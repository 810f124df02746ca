//! A real browser: Chromium, driven over WebDriver, on a server of this process.
//!
//! [`Chromium`] is one `chromedriver`; each [`Window`] is a browser of its own with an empty
//! profile, so what it keeps and what it asks for is only what the test made it do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use api::http::Server;
use api::http::listen;
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::browser::PASSWORD;

/// What a browser of a test machine needs: no screen, no sandbox of root, and nothing that it would
/// do of its own accord.
const SWITCHES: [&str; 13] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-default-apps",
    "--lang=zh-CN",
    // The smallest screen that the pages are made for.
    "--window-size=1366,768",
];
/// Keys that are pressed at most to come to a place: no page has so many.
const KEYS_MAX: usize = 600;
/// So often is looked for a page or a file that is to come.
const LOOKS_MAX: u32 = 1_500;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A server of this process at a port of this machine, until it is dropped.
#[derive(Debug)]
pub struct Site {
    /// Its origin, `http://127.0.0.1:PORT`.
    pub origin: String,
    handle: axum_server::Handle<SocketAddr>,
}

impl Site {
    /// Serves at a free port.
    ///
    /// # Panics
    /// When there is none.
    pub fn open(server: &Server) -> Site {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let origin = format!("http://{}", listener.local_addr().expect("its address"));
        let handle = axum_server::Handle::new();
        let (server, end) = (server.clone(), handle.clone());
        tokio::spawn(async move {
            let served = listen::serve(&server, listener, None, end).await;
            served.expect("the server ends in an orderly way");
        });
        Site { origin, handle }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

/// A driver of browsers.
#[derive(Debug)]
pub struct Chromium {
    driver: Child,
    port: u16,
}

impl Chromium {
    /// Starts the driver.
    ///
    /// # Panics
    /// When it is not there: `apt-get install chromium chromium-driver`.
    pub fn start() -> Chromium {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0");
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = command
            .spawn()
            .expect("chromedriver; apt-get install chromium chromium-driver");
        let mut lines = BufReader::new(driver.stdout.as_mut().expect("its output"));
        let mut line = String::new();
        let port = loop {
            line.clear();
            let read = lines.read_line(&mut line).expect("its output");
            assert!(read > 0, "chromedriver ended before it said its port");
            let port = line.split("successfully on port ").nth(1);
            if let Some(port) = port.and_then(|text| text.trim().trim_end_matches('.').parse().ok())
            {
                break port;
            }
        };
        Chromium { driver, port }
    }

    /// Opens a browser of its own on this server.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn window(&self, site: &Site) -> Window {
        let home = tempfile::tempdir().expect("a temporary directory");
        let downloads = home.path().join("downloads");
        std::fs::create_dir(&downloads).expect("a directory");
        let mut switches: Vec<String> = SWITCHES.map(str::to_owned).to_vec();
        let profile = home.path().join("profile");
        switches.push(format!("--user-data-dir={}", profile.display()));
        let wanted = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {
                "args": switches,
                "prefs": {
                    "download.default_directory": downloads,
                    "download.prompt_for_download": false,
                    "plugins.always_open_pdf_externally": true,
                },
            },
            "goog:loggingPrefs": { "performance": "ALL" },
        });
        let wanted = wanted.as_object().cloned().expect("an object");
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{}", self.port))
            .await
            .expect("a browser");
        Window {
            client,
            origin: site.origin.clone(),
            downloads,
            _home: home,
        }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // The driver ends its browsers when it is asked to end; when it is killed they stay.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = write!(
                stream,
                "GET /shutdown HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n",
                self.port
            );
            let _ = stream.read_to_end(&mut Vec::new());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// A browser that somebody sits at.
#[derive(Debug)]
pub struct Window {
    /// The driver's client, for what is not here.
    pub client: Client,
    /// Where the server is.
    pub origin: String,
    downloads: PathBuf,
    _home: TempDir,
}

/// A command that only Chromium's driver knows.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let session = session.unwrap_or_default();
        base.join(&format!("session/{session}/{}", self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (axum::http::Method, Option<String>) {
        (axum::http::Method::POST, Some(self.body.to_string()))
    }
}

/// What the driver answers, or a failed test that says at which page.
fn told<T>(result: Result<T, CmdError>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error}"))
}

impl Window {
    /// Ends the browser, and waits until it has ended.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn close(self) {
        told(self.client.clone().close().await, "the end");
    }

    /// Switches the scripts of pages off.
    ///
    /// # Panics
    /// When they still run.
    pub async fn switch_scripts_off(&self) {
        let off = json!({ "cmd": "Emulation.setScriptExecutionDisabled",
            "params": { "value": true } });
        let command = Own {
            path: "goog/cdp/execute",
            body: off,
        };
        told(self.client.issue_cmd(command).await, "scripts off");
    }

    /// Goes to an address of the server.
    ///
    /// # Panics
    /// When the browser cannot.
    pub async fn open(&self, path: &str) {
        let address = format!("{}{path}", self.origin);
        told(self.client.goto(&address).await, path);
    }

    /// The address that is shown, without the origin.
    ///
    /// # Panics
    /// When there is none.
    pub async fn address(&self) -> String {
        let address = told(self.client.current_url().await, "address").to_string();
        let path = address.strip_prefix(&self.origin);
        path.unwrap_or_else(|| panic!("{address} is elsewhere"))
            .to_owned()
    }

    /// What the page says, as people read it.
    ///
    /// # Panics
    /// When there is no page.
    pub async fn text(&self) -> String {
        let text = self.script("return document.body.innerText", Vec::new());
        text.await.as_str().unwrap_or_default().to_owned()
    }

    /// Asks the page.
    ///
    /// # Panics
    /// When it cannot answer.
    pub async fn script(&self, script: &str, args: Vec<Value>) -> Value {
        told(self.client.execute(script, args).await, script)
    }

    /// Whether the page has this.
    pub async fn has(&self, css: &str) -> bool {
        self.client.find(Locator::Css(css)).await.is_ok()
    }

    /// Does something that leads to another page, and waits until that is there.
    ///
    /// # Panics
    /// When it does not come.
    async fn leaving(&self, act: impl Future<Output = ()>) {
        self.script("window.left = false", Vec::new()).await;
        act.await;
        let there = "return window.left === undefined && document.readyState === 'complete'";
        for _ in 0..LOOKS_MAX {
            // Between two pages there is nothing to ask.
            if matches!(
                self.client.execute(there, Vec::new()).await,
                Ok(Value::Bool(true))
            ) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("no other page came after {}", self.address().await);
    }

    /// Clicks on what leads to another page.
    ///
    /// # Panics
    /// When it is not there, or does not.
    pub async fn follow(&self, css: &str) {
        self.leaving(self.click(css)).await;
    }

    /// Clicks on this.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn click(&self, css: &str) {
        let what = format!("{css} on {}", self.address().await);
        let element = told(self.client.find(Locator::Css(css)).await, &what);
        told(element.click().await, &what);
    }

    /// Types into a field, over what is in it.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn fill(&self, css: &str, text: &str) {
        let element = told(self.client.find(Locator::Css(css)).await, css);
        if element.prop("type").await.ok().flatten().as_deref() != Some("file") {
            told(element.clear().await, css);
        }
        told(element.send_keys(text).await, css);
    }

    /// Chooses from a list.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn choose(&self, css: &str, value: &str) {
        let element = told(self.client.find(Locator::Css(css)).await, css);
        told(element.select_by_value(value).await, css);
    }

    /// Presses the button of the form that is sent to this address, and says yes when it is asked.
    ///
    /// # Panics
    /// When there is none.
    pub async fn press(&self, action: &str) {
        self.leaving(self.fetch(action)).await;
    }

    /// The same for a form that gives a file: the page stays.
    ///
    /// # Panics
    /// When there is none.
    pub async fn fetch(&self, action: &str) {
        let form = format!("main form[action=\"{action}\"]");
        let asks = self.has(&format!("{form}[data-confirm]")).await;
        // What is folded away is unfolded first.
        let folded = format!("details:not([open]):has(form[action=\"{action}\"]) > summary");
        if self.has(&folded).await {
            self.click(&folded).await;
        }
        self.click(&format!("{form} p.buttons button")).await;
        if asks {
            told(self.client.accept_alert().await, action);
        }
    }

    /// Signs somebody in.
    ///
    /// # Panics
    /// When they do not come in.
    pub async fn sign_in(&self, login: &str) {
        self.open("/login").await;
        self.fill("#field-login", login).await;
        self.fill("#field-password", PASSWORD).await;
        self.follow("form[action=\"/login\"] button").await;
        assert!(!self.address().await.starts_with("/login"), "{login}");
    }

    /// Signs out.
    ///
    /// # Panics
    /// When nobody is signed in.
    pub async fn sign_out(&self) {
        self.follow("form[action=\"/logout\"] button").await;
        assert!(self.address().await.starts_with("/login"));
    }

    /// Takes the one file that was downloaded away: its name and its bytes.
    ///
    /// # Panics
    /// When none comes.
    pub async fn downloaded(&self) -> (String, Vec<u8>) {
        for _ in 0..LOOKS_MAX {
            let files = std::fs::read_dir(&self.downloads).expect("the downloads");
            for file in files {
                let path = file.expect("a file").path();
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                // Chromium writes under another name until the file is whole.
                if !name.ends_with(".crdownload") && !name.starts_with('.') {
                    let bytes = std::fs::read(&path).expect("the file");
                    let name = name.into_owned();
                    std::fs::remove_file(&path).expect("the file goes");
                    return (name, bytes);
                }
            }
            tokio::time::sleep(LOOK).await;
        }
        panic!("nothing was downloaded");
    }

    /// What the browser asked and was answered since it was last looked at: parameters of
    /// `Network.requestWillBeSent` and `Network.responseReceived`.
    ///
    /// # Panics
    /// When the driver keeps no log.
    pub async fn network(&self) -> Vec<(String, Value)> {
        let command = Own {
            path: "se/log",
            body: json!({ "type": "performance" }),
        };
        let log = told(self.client.issue_cmd(command).await, "log");
        let entries = log.as_array().cloned().unwrap_or_default();
        let mut events = Vec::new();
        for entry in entries {
            let text = entry["message"].as_str().unwrap_or_default();
            let event: Value = serde_json::from_str(text).unwrap_or_default();
            let method = event["message"]["method"].as_str().unwrap_or_default();
            if ["Network.requestWillBeSent", "Network.responseReceived"].contains(&method) {
                events.push((method.to_owned(), event["message"]["params"].clone()));
            }
        }
        events
    }

    /// Presses a key.
    ///
    /// # Panics
    /// When the browser cannot.
    pub async fn key(&self, key: Key) {
        let value = char::from(key);
        let press = KeyActions::new("keys".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        told(self.client.perform_actions(press).await, "a key");
    }

    /// Presses Tab until the place is reached, which must then be seen to be so.
    ///
    /// # Panics
    /// When it is not reached by keyboard.
    pub async fn tab_to(&self, css: &str) {
        const SCRIPT: &str = "const at = document.activeElement;
            if (!at.matches(arguments[0])) return 'no';
            const style = getComputedStyle(at);
            const outlined = style.outlineStyle !== 'none' && style.outlineWidth !== '0px';
            return outlined || style.boxShadow !== 'none' ? 'seen' : 'unseen';";
        for _ in 0..KEYS_MAX {
            self.key(Key::Tab).await;
            let at = self.script(SCRIPT, vec![css.into()]).await;
            match at.as_str() {
                Some("seen") => return,
                Some("unseen") => panic!("{css} has the focus, and nobody sees it"),
                _ => {}
            }
        }
        panic!(
            "{css} is not reached by keyboard on {}",
            self.address().await
        );
    }

    /// Types where the focus is.
    ///
    /// # Panics
    /// When nothing takes it.
    pub async fn type_text(&self, text: &str) {
        let at = told(self.client.active_element().await, "the focus");
        told(at.send_keys(text).await, text);
    }

    /// Goes to a button or link by Tab and presses Enter, and again when it is asked whether.
    ///
    /// # Panics
    /// When it is not reached by keyboard.
    pub async fn enter(&self, css: &str) {
        self.leaving(self.strike(css)).await;
    }

    /// The same for what leaves the page as it is.
    ///
    /// # Panics
    /// When it is not reached by keyboard.
    pub async fn strike(&self, css: &str) {
        self.tab_to(css).await;
        let asks = "const form = document.activeElement.form;
            return !!form && form.hasAttribute('data-confirm');";
        let asks = self.script(asks, Vec::new()).await == json!(true);
        self.key(Key::Enter).await;
        if asks {
            // The dialog is the browser's own: Enter is its yes, which a driver says like this.
            told(self.client.accept_alert().await, css);
        }
    }
}
