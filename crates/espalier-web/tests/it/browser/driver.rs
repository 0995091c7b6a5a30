//! A headless browser of the test's own, driven over `WebDriver`.

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Debian's places; the test command installs them where it may.
const CHROMIUM: &str = "/usr/bin/chromium";
const DRIVER: &str = "/usr/bin/chromedriver";

/// How long something on the page may take. Generous: it is no measurement.
const PATIENCE: Duration = Duration::from_secs(60);

/// What keeps the browser from talking to anybody by itself.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
];

/// Whether there is a browser; says so where there is none.
pub(crate) fn is_there() -> bool {
    let there = Path::new(CHROMIUM).exists() && Path::new(DRIVER).exists();
    if !there {
        let missing = "chromium and chromium-driver are not installed";
        // Where they were installed for the tests, a skip would be a hole.
        assert!(std::env::var_os("ESPALIER_BROWSER").is_none(), "{missing}");
        // Not by a macro: what those print of a test that passes is not shown.
        let mut stderr = std::io::stderr();
        let _ = writeln!(stderr, "SKIPPED: {missing}: nothing was tested in a browser");
    }
    there
}

/// What the browser wrote down since it was last asked.
#[derive(Debug)]
struct Log(&'static str);

impl WebDriverCompatibleCommand for Log {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(json!({ "type": self.0 }).to_string()))
    }
}

/// A command of Chromium's own.
#[derive(Debug)]
struct Emulate(Value);

impl WebDriverCompatibleCommand for Emulate {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.to_string()))
    }
}

/// A browser with one window.
#[derive(Debug)]
pub(crate) struct Browser {
    pub(crate) client: Client,
    driver: Child,
    /// Its profile goes with it.
    _profile: TempDir,
    origin: String,
}

impl Browser {
    /// Opens `path` of the server at `origin` on a desk.
    pub(crate) async fn open(origin: &str, path: &str) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut driver = Command::new(DRIVER)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A group of its own: whoever ends it ends its browser too.
            .process_group(0)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = said.next().expect("the driver says its port").unwrap();
            if let Some((_, rest)) = line.split_once("started successfully on port ") {
                break rest.trim_end_matches('.').to_owned();
            }
        };
        // Whoever writes must be read.
        std::thread::spawn(move || said.for_each(drop));
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).into();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        arguments.push("--window-size=1280,900".to_owned());
        let capabilities = json!({
            "goog:chromeOptions": { "binary": CHROMIUM, "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().unwrap().clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        let browser = Self { client, driver, _profile: profile, origin: origin.to_owned() };
        browser.goto(path).await;
        browser
    }

    pub(crate) async fn goto(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.origin)).await.unwrap();
    }

    async fn emulate(&self, what: &str, parameters: Value) {
        let command = json!({ "cmd": format!("Emulation.{what}"), "params": parameters });
        self.client.issue_cmd(Emulate(command)).await.unwrap();
    }

    /// Sets the size of what is seen; a window cannot be as narrow as a telephone.
    pub(crate) async fn resize(&self, (width, height): (u32, u32)) {
        let size = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500,
        });
        self.emulate("setDeviceMetricsOverride", size).await;
        self.until(&format!("innerWidth === {width}")).await;
    }

    /// Sets the colour scheme that the person prefers, which the page hears of.
    pub(crate) async fn prefer_dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.emulate("setEmulatedMedia", json!({ "features": features })).await;
        let query = format!("matchMedia('(prefers-color-scheme: {value})').matches");
        self.until(&query).await;
    }

    /// The value of a JavaScript expression.
    pub(crate) async fn value(&self, expression: &str) -> Value {
        let script = format!("return {expression};");
        self.client.execute(&script, Vec::new()).await.unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// Waits until a JavaScript expression is true.
    pub(crate) async fn until(&self, expression: &str) {
        let true_at_last = async {
            while !truthy(&self.value(expression).await) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, true_at_last).await.is_err() {
            panic!("never became true: {expression}\n{}", self.page_text().await);
        }
    }

    async fn page_text(&self) -> String {
        let text = self.value("document.body.innerText").await;
        text.as_str().unwrap_or_default().chars().take(3_000).collect()
    }

    /// Clicks what a CSS selector finds first, as a person would: it must be there to be seen.
    pub(crate) async fn click(&self, css: &str) {
        self.click_on(Locator::Css(css)).await;
    }

    /// Clicks the first button with this text inside an element with this id, class or section.
    pub(crate) async fn press(&self, inside: &str, text: &str) {
        let path = format!(
            "//*[@id='{inside}' or contains(concat(' ', @class, ' '), ' {inside} ') or \
             @data-section='{inside}']//button[normalize-space(.)='{text}']"
        );
        self.click_on(Locator::XPath(&path)).await;
    }

    async fn click_on(&self, what: Locator<'_>) {
        let element = self.client.wait().at_most(PATIENCE).for_element(what).await;
        let element = element.unwrap_or_else(|e| panic!("{what:?}: {e}"));
        let clicked = async {
            loop {
                // Under way to it, something may still grow and push it elsewhere.
                let arguments = vec![serde_json::to_value(&element).unwrap()];
                let scroll =
                    "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
                self.client.execute(scroll, arguments).await.unwrap();
                if element.clone().click().await.is_ok() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let clicked = tokio::time::timeout(PATIENCE, clicked).await;
        clicked.unwrap_or_else(|_| panic!("{what:?} cannot be clicked"));
    }

    /// Types into a field in place of what is there.
    pub(crate) async fn type_into(&self, css: &str, text: &str) {
        let element = self.client.find(Locator::Css(css)).await;
        let element = element.unwrap_or_else(|e| panic!("{css}: {e}"));
        element.clear().await.unwrap_or_else(|e| panic!("{css}: {e}"));
        element.send_keys(text).await.unwrap_or_else(|e| panic!("{css}: {e}"));
    }

    /// Everything the browser complained of, and every address that it asked.
    async fn log(&self, kind: &'static str) -> Vec<Value> {
        let entries = self.client.issue_cmd(Log(kind)).await.unwrap();
        entries.as_array().cloned().unwrap_or_default()
    }

    /// Ends the session. The page must have complained of nothing but what `forgiven` says, and
    /// have asked nobody but its server.
    pub(crate) async fn close(self, forgiven: &[&str]) {
        for entry in self.log("browser").await {
            let text = entry["message"].as_str().unwrap_or_default();
            let expected = forgiven.iter().any(|part| text.contains(part));
            assert!(expected, "the console says: {entry}");
        }
        let mut asked = 0;
        for entry in self.log("performance").await {
            let message: Value =
                serde_json::from_str(entry["message"].as_str().unwrap_or("null")).unwrap();
            let message = &message["message"];
            if message["method"] != "Network.requestWillBeSent" {
                continue;
            }
            let url = message["params"]["request"]["url"].as_str().unwrap();
            let own = url.starts_with(&format!("{}/", self.origin));
            // The empty page before the first address is the browser's own.
            let inside = ["data:", "blob:", "chrome:"].iter().any(|kind| url.starts_with(kind));
            assert!(own || inside, "the page asked {url}");
            asked += usize::from(own);
        }
        assert!(asked > 3, "the log of requests has only {asked}");
        self.client.clone().close().await.unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A test that failed leaves nothing running either.
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = self.driver.wait();
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        _ => true,
    }
}
