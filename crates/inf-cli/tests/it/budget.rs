//! Budgets of `inf run`.

use insta::assert_snapshot;
use serde_json::json;

use crate::command::{Server, Workplace, results};

/// `fast` costs a dollar for a thousand tokens, and `smart` nothing is known of.
fn resources(url: &str, smart: &str) -> String {
    format!(
        "endpoints:\n  \
           fast: {{ provider: openai-compatible, base_url: '{url}', model: f, max_concurrent: 4, price: {{ input: 1000, output: 1000 }} }}\n  \
           smart: {{ provider: openai-compatible, base_url: '{url}', model: s, max_concurrent: 4 {smart} }}\n"
    )
}

const SMART: &str = ", price: { input: 2000, cached_input: 200, output: 10000 }";

#[test]
fn a_budget_ends_a_run_with_its_own_code_and_partial_results() {
    let server = Server::start("--answer hash");
    let workplace = Workplace::new();
    workplace.write_pairs(200);
    workplace.write("resources.yaml", resources(&server.url, SMART));
    let run = "run pipeline.yaml -i pairs.jsonl -o results.jsonl -r resources.yaml";
    let ended = workplace.inf(&format!("{run} --budget-calls 30 --max-inputs-in-flight 1"));
    assert_snapshot!("budget_calls", ended.shown());
    assert_eq!(server.stats()["calls"], 30);
    let lines = results(&workplace.read("results.jsonl"));
    let good = lines.iter().filter(|line| !line["output"].is_null());
    assert_eq!(good.count(), 10);
    let error = lines.iter().find(|line| line["output"].is_null());
    assert_eq!(error.expect("one at least")["error"]["kind"], "budget");

    // Many at once are kept as exactly.
    let before = server.stats()["calls"].as_u64();
    let ended = workplace.inf(&format!("{run} --budget-calls 50 --json"));
    assert_eq!(ended.code, Some(3));
    assert_eq!(
        server.stats()["calls"].as_u64(),
        before.map(|before| before + 50)
    );
    let summary = ended.summary();
    assert_eq!(
        summary["budget"]["calls"],
        json!({"limit": 50, "spent": 50})
    );
    assert_eq!(summary["budget"]["usd"], json!(null));
}

#[test]
fn dollars_and_tokens_are_counted_and_shown() {
    let server = Server::start("--answer hash");
    let workplace = Workplace::new();
    workplace.write_pairs(5);
    workplace.write("resources.yaml", resources(&server.url, SMART));
    let run = "run pipeline.yaml -i pairs.jsonl -r resources.yaml -o results.jsonl";
    let ended = workplace.inf(&format!(
        "{run} --budget-usd 1000 --budget-tokens 100000 --preserve-order"
    ));
    assert_snapshot!("budget_enough", ended.shown());
    let ended = workplace.inf(&format!("{run} --budget-usd 0.2 --json"));
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let summary = ended.summary();
    let spent = summary["budget"]["usd"]["spent"].as_f64().expect("dollars");
    // Nothing bounds the answers: at most the last call took more than was left.
    assert!(spent > 0.1 && spent <= 0.3, "{summary}");
    assert_eq!(summary["cost_usd"].as_f64(), Some(spent));
    assert_eq!(
        summary["succeeded"]
            .as_u64()
            .zip(summary["out_of_budget"].as_u64())
            .map(|(a, b)| a + b),
        Some(5)
    );
}

#[test]
fn dollars_need_prices_before_anything_is_called() {
    let server = Server::start("");
    let workplace = Workplace::new();
    workplace.write_pairs(2);
    workplace.write("resources.yaml", resources(&server.url, ""));
    let run = "run pipeline.yaml -i pairs.jsonl";
    let ended = workplace.inf(&format!("{run} -r resources.yaml --budget-usd 5"));
    let simulated = workplace.inf(&format!("{run} --budget-usd 5"));
    assert_snapshot!(
        "budget_unpriced",
        [ended.shown(), simulated.shown()].join("\n")
    );
    assert_eq!(server.stats()["calls"], 0);
    // Without such a budget, what is not known is said to be so.
    let ended = workplace.inf(&format!("{run} -r resources.yaml --json"));
    let summary = ended.summary();
    assert_eq!(summary["answers_of_unknown_cost"], 2);
    assert!(summary["cost_usd"].as_f64() > Some(0.0));
    let ended = workplace.inf(&format!("{run} --json"));
    assert_eq!(ended.summary()["cost_usd"], json!(null));
}
