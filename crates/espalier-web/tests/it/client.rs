//! A server of the test's own on a free port, and a client that sends what it is told to, however
//! wrong that is.

use crate::spec::{check_answer, check_event};
use espalier_web::{Limits, Server, Settings, Stopper};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

/// A server that stops with the test.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default(), None)
    }

    pub(crate) fn with(limits: Limits, token: Option<&str>) -> Self {
        let settings = Settings { limits, token: token.map(str::to_owned), ..Settings::default() };
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind(settings).await.unwrap();
                sender.send((server.address(), server.stopper())).unwrap();
                server.serve().await;
            });
        });
        let (address, stopper) = receiver.recv().unwrap();
        Self { address, stopper, thread: Some(thread) }
    }

    /// Stops it and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.stopper.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends a request with these lines after its first, and reads the answer.
    pub(crate) fn send(&self, method: &str, path: &str, lines: &[&str], body: &[u8]) -> Reply {
        let mut stream = self.connect();
        stream.write_all(&self.head(method, path, lines, body.len())).unwrap();
        // It may have answered and gone before it has read everything.
        let _ = stream.write_all(body);
        let reply = Reply::read(&mut BufReader::new(stream));
        let kind = reply.header("content-type").unwrap_or_default();
        let body = (kind == "application/json").then(|| reply.json());
        check_answer(method, path, reply.status, body.as_ref());
        reply
    }

    /// The head of a request; `Host` is as it should be unless it is among the lines.
    pub(crate) fn head(&self, method: &str, path: &str, lines: &[&str], len: usize) -> Vec<u8> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
        if !lines.iter().any(|line| line.to_lowercase().starts_with("host:")) {
            head += &format!("Host: {}\r\n", self.address);
        }
        if len > 0 || method == "POST" {
            head += &format!("Content-Length: {len}\r\n");
        }
        lines.iter().for_each(|line| head += &format!("{line}\r\n"));
        (head + "\r\n").into_bytes()
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        let kind = ["Content-Type: application/json"];
        self.send("POST", path, &kind, body.to_string().as_bytes())
    }

    /// Starts a run; its identifier.
    #[track_caller]
    pub(crate) fn start(&self, config: Value) -> String {
        let reply = self.post("/api/v1/runs", &serde_json::json!({ "config": config }));
        assert_eq!(reply.status, 201, "{}", reply.text());
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// All events of a run, from the one after `seen` to the end.
    pub(crate) fn events(&self, path: &str, seen: Option<u64>) -> Vec<Event> {
        let last = seen.map(|seen| format!("Last-Event-ID: {seen}"));
        let lines: Vec<&str> = last.as_deref().into_iter().collect();
        let reply = self.send("GET", path, &lines, b"");
        assert!(matches!(reply.status, 200 | 204), "{}", reply.text());
        let events = Event::all(&reply.text());
        let lab = path.contains("/labs/");
        for Event { name, data, .. } in &events {
            check_event(if lab && name == "ending" { "grid" } else { name }, data);
        }
        events
    }

    /// A run to its end; its identifier and its events.
    #[track_caller]
    pub(crate) fn run(&self, config: Value) -> (String, Vec<Event>) {
        let id = self.start(config);
        let events = self.events(&format!("/api/v1/runs/{id}/events"), None);
        (id, events)
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], b"")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn read(from: &mut BufReader<TcpStream>) -> Self {
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0);
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            let read = from.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                assert!(read == 0 || line == "\r\n", "{line}");
                break;
            };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let mut body = Vec::new();
        let _ = from.read_to_end(&mut body);
        let mut reply = Self { status, headers, body };
        if reply.header("transfer-encoding") == Some("chunked") {
            reply.body = unchunked(&reply.body);
        }
        reply
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The code of an error, and its field.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String, Option<String>) {
        let json = self.json();
        let error = &json["error"];
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{json}");
        let text = |name: &str| error[name].as_str().map(str::to_owned);
        (self.status, text("code").unwrap(), text("field"))
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let len = std::str::from_utf8(&rest[..end]).unwrap();
        let len = usize::from_str_radix(len, 16).unwrap();
        if len == 0 {
            break;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + len]);
        rest = &rest[end + 4 + len..];
    }
    body
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) data: Value,
}

impl Event {
    pub(crate) fn all(text: &str) -> Vec<Self> {
        let blocks = text.split("\n\n").filter(|block| !block.is_empty() && *block != ":");
        let field = |block: &str, name: &str| {
            let line = block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.unwrap_or_else(|| panic!("no {name} in {block}")).to_owned()
        };
        let event = |block: &str| Self {
            id: field(block, "id").parse().unwrap(),
            name: field(block, "event"),
            data: serde_json::from_str(&field(block, "data")).unwrap(),
        };
        blocks.map(event).collect()
    }
}
