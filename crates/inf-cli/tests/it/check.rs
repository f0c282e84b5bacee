//! `inf check`.

use insta::assert_snapshot;

use crate::command::Workplace;

#[test]
fn a_good_pipeline_is_described() {
    let workplace = Workplace::new();
    workplace.write_pairs(1000);
    assert_snapshot!(
        "check_pipeline",
        workplace.inf("check pipeline.yaml").shown()
    );
    let with_input = workplace.inf("check pipeline.yaml --input pairs.jsonl");
    assert_snapshot!("check_input", with_input.shown());
}

#[test]
fn every_problem_is_told_at_once() {
    let workplace = Workplace::new();
    workplace.write(
        "pipeline.yaml",
        crate::command::COMPARE.replace("output:", "  spare: { llm: tiny, prompt: hi }\noutput:"),
    );
    workplace.write(
        "resources.yaml",
        "endpoints:\n  fsat: { provider: simulated, model: m }\n  smart: { provider: openai, model: m }\n",
    );
    workplace.write(
        "pairs.jsonl",
        "{\"a\": \"x\", \"b\": \"y\"}\n{\"a\": 1}\nx\n",
    );
    let ended = workplace.inf("check pipeline.yaml --resources resources.yaml --input pairs.jsonl");
    assert_snapshot!("check_problems", ended.shown());
}

#[test]
fn the_other_files_are_checked_without_a_pipeline() {
    let workplace = Workplace::new();
    workplace.write(
        "resources.yaml",
        "endpoints:\n  a: { provider: openai, model: m }\n",
    );
    workplace.write("pairs.jsonl", "{\n");
    let ended = workplace.inf("check none.yaml --resources resources.yaml --input pairs.jsonl");
    assert_snapshot!("check_without_pipeline", ended.shown());
}

#[test]
fn only_the_first_bad_inputs_are_shown() {
    let workplace = Workplace::new();
    let ended = workplace.inf_with_stdin(
        "check pipeline.yaml --input -",
        "{}\n".repeat(50).as_bytes(),
    );
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.stderr.lines().count(), 6, "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .ends_with("error: 45 more inputs can't be run\n"),
        "{}",
        ended.stderr
    );
}

#[test]
fn one_more_is_told_in_the_singular() {
    let workplace = Workplace::new();
    let ended =
        workplace.inf_with_stdin("check pipeline.yaml --input -", "{}\n".repeat(6).as_bytes());
    let last = "error: 1 more input can't be run\n";
    assert!(ended.stderr.ends_with(last), "{}", ended.stderr);
}

#[test]
fn the_kinds_of_nodes_are_counted_and_an_unread_input_is_warned_of() {
    let workplace = Workplace::new();
    let pipeline = |input: &str, nodes: &str| {
        let text =
            format!("version: 1\nname: kinds\ninput: {input}\nnodes:\n{nodes}output: last\n");
        workplace.write("pipeline.yaml", text);
        workplace.inf("check pipeline.yaml").shown()
    };
    let unread = pipeline(
        "{ title: string }",
        "  last: { llm: fast, prompt: \"Write something.\" }\n",
    );
    let prompt = "  intro: { prompt: \"About {input}:\" }\n";
    let several = pipeline(
        "string",
        &format!(
            "{prompt}  first: {{ llm: fast, prompt: \"{{intro}} one\" }}\n  last: {{ llm: fast, prompt: \"{{intro}} {{first}}\" }}\n"
        ),
    );
    // It is read by a node that no call needs.
    let beside = pipeline(
        "string",
        "  beside: { pack: [input] }\n  last: { llm: fast, prompt: \"Write something.\" }\n",
    );
    assert_snapshot!("check_nodes", [unread, several, beside].join("\n"));
}

#[test]
fn nothing_is_called() {
    let server = crate::command::Server::start("");
    let workplace = Workplace::new();
    workplace.write_pairs(3);
    workplace.write_resources(&server.url);
    let ended = workplace.inf("check pipeline.yaml --resources resources.yaml --input pairs.jsonl");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(server.stats()["calls"], 0);
}

#[test]
fn calls_tokens_and_cost_are_estimated_with_what_they_are_based_on() {
    let workplace = Workplace::new();
    workplace.write_pairs(1000);
    workplace.write(
        "pipeline.yaml",
        crate::command::COMPARE.replace("prompt: \"Compare", "max_tokens: 50, prompt: \"Compare"),
    );
    let fast = "{ provider: openai, model: gpt-5-mini, api_key_file: key.txt }";
    let smart = "{ provider: openai-compatible, base_url: 'http://localhost:1/v1', model: big, price: { input: 1, output: 4 } }";
    workplace.write(
        "resources.yaml",
        format!("endpoints:\n  fast: {fast}\n  smart: {smart}\n"),
    );
    workplace.write("key.txt", "sk-123456\n");
    let ended = workplace.inf("check pipeline.yaml --resources resources.yaml --input pairs.jsonl");
    assert_snapshot!("check_cost", ended.shown());
}
