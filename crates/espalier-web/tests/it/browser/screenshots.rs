//! Pictures of the page, for the README and to be looked at: `cargo xtask screenshots`.

use super::driver::{Browser, is_there};
use crate::client::Running;
use std::path::PathBuf;

/// Name, address, and what is shown: a section, or nothing for the top of the page.
const VIEWS: [(&str, &str, Option<&str>); 3] = [
    ("run", "/?nodes=16&rounds=12&partition=2%402..6&byzantine=3&attack=sign-flip&seed=7", None),
    (
        "network",
        "/?nodes=16&rounds=12&partition=2%402..6&byzantine=3&attack=sign-flip&seed=7",
        Some("network"),
    ),
    (
        "proof",
        "/?nodes=16&rounds=12&partition=2%402..6&byzantine=3&attack=sign-flip&seed=7",
        Some("proof"),
    ),
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
        let origin = format!("http://{}", server.address);
        for size in SIZES {
            let browser = Browser::open(&origin, "/", size).await;
            for dark in [false, true] {
                browser.prefer_dark(dark).await;
                for (name, path, section) in VIEWS {
                    browser.goto(path).await;
                    let ended = "(document.querySelector('.status-line .words')?.textContent ?? '')\
                        .startsWith('done')";
                    browser.until(ended).await;
                    if let Some(section) = section {
                        let scroll = format!(
                            "document.querySelector('[data-section={section}]').scrollIntoView()"
                        );
                        browser.value(&scroll).await;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
                    let theme = if dark { "dark" } else { "light" };
                    let file = format!("{name}-{}-{theme}.png", size.0);
                    let picture = browser.client.screenshot().await.unwrap();
                    std::fs::write(folder.join(file), picture).unwrap();
                }
            }
            browser.close(&[]).await;
        }
    });
}
