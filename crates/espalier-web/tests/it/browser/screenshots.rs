//! Pictures of the page, for the README and to be looked at: `cargo xtask screenshots`.

use super::driver::{Browser, is_there};
use crate::client::Running;
use std::path::PathBuf;
use std::time::Duration;

const RUN: &str = "/?nodes=16&rounds=12&partition=2%402..6&byzantine=3&attack=sign-flip&seed=7";

/// What is shown of a run: its top, or a section by the name in its link.
const VIEWS: [(&str, Option<&str>); 5] = [
    ("run", None),
    ("convergence", Some("Convergence and trust")),
    ("states", Some("State matrix")),
    ("network", Some("Network")),
    ("proof", Some("Inclusion proof")),
];

const SIZES: [(u32, u32); 3] = [(390, 844), (1_280, 900), (1_920, 1_080)];

/// Writes the pictures into the folder that is asked for; does nothing otherwise.
#[test]
fn screenshots() {
    let Some(folder) = std::env::var_os("ESPALIER_SCREENSHOTS").map(PathBuf::from) else { return };
    if !is_there() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Running::new();
        let browser = Browser::open(&format!("http://{}", server.address), RUN).await;
        for size in SIZES {
            browser.resize(size).await;
            for dark in [false, true] {
                browser.prefer_dark(dark).await;
                browser.goto(RUN).await;
                let words = "document.querySelector('.status-line .words')?.textContent ?? ''";
                browser.until(&format!("({words}).startsWith('done')")).await;
                for (name, section) in VIEWS {
                    browser.value("window.scrollTo(0, 0)").await;
                    if let Some(section) = section {
                        browser.press("jump", section).await;
                    }
                    if name == "network" {
                        // In the middle, while messages pass.
                        let there = "document.querySelector('[data-section=network] input')";
                        browser.until(&format!("{there} !== null")).await;
                        let slide = "(() => { const slider = document.querySelector(\
                            '[data-section=network] input[type=range]'); slider.value = 3; \
                            slider.dispatchEvent(new Event('input', { bubbles: true })); })()";
                        browser.value(slide).await;
                    }
                    tokio::time::sleep(Duration::from_millis(1_500)).await;
                    let theme = if dark { "dark" } else { "light" };
                    let picture = browser.client.screenshot().await.unwrap();
                    let file = format!("{name}-{}-{theme}.png", size.0);
                    std::fs::write(folder.join(file), picture).unwrap();
                }
                browser.value("window.scrollTo(0, 0)").await;
                browser.click("#tab-lab").await;
                tokio::time::sleep(Duration::from_millis(500)).await;
                let theme = if dark { "dark" } else { "light" };
                let picture = browser.client.screenshot().await.unwrap();
                std::fs::write(folder.join(format!("lab-{}-{theme}.png", size.0)), picture)
                    .unwrap();
            }
        }
        browser.close(&[]).await;
    });
}
