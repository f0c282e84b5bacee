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
fn nothing_is_called() {
    let server = crate::command::Server::start("");
    let workplace = Workplace::new();
    workplace.write_pairs(3);
    workplace.write_resources(&server.url);
    let ended = workplace.inf("check pipeline.yaml --resources resources.yaml --input pairs.jsonl");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(server.stats()["calls"], 0);
}
