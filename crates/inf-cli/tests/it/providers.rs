//! `inf run` with every provider of a resources file.

use crate::command::{Ended, Server, Workplace};

const KEY: &str = "sk-never-to-be-seen";

/// Runs the pipeline with `provider` at `server`, where all aliases are.
fn run(server: &Server, provider: &str, options: &str) -> Ended {
    let workplace = Workplace::new();
    workplace.write_pairs(3);
    let root = server.root();
    let base_url = if provider.starts_with("openai") {
        format!("{root}/v1")
    } else {
        root
    };
    let endpoint = format!(
        "{{ provider: {provider}, base_url: '{base_url}', model: m, api_key_env: TEST_KEY }}"
    );
    let resources = format!("endpoints:\n  fast: {endpoint}\n  smart: {endpoint}\n");
    workplace.write("resources.yaml", resources);
    let line = format!(
        "run pipeline.yaml --input pairs.jsonl --resources resources.yaml --preserve-order {options}"
    );
    let mut command = workplace.command(&line);
    let ended = Ended::of(command.env("TEST_KEY", KEY).output().expect("it runs"));
    let told = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!told.contains(KEY), "{told}");
    ended
}

const PROVIDERS: [&str; 5] = [
    "openai",
    "openai-compatible",
    "openai-responses",
    "anthropic",
    "ollama",
];

#[test]
fn a_run_gives_the_same_results_with_every_provider() {
    let server = Server::start("--answer echo");
    let results = PROVIDERS.map(|provider| {
        let ended = run(&server, provider, "--quiet");
        assert_eq!(ended.code, Some(0), "{provider}: {}", ended.stderr);
        ended.results()
    });
    assert_eq!(results[0].len(), 3);
    let comparison = results[0][2]["output"]["comparison"].as_str();
    let comparison = comparison.expect("a text");
    assert!(comparison.contains("apple 2") && comparison.contains("pear 2"));
    for (provider, others) in PROVIDERS.iter().zip(&results) {
        assert_eq!(others, &results[0], "{provider}");
    }
    assert_eq!(server.stats()["calls"], 5 * 9);
}

#[test]
fn a_quota_costs_no_input_with_any_provider() {
    for provider in PROVIDERS {
        let server = Server::start("--answer echo --quota 20 --burst 5");
        let ended = run(&server, provider, "--quiet --max-retries 0");
        assert_eq!(ended.code, Some(0), "{provider}: {}", ended.stderr);
        let stats = server.stats();
        assert_eq!(stats["calls"], 9, "{provider}: {stats}");
        assert_eq!(stats["rejected"], 0, "{provider}: {stats}");
    }
}

#[test]
fn a_run_that_fails_says_why_in_the_servers_words() {
    let server = Server::start("--model other");
    for provider in PROVIDERS {
        let ended = run(&server, provider, "--quiet");
        assert_eq!(ended.code, Some(1), "{provider}: {}", ended.stderr);
        for result in ended.results() {
            let message = result["error"]["message"].as_str().expect("a message");
            let words = "there is no model `m` here; this server has `other`";
            assert!(message.contains(words), "{provider}: {message}");
            assert_eq!(result["error"]["attempts"], 1, "{provider}: {result}");
        }
    }
}
