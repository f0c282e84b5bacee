//! What is wrong with a file, and what is said of it.

use inf_engine::prelude::*;

/// The message for the file with these lines; `version` and `name` are added.
fn mistake(text: &str) -> String {
    let text = format!("version: 1\nname: x\n{text}\n");
    let error = InferenceGraph::from_text(&text)
        .map(|_| ())
        .expect_err(&text);
    error.to_string()
}

#[test]
fn misspelt_keys_are_told_with_their_place() {
    let check = |text: &str, expected: &str| assert_eq!(mistake(text), expected, "{text}");
    check(
        "outptu: input",
        "line 3, column 1: unknown key `outptu`; did you mean `output`?",
    );
    check(
        "nodes:\n  a:\n    llm: fast\n    promt: hi\noutput: a",
        "line 6, column 5: unknown key `promt`; did you mean `prompt`?",
    );
    check(
        "parameters: {s: {text: x}}\noutput: input",
        "line 3, column 18: unknown key `text`; the keys here are `value`, `description`, \
         `requires_grad`",
    );
    check(
        "nodes: {a: {prompt: x}}",
        "the key `output` is missing: add it, as in `output: …`",
    );
    check(
        "nodes:\n  a: {prompt: x}\n  a: {prompt: y}\noutput: a",
        "line 5, column 3: the key `a` stands here twice: keep one of them",
    );
    check(
        "nodes:\n  a: {prompt: {input}}\noutput: a",
        "line 4, column 15: `prompt` takes a text, in quotes if it begins with `{` or `[`",
    );
    check(
        "nodes:\n  a: {prompt: x, priority: high}\noutput: a",
        "line 4, column 28: `priority` takes a whole number",
    );
}

#[test]
fn versions_that_are_none_are_told() {
    let check = |text: &str, expected: &str| {
        let error = InferenceGraph::from_text(text).map(|_| ()).expect_err(text);
        assert_eq!(error.to_string(), expected, "{text}");
    };
    let newer = "version: the pipeline file has version 2, and this program reads versions up to 1: \
                 use a newer program";
    check("{version: 2, name: x, output: input}", newer);
    // A later version may have keys of its own.
    check("{version: 2, flow: []}", newer);
    check(
        "{version: 0, name: x, output: input}",
        "version: there is no version 0 of pipeline files: write `version: 1`",
    );
    check(
        "{name: x, output: input}",
        "line 1, column 11: the key `version` is missing in this map: add it, as in `version: 1`",
    );
    check(
        "{version: latest, name: x, output: input}",
        "line 1, column 11: `version` takes a whole number, 0 or more",
    );
}

#[test]
fn functions_are_given_what_they_can_work_on() {
    let input = "input: { text: string, number: integer, is: boolean, list: [string], any: any, \
                 kind: { $schema: { enum: [bug, praise] } }, \
                 maybe: { $schema: { anyOf: [{ type: number }, { type: 'null' }] } } }";
    let graph = |function: &str, given: &str| {
        format!("{input}\nnodes: {{ n: {{ compute: {function}, input: {given} }} }}\noutput: n")
    };
    let check = |function: &str, given: &str, expected: &str| {
        let expected = format!("node `n`: `{function}` needs {expected}");
        assert_eq!(mistake(&graph(function, given)), expected, "{given}");
    };
    check(
        "add",
        "[input.text, input.number]",
        "two numbers and gets a string and a number",
    );
    check(
        "add",
        "[input.number, { $value: x }]",
        "two numbers and gets a number and a string",
    );
    check(
        "add",
        "[input.number]",
        "a list of two values and gets one of 1",
    );
    check(
        "add",
        "input.number",
        "a list of two values and gets a number",
    );
    check(
        "multiply",
        "input.list",
        "two numbers and gets a string and a string",
    );
    let order = "two numbers or two texts and gets";
    check(
        "less",
        "[input.kind, input.number]",
        &format!("{order} a string and a number"),
    );
    check(
        "less",
        "[input.text, input.maybe]",
        &format!("{order} a string and null or a number"),
    );
    check("trim", "input.number", "a text and gets a number");
    check("not", "input.text", "a boolean and gets a string");
    check(
        "and",
        "[input.is, input.text]",
        "a list of booleans and gets a string",
    );
    check("or", "input.list", "a list of booleans and gets a string");
    check("keys", "input.list", "a map and gets a list");
    check("zip", "[input.list, input.text]", "lists and gets a string");
    check(
        "join",
        "[input.text, input.list]",
        "a list and a text and gets a string and a list",
    );
    check(
        "chunks",
        "[input.text, input.text]",
        "a text and a whole number and gets a string and a string",
    );
    check(
        "contains",
        "[input.number, input.text]",
        "a text, a list or a map to look in and gets a number",
    );
    check(
        "contains",
        "[input.text, input.number]",
        "a text to look for and gets a number",
    );
    check(
        "length",
        "input.number",
        "a text, a list or a map and gets a number",
    );
    for (function, given) in [
        ("add", "[input.number, input.maybe]"),
        ("add", "[input.any, { $value: 1 }]"),
        ("add", "input.any"),
        ("less", "[input.kind, input.text]"),
        ("equal", "[input.text, input.number]"),
        ("contains", "[input.list, input.number]"),
        ("contains", "[input.any, input.number]"),
        ("and", "[input.is, input.any]"),
        ("join", "[input.list, { $value: ', ' }]"),
        ("is_empty", "{ $value: null }"),
        ("zip", "[input.list, input.list]"),
    ] {
        InferenceGraph::from_text(&format!("version: 1\nname: x\n{}", graph(function, given)))
            .unwrap_or_else(|error| panic!("{function} {given}: {error}"));
    }
}

#[test]
fn a_type_that_is_all_of_its_own_alternatives_says_nothing() {
    let itself = "{ $schema: { $ref: '#/$defs/A', $defs: { A: { anyOf: [{ $ref: '#/$defs/A' }, \
                  { $ref: '#/$defs/A' }, { type: string }] } } } }";
    let text = format!(
        "version: 1\nname: x\ninput: {itself}\nnodes: {{ n: {{ compute: not, input: input }} }}\noutput: n"
    );
    InferenceGraph::from_text(&text).unwrap();
}

#[test]
fn wrong_references_are_told() {
    let check = |text: &str, expected: &str| assert_eq!(mistake(text), expected, "{text}");
    check(
        "output: inptu",
        "output: there is no node `inptu`; did you mean `input`? (for a constant write \
         `{ $value: \"inptu\" }`)",
    );
    check(
        "nodes: {a: {prompt: 'Of {facts.x}'}}\noutput: a",
        "nodes.a.prompt: there is no node `facts`; there is `input`, `a` (for a literal brace write \
         `{{`)",
    );
    check(
        "parameters: {style: {value: x, description: y}}\nnodes: {a: {prompt: '{parameters.stile}'}}\noutput: a",
        "nodes.a.prompt: there is no parameter `stile`; did you mean `style`?",
    );
    check(
        "nodes: {a: {prompt: '{parameters.style}'}}\noutput: a",
        "nodes.a.prompt: there is no parameter `style`; there are none",
    );
    check(
        "input: {title: string}\noutput: input.titel",
        "output: `input` has no field `titel`; did you mean `title`?",
    );
    check(
        "input: {pair: {a: string}}\nnodes: {n: {prompt: '{input.pair.b}'}}\noutput: n",
        "node `n`: `input.pair` has no field `b`; there is `a`",
    );
    check(
        "input: {$schema: {type: object, properties: {a: {type: string}}, additionalProperties: false}}\noutput: input.b",
        "output: `input` has no field `b`; there is `a`",
    );
    check(
        "nodes: {n: {llm: fast, prompt: x}}\noutput: n.title",
        "output: `n` has no field `title`: it is of type string",
    );
    check(
        "nodes: {n: {llm: fast, prompt: x, output: {title: [string]}}}\noutput: n.title.0.1",
        "output: `n.title.0` has no element 1: it is of type string",
    );
    check(
        "input: {kind: {$schema: {enum: [bug, praise]}}}\nnodes: {n: {prompt: '{input.kind.foo}'}}\noutput: n",
        "node `n`: `input.kind` has no field `foo`: it is of type string",
    );
    check(
        "nodes: {a: {prompt: x}}\noutput: {r: 'Answer: {a}'}",
        "output: \"Answer: {a}\" is a template, and here stands a value: make it a node of its own, as in \
         `text: { prompt: \"Answer: {a}\" }`, and write that one's name here",
    );
    check(
        "input: [string]\noutput: input.first",
        "output: `input` has no field `first`: it is of type array",
    );
    check(
        "input: {a: string}\noutput: input.0",
        "output: `input` has no element 0: it is of type object",
    );
    check(
        "output: 3",
        "output: `3` is a literal; write `{$value: 3}` for a constant, or the name of a node",
    );
    check(
        "output: Some text",
        "output: `Some text` is no reference: write a node's name and then fields or indices, as in \
         `facts.tags.0` (for a constant write `{ $value: \"Some text\" }`)",
    );
    check(
        "output: [{role: user, content: input}]",
        "output: there is no node `user`; there is `input` (for a constant write \
         `{ $value: \"user\" }`)",
    );
    check(
        "output: input..a",
        "output: `input..a` has no field or index after a `.`",
    );
    check(
        "output: {$val: 3}",
        "output: `$val` is no keyword; for a key that begins with `$` write `$$val`",
    );
    check(
        "nodes: {a: {prompt: 'Hi {input'}}\noutput: a",
        "nodes.a.prompt: `{input` is not closed: write `}`, or `{{` for a brace",
    );
    check(
        "nodes: {a: {prompt: '{\"json\": 1}'}}\noutput: a",
        "nodes.a.prompt: `\"json\": 1` is no reference: write a node's name and then fields or \
         indices, as in `facts.tags.0` (for a literal brace write `{{`)",
    );
}

#[test]
fn wrong_nodes_are_told() {
    let check = |node: &str, expected: &str| {
        assert_eq!(
            mistake(&format!("nodes: {{n: {{{node}}}}}\noutput: n")),
            expected,
            "{node}"
        );
    };
    check(
        "",
        "nodes.n: nothing says what the node does: add `llm`, `host`, `compute`, `pack`, `prompt`, or \
         for control flow `if`, `match`, `map`, `filter`, `fold`, `repeat` or `try`",
    );
    check(
        "llm: fast, host: f, prompt: x",
        "nodes.n: the node can't be `llm` and `host` at once: keep one of them",
    );
    check(
        "llm: fast",
        "nodes.n: the node has no `prompt`: say what to ask, as in `prompt: \"Summarize {input}\"`",
    );
    check(
        "llm: fast, prompt: x, input: input",
        "nodes.n.input: a `llm` node has no `input`; nodes with `host` or `compute` do",
    );
    check(
        "host: f, input: input, temperature: 1",
        "nodes.n.temperature: a `host` node has no `temperature`; nodes with `llm` do",
    );
    check(
        "pack: [input], prompt: x",
        "nodes.n.prompt: a `pack` node has no `prompt`; nodes with `llm` or `prompt` do",
    );
    check(
        "host: f",
        "nodes.n: the node has no `input`: name the value that it gets, as in `input: facts`",
    );
    check(
        "compute: key, input: input",
        "nodes.n.compute: there is no function `key`; did you mean `keys`?",
    );
    check(
        "llm: ' ', prompt: x",
        "node `n`: the alias is empty: name the model to call, as in `llm: fast`",
    );
    check(
        "llm: fast, prompt: x, temperature: -1",
        "node `n`: the temperature is -1, but it must be 0 or more",
    );
    check(
        "llm: fast, prompt: x, temperature: .nan",
        "node `n`: the temperature is NaN, but it must be 0 or more",
    );
    check(
        "llm: fast, prompt: x, max_tokens: 0",
        "node `n`: `max_tokens` is 0, but an answer needs at least 1",
    );
    check(
        "llm: fast, prompt: x, output: text",
        "nodes.n.output: `\"text\"` is no type: write `string`, `integer`, `number`, `boolean`, `any`, \
         a list as `[string]`, fields as `{name: string}`, or `{$schema: …}` with a JSON schema",
    );
    check(
        "prompt: '{n}'",
        "the nodes need each other in a cycle: n → n; take one of these references out",
    );
}

#[test]
fn wrong_parameters_and_names_are_told() {
    let check = |text: &str, expected: &str| assert_eq!(mistake(text), expected, "{text}");
    check(
        "parameters: {style: {value: x}}\noutput: input",
        "parameters.style: the parameter has no `description`, which an optimizer needs to improve \
         it: say what it controls, or write `requires_grad: false`",
    );
    check(
        "nodes: {input: {prompt: x}, parameters: {prompt: y}, '1': {prompt: z}}\noutput: input",
        "3 problems:\n  - node `input`: this name stands for something else in references: choose \
         another\n  - node `parameters`: this name stands for something else in references: choose \
         another\n  - node `1`: a node's name is letters, digits, `_` and `-`, and begins with a letter or `_`",
    );
    check(
        "nodes:\n  a: {llm: ' '}\n  b: {prompt: '{c}'}\noutput: [d, 3]",
        "4 problems:\n  - nodes.a: the node has no `prompt`: say what to ask, as in `prompt: \
         \"Summarize {input}\"`\n  - nodes.b.prompt: there is no node `c`; there is `input`, `a`, `b` \
         (for a literal brace write `{{`)\n  - output: there is no node `d`; there is `input`, `a`, \
         `b` (for a constant write `{ $value: \"d\" }`)\n  - node `a`: the alias is empty: name the model to call, as in `llm: fast`",
    );
}
