//! The page as a person uses it, in a headless browser against a server of the test's own.

mod accessibility;
mod driver;
mod screenshots;
mod use_it;

use crate::client::Running;
use driver::{Browser, is_there};

/// Runs a test with a server and a browser that shows `path`; nothing happens where there is no
/// browser. What the browser complains of must be among `forgiven`.
fn with_page(path: &str, forgiven: &[&str], test: impl AsyncFnOnce(&Running, &Browser)) {
    if !is_there() {
        return;
    }
    let server = Running::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let browser = Browser::open(&format!("http://{}", server.address), path).await;
        test(&server, &browser).await;
        browser.close(forgiven).await;
    });
}
