//! Rules that a screen reader and a keyboard depend on, checked on the page as it stands.

use super::driver::Browser;
use super::with_page;
use serde_json::{Value, json};

/// Gives one line for each violation.
const RULES: &str = include_str!("accessibility.js");

async fn check(browser: &Browser, place: &str) {
    let found = browser.value(&format!("({RULES})()")).await;
    assert_eq!(found, json!([]), "{place}");
    let Some(axe) = std::env::var_os("ESPALIER_AXE") else { return };
    let axe = std::fs::read_to_string(axe).unwrap();
    browser.client.execute(&axe, Vec::new()).await.unwrap();
    let run = "const done = arguments[arguments.length - 1]; axe.run().then(({ violations }) => \
        done(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`)), \
        (error) => done([String(error)]));";
    let found = browser.client.execute_async(run, Vec::new()).await.unwrap();
    assert_eq!(found, json!([]), "{place}, by axe-core");
}

/// The rules themselves: a page that breaks each of them once.
#[test]
fn the_rules_notice_what_they_are_for() {
    with_page("/", &[], async |_, browser| {
        browser.until("document.querySelector('[data-field=nodes] input') !== null").await;
        check(browser, "as it opens").await;
        let broken = [
            ("<input type=text>", "no name"),
            ("<button type=button></button>", "no name"),
            ("<div role=img></div>", "no name"),
            ("<a href=\"#x\"></a>", "no name"),
            ("<p id=status></p>", "twice"),
            ("<span tabindex=3>x</span>", "tabindex"),
            ("<table><tr><td>1</td></tr></table>", "header"),
            ("<p data-style=\"color:#999;background:#aaa\">low contrast words</p>", "contrast"),
            ("<label for=nowhere>x</label>", "label"),
            ("<p aria-describedby=nowhere>x</p>", "refers"),
        ];
        for (markup, part) in broken {
            let script = format!(
                "(() => {{ const box = document.createElement('div'); \
                 box.append(new DOMParser().parseFromString({}, 'text/html').body.firstChild); \
                 document.getElementById('main').append(box); const styled = \
                 box.querySelector('[data-style]'); if (styled) styled.style.cssText = \
                 styled.dataset.style; const found = ({RULES})(); \
                 box.remove(); return found; }})()",
                Value::from(markup)
            );
            let found = browser.value(&script).await;
            let found = found.as_array().unwrap();
            let noticed = found.iter().any(|line| line.as_str().unwrap().contains(part));
            assert!(noticed, "{markup}: {found:?}");
        }
    });
}

#[test]
fn everything_can_be_read_and_reached() {
    let path = "/?nodes=12&rounds=8&byzantine=3&attack=sign-flip,equivocation&partition=2%402..4";
    with_page(path, &[], async |_, browser| {
        let ended =
            "(document.querySelector('.status-line .words')?.textContent ?? '').startsWith('done')";
        browser.until(ended).await;
        for dark in [false, true] {
            browser.prefer_dark(dark).await;
            let sections = "[...document.querySelectorAll('#results [data-section]')]\
                .map((section) => section.dataset.section)";
            let sections = browser.value(sections).await;
            let sections: Vec<String> = serde_json::from_value(sections).unwrap();
            assert!(sections.len() > 12, "{sections:?}");
            for section in &sections {
                let found = format!("document.querySelector('#results [data-section={section}]')");
                browser.value(&format!("{found}.scrollIntoView()")).await;
                browser
                    .until(&format!("{found}.querySelector('.body').childElementCount > 0"))
                    .await;
                // Everything folded is open too.
                browser
                    .value(&format!(
                        "{found}.querySelectorAll('details').forEach((d) => {{ d.open = true; }})"
                    ))
                    .await;
            }
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            check(browser, if dark { "a run, dark" } else { "a run, light" }).await;
            for tab in ["compare", "lab", "about", "run"] {
                browser.value("window.scrollTo(0, 0)").await;
                browser.click(&format!("#tab-{tab}")).await;
                browser.until(&format!("!document.getElementById('panel-{tab}').hidden")).await;
                check(browser, tab).await;
            }
        }
    });
}
