//! Hashes of graphs.

use insta::assert_snapshot;

use super::{EVERYTHING, read};

#[test]
fn the_hash_is_the_same_everywhere() {
    // If this changes, journals of earlier versions lose what they hold.
    assert_snapshot!(read(EVERYTHING).content_hash(), @"6a7af1b59552077cde28943a628174082fca73c24df2def49079483022e88ef3");
}

#[test]
fn the_hash_says_what_a_graph_asks() {
    let original = read(EVERYTHING).content_hash();
    let with = |changes: &[(&str, &str)]| {
        let mut text = EVERYTHING.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        read(&text).content_hash()
    };
    let same: &[&[(&str, &str)]] = &[
        &[("name: everything", "name: other")],
        &[
            ("verdict:\n    llm", "result:\n    llm"),
            ("verdict.verdict", "result.verdict"),
        ],
        &[("question", "ask_this")],
        &[("module: judge.0", "module: judge.1")],
        &[("The tone.", "How it sounds.")],
        &[("requires_grad: false", "description: The rules.")],
        &[("style", "judge.0.style")],
        &[("temperature: 0.5", "temperature: 0.50")],
        &[(
            "parameters:\n",
            "parameters:\n  spare: { value: x, requires_grad: false }\n",
        )],
        &[("{ $value: end }", "{$value: end}")],
    ];
    for changes in same {
        assert_eq!(with(changes), original, "{changes:?}");
    }
    let different: &[&[(&str, &str)]] = &[
        &[("List the facts", "List all facts")],
        &[("Be brief., ", "Be very brief., ")],
        &[("llm: fast", "llm: faster")],
        &[("temperature: 0.5", "temperature: 0.6")],
        &[("    temperature: 0.5\n", "")],
        &[("max_tokens: 100", "max_tokens: 101")],
        &[("stop: [END,", "stop: [STOP,")],
        &[("why?", "why")],
        &[("minLength: 1", "minLength: 2")],
        &[("{facts.names.0}", "{facts.names.1}")],
        &[("input.size, unit", "input.more, unit")],
        &[("count_words", "count_letters")],
        &[("compute: keys", "compute: values")],
        &[("$value: end", "$value: ende")],
        &[("  verdict: verdict.verdict\n", "")],
        &[("  count: count\n", "  counted: count\n")],
        &[(
            "  unused: { compute: items, input: { a: [both], b: { $value: text } } }\n",
            "",
        )],
        &[("title: string", "title: any")],
        &[(
            "{parameters.style} {parameters.layers.0.rules}",
            "{parameters.style}{parameters.layers.0.rules}",
        )],
        &[(
            "{parameters.style} {parameters.layers.0.rules}",
            "{parameters.layers.0.rules} {parameters.style}",
        )],
    ];
    for changes in different {
        assert_ne!(with(changes), original, "{changes:?}");
    }
}

#[test]
fn the_hash_follows_the_parameters() {
    let graph = read(EVERYTHING);
    let before = graph.content_hash();
    let style = &graph.parameters()[0].parameter;
    let text = style.value();
    style.set_value("Be long.");
    assert_ne!(graph.content_hash(), before);
    style.set_value(text);
    assert_eq!(graph.content_hash(), before);
}
