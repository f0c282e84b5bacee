//! A headless browser, by the `DevTools` protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>).

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value as Json, json};
use tungstenite::{Message, WebSocket};

static ALONE: Mutex<()> = Mutex::new(());

/// A browser with one page open.
pub(crate) struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    last: u64,
    /// What the page asked for, and what it complained of.
    requests: Vec<String>,
    complaints: Vec<String>,
    /// Pages that are loaded.
    loaded: usize,
    _profile: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// Where the browser is: `INF_TEST_BROWSER`, or Chromium or Chrome on the path.
fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("INF_TEST_BROWSER") {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|found| found.is_file())
}

impl Browser {
    /// Starts one; `None` if there is none on this machine.
    #[expect(clippy::print_stdout, reason = "it is seen what was skipped")]
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = program() else {
            println!("skipped: there is no Chromium on the path (INF_TEST_BROWSER names one)");
            return None;
        };
        // One at a time: each has many processes. What another test found does not matter here.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let profile = tempfile::tempdir().expect("a temporary directory");
        let mut process = Command::new(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                "--remote-debugging-port=0",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the browser starts");
        let mut told = BufReader::new(process.stderr.take().expect("piped"));
        let mut line = String::new();
        let url = loop {
            line.clear();
            let read = told.read_line(&mut line).expect("readable");
            assert!(read > 0, "the browser ended before it listened");
            if let Some(url) = line.trim().strip_prefix("DevTools listening on ") {
                break url.to_owned();
            }
        };
        // Nobody may be stopped by a pipe that is full.
        std::thread::spawn(move || std::io::copy(&mut told, &mut std::io::sink()));
        let address = url.trim_start_matches("ws://").split('/').next();
        let stream = TcpStream::connect(address.expect("an address")).expect("it listens");
        let (socket, _) = tungstenite::client(&*url, stream).expect("it speaks the protocol");
        let mut browser = Self {
            process,
            socket,
            session: None,
            last: 0,
            requests: Vec::new(),
            complaints: Vec::new(),
            loaded: 0,
            _profile: profile,
            _alone: alone,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let target = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", &target);
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Network", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        Some(browser)
    }

    /// Calls a method and waits for its result.
    pub(crate) fn call(&mut self, method: &str, parameters: &Json) -> Json {
        self.last += 1;
        let id = self.last;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        let text = message.to_string();
        self.socket.send(Message::text(text)).expect("it listens");
        loop {
            let message = self.receive();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    fn receive(&mut self) -> Json {
        loop {
            if let Message::Text(text) = self.socket.read().expect("the browser lives") {
                let message: Json = serde_json::from_str(&text).expect("JSON");
                self.note(&message);
                return message;
            }
        }
    }

    fn note(&mut self, event: &Json) {
        let parameters = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Page.loadEventFired" => self.loaded += 1,
            "Network.requestWillBeSent" => {
                let url = parameters["request"]["url"].as_str().unwrap_or_default();
                self.requests.push(url.to_owned());
            }
            "Runtime.exceptionThrown" => {
                self.complaints
                    .push(parameters["exceptionDetails"].to_string());
            }
            "Runtime.consoleAPICalled" => self.complaints.push(parameters["args"].to_string()),
            "Log.entryAdded" => self.complaints.push(parameters["entry"].to_string()),
            _ => {}
        }
    }

    /// Opens a file, and waits until it is drawn.
    pub(crate) fn open(&mut self, file: &Path) {
        let before = self.loaded;
        self.requests.clear();
        let url = format!("file://{}", file.display());
        self.call("Page.navigate", &json!({ "url": url }));
        while self.loaded == before {
            self.receive();
        }
        self.wait_for("document.documentElement.dataset.ready");
    }

    /// What `expression` is on the page; a promise is awaited.
    pub(crate) fn evaluate(&mut self, expression: &str) -> Json {
        let parameters =
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let result = self.call("Runtime.evaluate", &parameters);
        assert!(
            result["exceptionDetails"].is_null(),
            "{expression}: {result}"
        );
        result["result"]["value"].clone()
    }

    /// Waits until `condition` is true on the page, for a bounded number of its frames.
    pub(crate) fn wait_for(&mut self, condition: &str) {
        let came_true = self.evaluate(&format!(
            "new Promise((done) => {{ let frames = 0; const look = () => ({condition}) ? done(true) : (frames += 1) > 3000 ? done(false) : requestAnimationFrame(look); look(); }})"
        ));
        if came_true != true {
            let shown = self.evaluate("document.body.innerText");
            panic!("{condition} is not true of:\n{shown}");
        }
    }

    /// Presses a key that types nothing or one character.
    pub(crate) fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            self.call("Input.dispatchKeyEvent", &json!({"type": kind, "key": key}));
        }
    }

    /// Makes the window so large, in CSS pixels.
    pub(crate) fn resize(&mut self, width: u32, height: u32) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Is used by fingers from now on.
    pub(crate) fn use_touch(&mut self) {
        let touch = json!({"enabled": true, "maxTouchPoints": 2});
        self.call("Emulation.setTouchEmulationEnabled", &touch);
    }

    /// Moves fingers: each point of time has a place for every one of them, and then they are lifted.
    pub(crate) fn touch(&mut self, moments: &[&[(f64, f64)]]) {
        for (moment, places) in moments.iter().enumerate() {
            let kind = if moment == 0 {
                "touchStart"
            } else {
                "touchMove"
            };
            let places = places.iter().enumerate();
            let points: Vec<Json> = places
                .map(|(id, (x, y))| json!({"x": x, "y": y, "id": id}))
                .collect();
            let event = json!({"type": kind, "touchPoints": points});
            self.call("Input.dispatchTouchEvent", &event);
        }
        let end = json!({"type": "touchEnd", "touchPoints": []});
        self.call("Input.dispatchTouchEvent", &end);
    }

    /// Prefers `light` or `dark` from now on.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let feature = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.call("Emulation.setEmulatedMedia", &feature);
    }

    /// Checks that the page has asked for nothing but itself, and complained of nothing.
    pub(crate) fn check_quiet(&self) {
        let other = |url: &&String| !url.starts_with("file://") && !url.starts_with("data:");
        let others: Vec<_> = self.requests.iter().filter(other).collect();
        assert!(others.is_empty(), "the page asked for {others:?}");
        let files = self
            .requests
            .iter()
            .filter(|url| url.starts_with("file://"));
        assert_eq!(files.count(), 1, "{:?}", self.requests);
        assert!(self.complaints.is_empty(), "{:?}", self.complaints);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A browser that was told to close may have done so already.
        let close = json!({"id": 0, "method": "Browser.close"});
        let _ = self.socket.send(Message::text(close.to_string()));
        if std::thread::panicking() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}
