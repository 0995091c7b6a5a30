//! Everything the page is for, once each.

use super::driver::Browser;
use super::with_page;
use crate::client::Running;
use serde_json::{Value, json};
use std::io::Write as _;

/// The words of the line that says how far the shown run is.
const WORDS: &str = "(document.querySelector('.status-line .words')?.textContent ?? '')";
const SLIDER: &str = "[data-section=network] input[type=range]";

/// The latest run that the server has.
fn latest(server: &Running) -> Value {
    server.get("/api/v1/runs").json()[0].clone()
}

async fn wait_for_end(browser: &Browser) {
    browser.until(&format!("{WORDS}.startsWith('done')")).await;
}

/// Brings a section of the shown run into view and waits until it is drawn.
async fn look_at(browser: &Browser, section: &str) {
    let found = format!("document.querySelector('[data-section={section}]')");
    browser.until(&format!("{found} !== null")).await;
    browser.value(&format!("{found}.scrollIntoView({{ block: 'start' }})")).await;
    browser.until(&format!("{found}.querySelector('.body').childElementCount > 0")).await;
}

async fn text_of(browser: &Browser, css: &str) -> String {
    let text = browser.value(&format!("document.querySelector('{css}')?.innerText ?? null")).await;
    text.as_str().unwrap_or_else(|| panic!("no {css}")).to_owned()
}

/// Moves a range as the arrow keys do.
async fn slide_to(browser: &Browser, value: u32) {
    let script = format!(
        "(() => {{ const slider = document.querySelector('{SLIDER}'); slider.value = {value}; \
         slider.dispatchEvent(new Event('input', {{ bubbles: true }})); return slider.value; }})()"
    );
    assert_eq!(browser.value(&script).await, json!(value.to_string()));
}

#[test]
fn a_run_is_watched_while_it_converges_and_its_numbers_are_those_of_the_api() {
    with_page("/", &[], async |server, browser| {
        browser.until("document.querySelector('[data-field=nodes] input') !== null").await;
        browser.type_into("[data-field=nodes] input", "24").await;
        browser.type_into("[data-field=rounds] input", "60").await;
        browser.press("setup", "Run").await;
        // Something is drawn before the end: the page need not wait for it.
        browser
            .until("document.querySelector('[data-section=convergence] .plot svg') !== null")
            .await;
        browser.until(&format!("/round \\d+ of 60|done/.test({WORDS})")).await;
        wait_for_end(browser).await;

        let run = latest(server);
        let id = run["id"].as_str().unwrap();
        let report = server.get(&format!("/api/v1/runs/{id}/report.json")).json();
        assert_eq!(report["config"]["nodes"], 24);
        let summary = &report["summary"];
        look_at(browser, "summary").await;
        let tiles = text_of(browser, "[data-section=summary] .tiles").await;
        let round = summary["rounds_to_converge"].as_u64().expect("it converges");
        assert!(tiles.contains(&format!("\n{round}\n")), "{round} rounds: {tiles}");
        let accuracy = summary["final_accuracy"].as_f64().unwrap();
        assert!(tiles.contains(&format!("{:.1} %", 100.0 * accuracy)), "{accuracy}: {tiles}");
        let text = text_of(browser, "[data-section=summary]").await;
        let hash = summary["final_state_hash"].as_str().unwrap();
        assert!(text.contains(&hash[..8]), "{hash}: {text}");

        // The chart holds what the report says, round by round.
        let drawn = browser
            .value(
                "[...document.querySelector('[data-section=convergence] .plot').data]\
                 .find((trace) => trace.meta?.key === 'states').y",
            )
            .await;
        let rounds = report["rounds"].as_array().unwrap();
        let states: Vec<_> = rounds.iter().map(|round| round["distinct_states"].clone()).collect();
        assert_eq!(drawn, Value::from(states));
    });
}

#[test]
fn the_slider_shows_earlier_rounds_and_a_node_as_it_was_then() {
    with_page("/?nodes=12&rounds=12&topology=ring", &[], async |server, browser| {
        wait_for_end(browser).await;
        look_at(browser, "network").await;
        let id = latest(server)["id"].as_str().unwrap().to_owned();
        browser.until(&format!("document.querySelector('{SLIDER}')?.value === '12'")).await;
        for round in [0, 2] {
            slide_to(browser, round).await;
            let node = server.get(&format!("/api/v1/runs/{id}/nodes/node_5?round={round}")).json();
            let pick = "(() => { const has = (one) => one.textContent === 'node_5'; \
                const list = [...document.querySelectorAll('[data-section=network] select')]\
                .find((select) => [...select.options].some(has)); \
                list.value = [...list.options].find(has).value; \
                list.dispatchEvent(new Event('change', { bubbles: true })); return true; })()";
            browser.value(pick).await;
            let hash = node["state_hash"].as_str().unwrap();
            let shown = format!(
                "document.querySelector('[data-section=network]').innerText.includes('{}')",
                &hash[..8]
            );
            browser.until(&shown).await;
            let title = format!("node_5 after round {round}");
            browser
                .until(&format!(
                    "document.querySelector('[data-section=network]').innerText.includes('{title}')"
                ))
                .await;
        }
    });
}

#[test]
fn liars_are_marked_once_isolated_and_all_of_them_only_when_revealed() {
    let path = "/?nodes=12&rounds=8&byzantine=3&attack=sign-flip&seed=4";
    with_page(path, &[], async |server, browser| {
        wait_for_end(browser).await;
        look_at(browser, "trust").await;
        let id = latest(server)["id"].as_str().unwrap().to_owned();
        let report = server.get(&format!("/api/v1/runs/{id}/report.json")).json();
        let liars = report["nodes"].as_array().unwrap().iter().filter(|n| n["byzantine"] == true);
        assert_eq!(liars.count(), 3);
        let says = "document.querySelector('[data-section=trust]').innerText";
        let before = browser.value(says).await;
        assert!(!before.as_str().unwrap().contains("sign-flip"), "{before}");
        let rings = "[...document.querySelectorAll('[data-section=network] .node .ring')]\
                     .filter((ring) => ring.checkVisibility()).length";
        let switch = "[data-section=trust] input[role=switch]";
        browser.click(switch).await;
        browser
            .until(&format!("{says}.includes('sign-flip') || {says}.includes('Byzantine')"))
            .await;
        look_at(browser, "network").await;
        browser.until(&format!("{rings} === 3")).await;
        browser
            .value("document.querySelector('[data-section=trust] input[role=switch]').click()")
            .await;
        browser.until(&format!("{rings} === 0")).await;
    });
}

#[test]
fn a_proof_holds_until_a_byte_is_changed() {
    with_page("/?nodes=8&rounds=6", &[], async |_, browser| {
        wait_for_end(browser).await;
        look_at(browser, "proof").await;
        let good = "document.querySelector('.proofverdict.good') !== null";
        let bad = "document.querySelector('.proofverdict.bad') !== null";
        browser.until(good).await;
        browser.press("proof", "Break it for me").await;
        browser.until(bad).await;
        let wrong = "document.querySelectorAll('[data-section=proof] tr.wrong').length";
        assert!(browser.value(wrong).await.as_u64().unwrap() > 0);
        browser.press("proof", "Restore").await;
        browser.until(good).await;
        // By hand: one digit of the first hash.
        let edit = "(() => { const area = document.querySelector('.hexfield'); \
            const first = area.value[0] === '0' ? '1' : '0'; \
            area.value = first + area.value.slice(1); \
            area.dispatchEvent(new Event('input', { bubbles: true })); return true; })()";
        browser.value(edit).await;
        browser.until(bad).await;
    });
}

/// A safetensors file with one tensor of four zeros.
fn safetensors() -> Vec<u8> {
    let head = r#"{"w":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}"#;
    let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
    bytes.extend(head.as_bytes());
    bytes.extend((0..4_u8).flat_map(|x| f32::from(x).to_le_bytes()));
    bytes
}

#[test]
fn an_uploaded_file_becomes_the_model_family_and_rubbish_is_refused() {
    // The browser writes down every answer above 399.
    with_page("/", &["Failed to load resource"], async |server, browser| {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let (good, bad) = (put("mine.safetensors", &safetensors()), put("bad.safetensors", b"no"));
        browser.until("document.querySelector('.upload input[type=file]') !== null").await;
        let file = fantoccini::Locator::Css(".upload input[type=file]");
        browser.client.find(file).await.unwrap().send_keys(&bad).await.unwrap();
        browser.until("document.querySelector('.upload .error:not([hidden])')?.innerText").await;
        assert_eq!(server.get("/api/v1/models").json(), json!([]));
        browser.client.find(file).await.unwrap().send_keys(&good).await.unwrap();
        browser.until("document.querySelector('.upload').innerText.includes('mine')").await;
        let models = server.get("/api/v1/models").json();
        let id = models[0]["id"].as_str().unwrap();
        browser
            .until(&format!(
                "[...document.querySelector('[data-field=model] select').options]\
                 .some((option) => option.value === 'upload:{id}')"
            ))
            .await;
        let choose = format!(
            "(() => {{ const list = document.querySelector('[data-field=model] select'); \
             list.value = 'upload:{id}'; \
             list.dispatchEvent(new Event('change', {{ bubbles: true }})); \
             return list.value; }})()"
        );
        assert_eq!(browser.value(&choose).await, json!(format!("upload:{id}")));
        browser.press("setup", "Run").await;
        wait_for_end(browser).await;
        let run = latest(server);
        assert_eq!(run["config"]["model"], format!("upload:{id}"));
        assert_eq!(run["status"], "done");
    });
}

#[test]
fn a_link_runs_what_it_says() {
    let path = "/?nodes=5&rounds=7&topology=ring&loss=0.25&seed=99&partition=2%402..4";
    with_page(path, &[], async |server, browser| {
        wait_for_end(browser).await;
        let config = latest(server)["config"].clone();
        assert_eq!(config["nodes"], 5);
        assert_eq!(config["topology"], "ring");
        assert_eq!(config["loss"], 0.25);
        assert_eq!(config["seed"], 99);
        assert_eq!(config["partition"], "2@2..4");
        let hash = |server: &Running| {
            let id = latest(server)["id"].as_str().unwrap().to_owned();
            server.get(&format!("/api/v1/runs/{id}")).json()["summary"]["final_state_hash"].clone()
        };
        let first = hash(server);
        // The address that the page shows is a link to the same run.
        let address = browser.value("location.pathname + location.search").await;
        let other = Running::new();
        let again =
            Browser::open(&format!("http://{}", other.address), address.as_str().unwrap()).await;
        wait_for_end(&again).await;
        assert_eq!(hash(&other), first);
        again.close(&[]).await;
    });
}

#[test]
fn a_run_can_be_stopped_and_what_it_did_stays() {
    with_page("/?nodes=24&rounds=200&retrain=2", &[], async |server, browser| {
        browser.until(&format!("/round [1-9]\\d* of 200/.test({WORDS})")).await;
        browser.press("status-line", "Stop").await;
        browser.until(&format!("{WORDS}.startsWith('stopped')")).await;
        let run = latest(server);
        assert_eq!(run["status"], "stopped");
        let done = run["round"].as_u64().unwrap();
        assert!((1..200).contains(&done), "{done}");
        browser.until(&format!("{WORDS}.includes('after {done} round')")).await;
    });
}

#[test]
fn what_is_wrong_is_said_at_the_field() {
    with_page("/", &["Failed to load resource"], async |server, browser| {
        browser.until("document.querySelector('[data-field=nodes] input') !== null").await;
        browser.type_into("[data-field=nodes] input", "5000").await;
        browser.press("setup", "Run").await;
        let said = "document.querySelector('[data-field=nodes] .error:not([hidden])')?.innerText";
        browser.until(said).await;
        let text = browser.value(said).await;
        assert!(text.as_str().unwrap().contains("1,024"), "{text}");
        assert_eq!(
            browser.value("document.activeElement.closest('[data-field]')?.dataset.field").await,
            "nodes"
        );
        // What only the server knows to be wrong.
        browser.press("setup", "Reset").await;
        browser.value("document.querySelector('[data-group=faults]').open = true").await;
        browser.type_into("[data-field=churn] input", "nonsense").await;
        browser.press("setup", "Run").await;
        browser
            .until("document.querySelector('[data-field=churn] .error:not([hidden])')?.innerText")
            .await;
        assert_eq!(server.get("/api/v1/runs").json(), json!([]));
    });
}

#[test]
fn two_runs_stand_side_by_side_on_the_same_axes() {
    with_page("/?nodes=8&rounds=10", &[], async |server, browser| {
        wait_for_end(browser).await;
        server.start(json!({ "nodes": 8, "rounds": 10, "topology": "star" }));
        browser.click("#tab-compare").await;
        // The list of runs keeps itself up to date.
        let pick = "(() => { const lists = \
            [...document.querySelectorAll('#panel-compare .controls select')].slice(0, 2); \
            if (lists.some((list) => list.options.length !== 3)) return false; \
            lists.forEach((list, at) => { list.selectedIndex = 1 + at; \
            list.dispatchEvent(new Event('change', { bubbles: true })); }); return true; })()";
        browser.until(pick).await;
        browser.until("document.querySelectorAll('#panel-compare .half').length === 2").await;
        let section = "#panel-compare [data-section=convergence]";
        let range = format!(
            "[...document.querySelectorAll('{section} .plot')]\
             .map((plot) => JSON.stringify(plot.layout?.xaxis?.range ?? null))"
        );
        browser.value(&format!("document.querySelector('{section}').scrollIntoView()")).await;
        browser.until(&format!("{range}.length === 2 && {range}[0] === {range}[1]")).await;
        let text = text_of(browser, "#panel-compare").await;
        assert!(text.contains("star"), "{text}");
    });
}

#[test]
fn the_server_may_go_and_come_back() {
    with_page(
        "/",
        &["ERR_CONNECTION", "Failed to load resource", "net::"],
        async |server, browser| {
            browser.until("document.querySelector('[data-field=nodes] input') !== null").await;
            server.stopper().stop();
            let said = "document.querySelector('#connection:not([hidden])')?.innerText";
            browser.until(&format!("({said} ?? '').includes('does not answer')")).await;
        },
    );
}

#[test]
fn the_audit_log_is_paged_to_its_end_and_filtered() {
    with_page("/?nodes=8&rounds=20", &[], async |server, browser| {
        wait_for_end(browser).await;
        look_at(browser, "audit").await;
        let id = latest(server)["id"].as_str().unwrap().to_owned();
        let says = "document.querySelector('[data-section=audit]').innerText";
        let rows = "document.querySelectorAll('[data-section=audit] tbody tr').length";
        browser.until(&format!("{says}.includes('1 to 50 of 320')")).await;
        browser.until(&format!("{rows} === 50")).await;
        browser.press("audit", "Last").await;
        browser.until(&format!("{says}.includes('301 to 320') && {rows} === 20")).await;
        let pick = "(() => { const list = [...document.querySelectorAll('[data-section=audit] \
            select')].find((one) => [...one.options].some((option) => option.value === 'merged')); \
            list.value = 'merged'; list.dispatchEvent(new Event('change', { bubbles: true })); \
            return true; })()";
        browser.value(pick).await;
        let merged = server.get(&format!("/api/v1/runs/{id}/audit?outcome=merged")).json();
        let matching = merged["matching"].as_u64().unwrap();
        browser.until(&format!("{says}.includes('{matching} that match, of 320')")).await;
        let table = "[...document.querySelectorAll('[data-section=audit] .caption a')]\
            .find((link) => link.download.endsWith('.csv')).href";
        let href = browser.value(table).await;
        let path = href.as_str().unwrap().split_once(&server.address.to_string()).unwrap().1;
        let csv = server.get(path).text();
        assert_eq!(csv.lines().count() as u64, matching + 1, "{path}");
    });
}

#[test]
fn the_lab_sets_ours_beside_rules_that_are_told() {
    with_page("/#tab=lab", &[], async |server, browser| {
        browser.until("document.querySelector('#panel-lab form select') !== null").await;
        // The last two attacks of those that stand there, one share, one spread.
        for label in ["Attack", "Attack", "Attack", "Attack", "Spread"] {
            let css = format!("#panel-lab button[aria-label='Remove {label}']");
            browser.click(&css).await;
        }
        let fields = "[...document.querySelectorAll('#panel-lab form label')]";
        for (label, text) in [("Liars", "34%"), ("Nodes", "10")] {
            let script = format!(
                "(() => {{ const field = document.getElementById({fields}.find((one) => \
                 one.textContent.startsWith('{label}')).htmlFor); field.value = '{text}'; \
                 field.dispatchEvent(new Event('input', {{ bubbles: true }})); \
                 field.dispatchEvent(new Event('change', {{ bubbles: true }})); return true; }})()"
            );
            browser.value(&script).await;
        }
        browser.press("panel-lab", "Run the grid").await;
        let words = "(document.querySelector('#panel-lab .status-line .words')?.textContent ?? '')";
        browser.until(&format!("{words}.startsWith('done')")).await;
        let lab = server.get("/api/v1/labs").json()[0].clone();
        assert_eq!(lab["status"], "done", "{lab}");
        assert_eq!(lab["config"]["nodes"], json!([10]), "{lab}");
        let text = text_of(browser, "#panel-lab .results").await;
        for part in ["nan", "equivocation", "best rule told f", "How to read this"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    });
}

#[test]
fn a_run_is_set_up_started_and_read_by_keyboard_alone() {
    use fantoccini::key::Key;
    with_page("/", &[], async |server, browser| {
        browser.until("document.querySelector('[data-field=nodes] input') !== null").await;
        let focused = "(document.activeElement.closest('[data-field]')?.dataset.field \
                       ?? document.activeElement.textContent.trim())";
        let tab = String::from(char::from(Key::Tab));
        let mut seen = Vec::new();
        // The skip link comes first; then everything in the order of the page.
        for _ in 0..60 {
            let active = browser.client.active_element().await.unwrap();
            active.send_keys(&tab).await.unwrap();
            let at = browser.value(focused).await.as_str().unwrap_or_default().to_owned();
            seen.push(at.clone());
            if at == "nodes" {
                // What is there is chosen by tabbing to it, and typing replaces it.
                let field = browser.client.active_element().await.unwrap();
                field.send_keys("6").await.unwrap();
            }
            if at == "Run" && seen.len() > 8 {
                break;
            }
        }
        assert_eq!(seen[0], "Skip to the content", "{seen:?}");
        assert_eq!(seen.last().map(String::as_str), Some("Run"), "{seen:?}");
        let run = browser.client.active_element().await.unwrap();
        run.send_keys(&char::from(Key::Enter).to_string()).await.unwrap();
        wait_for_end(browser).await;
        assert_eq!(latest(server)["config"]["nodes"], 6);
        look_at(browser, "network").await;
        browser.until(&format!("document.querySelector('{SLIDER}') !== null")).await;
        browser.value(&format!("document.querySelector('{SLIDER}').focus()")).await;
        let before = browser.value(&format!("document.querySelector('{SLIDER}').value")).await;
        let slider = browser.client.active_element().await.unwrap();
        slider.send_keys(&char::from(Key::Left).to_string()).await.unwrap();
        let after = browser.value(&format!("document.querySelector('{SLIDER}').value")).await;
        assert_ne!(before, after);
    });
}

#[test]
fn a_run_that_never_began_says_so() {
    with_page("/", &[], async |server, browser| {
        let slow = json!({ "nodes": 128, "rounds": 200, "retrain": 5 });
        let ids: Vec<_> = (0..3).map(|_| server.start(slow.clone())).collect();
        let last = format!("/api/v1/runs/{}", ids[2]);
        server.send("DELETE", &last, &[], b"");
        browser.goto("/?").await;
        browser.goto(&format!("/#run={}", ids[2])).await;
        browser.value("location.reload()").await;
        browser.until(&format!("{WORDS} === 'stopped before it began'")).await;
        assert_eq!(browser.value("document.getElementById('connection').hidden").await, true);
        for id in &ids[..2] {
            server.send("DELETE", &format!("/api/v1/runs/{id}"), &[], b"");
        }
    });
}

#[test]
fn going_back_shows_what_was_there() {
    with_page("/?nodes=6&rounds=4", &[], async |_, browser| {
        wait_for_end(browser).await;
        browser.click("#tab-lab").await;
        browser.until("!document.getElementById('panel-lab').hidden").await;
        browser.until("location.hash.includes('tab=lab')").await;
        browser.client.back().await.unwrap();
        browser.until("!document.getElementById('panel-run').hidden").await;
        wait_for_end(browser).await;
        browser.until("!location.hash.includes('tab=lab')").await;
    });
}

#[test]
fn a_run_that_the_server_has_forgotten_is_said_to_be() {
    with_page("/?nodes=6&rounds=4", &[], async |server, browser| {
        wait_for_end(browser).await;
        let id = latest(server)["id"].as_str().unwrap().to_owned();
        server.send("DELETE", &format!("/api/v1/runs/{id}"), &[], b"");
        let said = "document.querySelector('#results > .note:not([hidden])')?.innerText ?? ''";
        browser.until(&format!("({said}).includes('has forgotten this run')")).await;
        let links = "document.querySelector('.status-line .exports').checkVisibility()";
        assert_eq!(browser.value(links).await, false);
    });
}
