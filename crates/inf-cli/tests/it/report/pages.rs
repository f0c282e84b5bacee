//! What a real browser shows.

use serde_json::Value as Json;

use super::browser::Browser;
use super::{data_of, with_old_journal, with_run};
use crate::command::Workplace;

/// Whether the timeline shows what `pattern` matches in its sentence.
fn wait_for_sentence(browser: &mut Browser, pattern: &str) {
    browser.wait_for(&format!(
        "/{pattern}/.test(document.getElementById('timeline-sentence').textContent)"
    ));
}

fn texts(browser: &mut Browser, selector: &str) -> Vec<String> {
    let texts = browser.evaluate(&format!(
        "[...document.querySelectorAll({selector:?})].map((found) => found.textContent)"
    ));
    serde_json::from_value(texts).expect("texts")
}

#[test]
fn a_page_says_what_its_data_say() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let workplace = with_run(40);
    for source in ["night", "trace.json"] {
        assert_eq!(workplace.inf(&format!("report {source}")).code, Some(0));
        let data = data_of(&workplace, "report.html");
        browser.open(&workplace.path("report.html"));
        let total = &data["total"];
        let figures = texts(&mut browser, ".figures .value");
        assert_eq!(figures[0], "40");
        assert_eq!(figures[1], total["calls"].to_string());
        // The table of nodes, and its sums.
        let rows = texts(&mut browser, "#spending tbody tr th");
        let names = data["by_node"].as_array().expect("rows").iter();
        let names: Vec<_> = names
            .map(|row| row["name"].as_str().expect("a name"))
            .collect();
        assert_eq!(rows, names);
        let sums = texts(&mut browser, "#spending tfoot td");
        let expected = ["calls", "failed", "retries", "refused"].map(|key| total[key].to_string());
        assert_eq!(sums[..4], expected);
        // Nearby requests are told one by one; all of them are few enough.
        let requests = data["timeline"]["requests"].as_u64().expect("a number");
        wait_for_sentence(&mut browser, &format!("{requests} requests"));
        // Sorting by a column, both ways.
        let calls = "document.querySelector('#spending thead th:nth-child(2) button').click()";
        let column = "#spending tbody td:nth-child(2)";
        browser.evaluate(calls);
        let falling: Vec<u64> = numbers(&texts(&mut browser, column));
        assert!(
            falling.is_sorted_by(|one, other| one >= other),
            "{falling:?}"
        );
        browser.evaluate(calls);
        assert!(numbers(&texts(&mut browser, column)).is_sorted());
        browser.check_quiet();
    }
}

fn numbers(texts: &[String]) -> Vec<u64> {
    let digits = texts.iter().map(|text| text.replace(',', ""));
    digits.map(|text| text.parse().expect("a number")).collect()
}

#[test]
fn the_timeline_is_used_by_keyboard_and_by_mouse() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let workplace = with_run(40);
    workplace.inf("report night");
    let data = data_of(&workplace, "report.html");
    let requests = data["timeline"]["requests"].as_u64().expect("a number");
    browser.resize(1200, 900);
    browser.open(&workplace.path("report.html"));
    wait_for_sentence(&mut browser, &format!("{requests} requests"));
    let before = texts(&mut browser, "#timeline-sentence")[0].clone();
    browser.evaluate("document.getElementById('timeline-canvas').focus()");
    browser.press("+");
    let changed = format!(
        "document.getElementById('timeline-sentence').textContent !== {}",
        Json::from(before.clone())
    );
    browser.wait_for(&changed);
    browser.press("n");
    wait_for_sentence(&mut browser, "took .*input \\d+ of run 1");
    browser.press("f");
    wait_for_sentence(&mut browser, "failed.*took");
    browser.press("Escape");
    browser.press("0");
    wait_for_sentence(&mut browser, &format!("{requests} requests"));
    // The wheel zooms while the timeline has the focus.
    browser.evaluate("document.getElementById('timeline-canvas').scrollIntoView({block: 'center', behavior: 'instant'})");
    let place = browser.evaluate(
        "(() => { const box = document.getElementById('timeline-canvas').getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()",
    );
    let wheel = serde_json::json!({"type": "mouseWheel", "x": place[0], "y": place[1], "deltaX": 0, "deltaY": -400});
    browser.call("Input.dispatchMouseEvent", &wheel);
    browser.wait_for(&changed);
    browser.check_quiet();
}

#[test]
fn light_and_dark_follow_the_system_and_the_button() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let workplace = with_old_journal();
    workplace.inf("report night");
    let background = "getComputedStyle(document.body).backgroundColor";
    browser.prefer("light");
    browser.open(&workplace.path("report.html"));
    let light = browser.evaluate(background);
    browser.prefer("dark");
    let dark = browser.evaluate(background);
    assert_ne!(light, dark);
    let click = "document.getElementById('theme').click()";
    browser.evaluate(click);
    assert_eq!(browser.evaluate(background), light);
    browser.evaluate(click);
    assert_eq!(browser.evaluate(background), dark);
    browser.prefer("light");
    assert_eq!(browser.evaluate(background), dark);
    // Texts can be read on what they stand on: a contrast of 4.5 (WCAG 2.2, 1.4.3).
    for scheme in ["light", "dark"] {
        browser.evaluate(&format!(
            "document.documentElement.dataset.theme = {scheme:?}"
        ));
        let weak = browser.evaluate(CONTRASTS);
        assert_eq!(weak, serde_json::json!([]), "{scheme}");
    }
    browser.check_quiet();
}

/// The colours of texts whose contrast to the page or to its surfaces is less than 4.5.
const CONTRASTS: &str = "(() => {
  const probe = document.createElement('span');
  document.body.append(probe);
  const of = (name) => {
    probe.style.color = `var(--${name})`;
    const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255);
    const [r, g, b] = parts.map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const weak = [];
  for (const text of ['ink', 'muted', 'accent', 'bad', 'warn']) {
    for (const ground of ['page', 'surface']) {
      const [low, high] = [of(text), of(ground)].sort((a, b) => a - b);
      if ((high + 0.05) / (low + 0.05) < 4.5) weak.push(`${text} on ${ground}`);
    }
  }
  probe.remove();
  return weak;
})()";

#[test]
fn a_narrow_window_is_not_scrolled_sideways() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    browser.resize(380, 800);
    for workplace in [with_run(20), with_old_journal()] {
        workplace.inf("report night");
        browser.open(&workplace.path("report.html"));
        let width = browser.evaluate("document.documentElement.scrollWidth");
        assert_eq!(width, 380);
        browser.check_quiet();
    }
}

/// What a page looks like where it is printed.
#[test]
fn on_paper_it_is_light_and_unfolded_and_has_no_controls() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let workplace = with_old_journal();
    write_steps(&workplace);
    workplace.inf("report night --contents");
    browser.resize(1200, 900);
    browser.prefer("dark");
    browser.open(&workplace.path("report.html"));
    let state = "[document.querySelectorAll('details').length > 0, \
                 [...document.querySelectorAll('details')].every((part) => part.open), \
                 document.getElementById('timeline-canvas').width, \
                 getComputedStyle(document.querySelector('h1')).color]";
    let before = browser.evaluate(state);
    browser.evaluate(&format!(
        "addEventListener('beforeprint', () => {{ window.printed = {state}; }})"
    ));
    browser.call("Page.printToPDF", &serde_json::json!({}));
    let [dark, light] = ["rgb(231, 232, 234)", "rgb(27, 29, 33)"];
    let printed = browser.evaluate("window.printed");
    assert_eq!(printed, serde_json::json!([true, true, 2160, light]));
    // And afterwards it is as it was.
    assert_eq!((&before[1], &before[3]), (&false.into(), &dark.into()));
    browser.wait_for(&format!("JSON.stringify({state}) === '{before}'"));

    let print = serde_json::json!({"media": "print"});
    browser.call("Emulation.setEmulatedMedia", &print);
    browser.resize(720, 900);
    let shown = browser.evaluate(
        "[...document.querySelectorAll('button:not(thead button), select, nav, input, .keys')]\
         .filter((part) => part.getClientRects().length).map((part) => part.outerHTML)",
    );
    assert_eq!(shown, serde_json::json!([]));
    let width = browser.evaluate("document.documentElement.scrollWidth");
    assert_eq!(width, 720);
    browser.check_quiet();
}

/// Adds an optimization that changed a text.
fn write_steps(workplace: &Workplace) {
    let steps = r#"{"sum":"0efee272","kind":"step","optimizer":"trainer","step":0,"outcome":"start","score":0.1,"texts":{"p":"Brief."},"calls":10,"cost":{"usd":0.1},"at":1795666220000}
{"sum":"44330423","kind":"step","optimizer":"trainer","step":1,"outcome":"accepted","score":0.5,"texts":{"p":"Long."},"calls":20,"cost":{"usd":0.2},"at":1795666221000}
"#;
    let journal = workplace.read("night/journal.jsonl");
    workplace.write("night/journal.jsonl", journal + steps);
}

#[test]
fn fingers_move_and_zoom_the_timeline_and_are_not_caught_in_it() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let workplace = Workplace::new();
    write_trace(&workplace, 7_000);
    workplace.inf("report many.json");
    browser.resize(380, 800);
    browser.use_touch();
    browser.open(&workplace.path("report.html"));
    wait_for_sentence(&mut browser, "7,000 requests");
    browser.evaluate("document.getElementById('timeline-canvas').scrollIntoView({block: 'center', behavior: 'instant'})");
    let place = browser.evaluate(
        "(() => { const box = document.getElementById('timeline-canvas').getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; })()",
    );
    let at = |index: usize| place[index].as_f64().expect("a number");
    let (x, y) = (at(0), at(1));
    let is_told = "!document.querySelector('.tip-box').hidden";
    // A tap tells what is there, also after the finger has left.
    browser.touch(&[&[(x, y)]]);
    browser.wait_for(is_told);
    assert_eq!(browser.evaluate(is_told), true);
    // Two fingers that part zoom.
    let apart = |by: f64| [(x - by, y), (x + by, y)];
    browser.touch(&[&apart(30.0), &apart(60.0), &apart(110.0), &apart(150.0)]);
    wait_for_sentence(&mut browser, "^[^0].*requests");
    // One that goes sideways moves it, and one that goes up scrolls the page.
    let sentence = texts(&mut browser, "#timeline-sentence")[0].clone();
    browser.touch(&[&[(x, y)], &[(x + 40.0, y)], &[(x + 120.0, y)]]);
    browser.wait_for(&format!(
        "document.getElementById('timeline-sentence').textContent !== {}",
        Json::from(sentence)
    ));
    let before = browser.evaluate("scrollY").as_f64().expect("a number");
    browser.touch(&[
        &[(x, y)],
        &[(x, y - 20.0)],
        &[(x, y - 80.0)],
        &[(x, y - 200.0)],
    ]);
    browser.wait_for(&format!("scrollY > {before} + 50"));
    // What a finger hits is large enough.
    let small = browser.evaluate(
        "[...document.querySelectorAll('button:not(thead button), select')]\
         .filter((part) => part.offsetHeight < 40).map((part) => part.textContent)",
    );
    assert_eq!(small, serde_json::json!([]));
    browser.check_quiet();
}

#[test]
fn a_run_without_calls_has_no_empty_tables() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let workplace = Workplace::new();
    workplace.write(
        "none.yaml",
        "{version: 1, name: none, input: string, nodes: {n: {prompt: 'x {input}'}}, output: n}",
    );
    workplace.write("one.jsonl", "\"x\"\n");
    let ran = workplace.inf(
        "run none.yaml --input one.jsonl --output out.jsonl --checkpoint-dir night --profile trace.json",
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for source in ["night", "trace.json"] {
        workplace.inf(&format!("report {source}"));
        browser.open(&workplace.path("report.html"));
        let empty = browser.evaluate("[...document.querySelectorAll('table')].filter((found) => !found.tBodies[0].rows.length).length");
        assert_eq!(empty, 0, "{source}");
        assert_eq!(
            texts(&mut browser, "#latency .said"),
            ["No request was sent."]
        );
        assert_eq!(
            texts(&mut browser, "#spending .said"),
            ["No request was sent."]
        );
        browser.check_quiet();
    }
}

/// A trace with so many calls, of which a few failed.
fn write_trace(workplace: &Workplace, calls: u64) {
    use std::fmt::Write;
    let mut trace = String::from(
        "{\"otherData\": {\"engine\": \"inf-engine\", \"graphs\": [\"many\"], \"inputs\": 1}, \"traceEvents\": [{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": 1, \"tid\": 0, \"args\": {\"name\": \"fast\"}}",
    );
    for call in 0..calls {
        let outcome = match call % 1000 {
            0 => "failed",
            1..20 => "rate_limited",
            _ => "completed",
        };
        let (start, took) = (
            call * 1000 + call * call % 777,
            30_000 + call * 7919 % 60_000,
        );
        let _ = write!(
            trace,
            ",{{\"name\": \"n\", \"cat\": \"call\", \"ph\": \"X\", \"ts\": {start}, \"dur\": {took}, \"pid\": 1, \"tid\": 2, \"args\": {{\"run\": 0, \"graph\": \"many\", \"input\": {call}, \"attempt\": 1, \"outcome\": \"{outcome}\", \"input_tokens\": 900, \"output_tokens\": 120}}}}"
        );
    }
    trace.push_str("]}");
    workplace.write("many.json", trace);
}

#[test]
fn a_hundred_thousand_calls_are_shown() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let workplace = Workplace::new();
    write_trace(&workplace, 100_000);
    assert_eq!(workplace.inf("report many.json").code, Some(0));
    let page = workplace.read("report.html").len();
    assert!(page < 5_000_000, "{page} bytes");
    browser.resize(1200, 900);
    browser.open(&workplace.path("report.html"));
    wait_for_sentence(
        &mut browser,
        "100,000 requests, 100 failed, 1,900 refused for a limit.*Zoom in",
    );
    browser.evaluate("document.getElementById('timeline-canvas').focus()");
    // From near each is by itself.
    for _ in 0..12 {
        browser.press("+");
    }
    wait_for_sentence(&mut browser, "\\d requests[^Z]*$");
    browser.press("n");
    wait_for_sentence(&mut browser, "took .*900 tokens in, 120 out");
    browser.check_quiet();
}

#[test]
fn of_more_than_a_page_can_hold_the_density_is_shown() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let workplace = Workplace::new();
    write_trace(&workplace, 300_001);
    assert_eq!(workplace.inf("report many.json").code, Some(0));
    assert!(workplace.read("report.html").len() < 200_000);
    browser.open(&workplace.path("report.html"));
    wait_for_sentence(&mut browser, "300,001 requests: too many");
    browser.check_quiet();
}
