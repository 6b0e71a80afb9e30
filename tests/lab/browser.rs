//! A real browser without a window: Chromium, told what to do by chromedriver over HTTP on loopback.
//!
//! It owns both programs, and a little web server for one page that notes all that it is asked for.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{killpg, Signal};
use nix::unistd::Pid;
use serde_json::{json, Value};

use super::acceptor::Acceptor;
use super::patience::{show_on_failure, wait_for};
use super::place::Place;
use super::warden::{Ward, Warden};

/// On a busy machine Chromium needs several seconds to start.
const PATIENCE: Duration = Duration::from_secs(60);

const ARGUMENTS: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Whatever it would like to look up, it stays on loopback.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.*",
];

/// Dropped, it has ended.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _warden: Warden,
}

impl Browser {
    /// Its folder and its log are the place's.
    pub fn start(place: &Place) -> Browser {
        let chromium = installed("chromium", "chromium");
        let chromedriver = installed("chromedriver", "chromium-driver");
        let log = place.path("chromedriver.log");
        show_on_failure(&log);
        let output = File::create(&log).unwrap();
        // A group of its own, so that what it starts can be ended with it.
        let driver = Command::new("setsid")
            .arg(chromedriver)
            .arg("--port=0")
            .env("HOME", place.folder())
            .env("TMPDIR", place.folder())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .expect("setsid runs");
        let warden = Warden::over(Ward::Group(Pid::from_raw(driver.id() as i32)));
        let mut browser = Browser {
            driver,
            port: 0,
            session: String::new(),
            _warden: warden,
        };
        browser.port = wait_for("chromedriver's port", PATIENCE, || announced_port(&log));
        let mut arguments: Vec<String> = ARGUMENTS.iter().map(|word| word.to_string()).collect();
        let profile = place.path("profile");
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let answer = browser.ask(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"binary": chromium, "args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"},
            }}}),
        );
        browser.session = answer["sessionId"].as_str().expect("a session").to_string();
        browser
    }

    pub fn open(&self, url: &str) {
        self.command("/url", &json!({ "url": url }));
    }

    /// What the body of a function returns in the page.
    pub fn evaluate(&self, script: &str) -> Value {
        self.command("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// All that the page has complained of since the last time.
    pub fn complaints(&self) -> Vec<String> {
        let log = self.command("/se/log", &json!({"type": "browser"}));
        let lines = log.as_array().expect("a log").iter();
        lines.map(|line| line["message"].to_string()).collect()
    }

    /// As wide as that, in this colour scheme.
    pub fn show(&self, width: u32, scheme: &str) {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 700}),
        );
        self.devtools(
            "Emulation.setEmulatedMedia",
            &json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]}),
        );
    }

    pub fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command(
            "/goog/cdp/execute",
            &json!({"cmd": command, "params": parameters}),
        )
    }

    fn command(&self, path: &str, parameters: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.ask("POST", &path, parameters)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, parameters: &Value) -> Value {
        let body = parameters.to_string();
        let (status, text) = self
            .exchange(method, path, &body)
            .unwrap_or_else(|error| panic!("chromedriver: {method} {path}: {error}"));
        let answer: Value = serde_json::from_str(&text).expect("chromedriver answers with JSON");
        assert_eq!(status, 200, "{method} {path}: {text}");
        answer["value"].clone()
    }

    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut socket = TcpStream::connect(address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes())?;
        socket.write_all(body.as_bytes())?;
        // It leaves the connection open, whatever it is asked.
        let mut answer = BufReader::new(socket);
        let mut line = String::new();
        answer.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|word| word.parse().ok());
        let mut length = 0;
        while line != "\r\n" && !line.is_empty() {
            line.clear();
            answer.read_line(&mut line)?;
            if let Some((name, value)) = line.split_once(':') {
                if name.eq_ignore_ascii_case("content-length") {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
        }
        let mut body = vec![0; length];
        answer.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok((status.unwrap_or(0), body))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = self.exchange("DELETE", &format!("/session/{}", self.session), "");
        }
        let _ = killpg(Pid::from_raw(self.driver.id() as i32), Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}

fn installed(program: &str, package: &str) -> PathBuf {
    let path = Path::new("/usr/bin").join(program);
    assert!(
        path.exists(),
        "{} is not there: install the package {package}, for instance by: bash \
         tests/setup/packages.sh test",
        path.display()
    );
    path
}

fn announced_port(log: &Path) -> Option<u16> {
    let text = fs::read_to_string(log).ok()?;
    let (_, behind) = text.split_once("started successfully on port ")?;
    behind.split('.').next()?.parse().ok()
}

/// Serves one page under every path. Dropped, it listens no more.
pub struct Site {
    url: String,
    page: Arc<Mutex<String>>,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: Acceptor,
}

impl Site {
    pub fn start(address: Ipv4Addr) -> Site {
        let listener = TcpListener::bind((address, 0)).expect("a port is free");
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let page = Arc::new(Mutex::new(String::new()));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (of_page, of_asked) = (page.clone(), asked.clone());
        let _serving = Acceptor::tcp(listener, move |socket| {
            if let Some(line) = serve(socket, &of_page) {
                of_asked.lock().unwrap().push(line);
            }
        });
        Site {
            url,
            page,
            asked,
            _serving,
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn publish(&self, page: String) {
        *self.page.lock().unwrap() = page;
    }

    /// The request lines, each time from the first.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request; returns its first line, or nothing if none came: browsers open connections that
/// they may not need.
fn serve(mut socket: TcpStream, page: &Mutex<String>) -> Option<String> {
    socket.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match socket.read(&mut piece) {
            Ok(0) | Err(_) => return None,
            Ok(length) => request.extend_from_slice(&piece[..length]),
        }
    }
    // Only now: the connection may be older than the page.
    let page = page.lock().unwrap().clone();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        page.len()
    );
    let _ = socket.write_all(head.as_bytes());
    let _ = socket.write_all(page.as_bytes());
    let request = String::from_utf8_lossy(&request).into_owned();
    request.lines().next().map(str::to_string)
}
