//! The folders of `src/` are layers: each may use those below it, never those
//! above, and the authoring layers do no I/O and are not async.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Each folder and what it may use. The order is the order of the layers.
const LAYERS: [(&str, &[&str]); 14] = [
    ("document", &[]),
    // Names and an exporter, which know nothing of what is told with them.
    ("telemetry", &["document"]),
    ("conversation", &["document"]),
    ("value", &["document"]),
    ("parameter", &["document", "value"]),
    ("graph", &["document", "conversation", "value", "parameter"]),
    (
        "trace",
        &["document", "conversation", "value", "parameter", "graph"],
    ),
    (
        "module",
        &[
            "document",
            "conversation",
            "value",
            "parameter",
            "graph",
            "trace",
        ],
    ),
    ("clients", &["document", "conversation", "value"]),
    (
        "resources",
        &["document", "conversation", "value", "clients"],
    ),
    (
        "journal",
        &[
            "document",
            "conversation",
            "value",
            "parameter",
            "graph",
            "clients",
            "resources",
        ],
    ),
    (
        "files",
        &[
            "document",
            "conversation",
            "value",
            "parameter",
            "graph",
            "trace",
            "module",
            "clients",
            "resources",
        ],
    ),
    (
        "execution",
        &[
            "document",
            "conversation",
            "value",
            "parameter",
            "graph",
            "trace",
            "module",
            "clients",
            "resources",
            "journal",
            "files",
            "telemetry",
        ],
    ),
    (
        "optimization",
        &[
            "document",
            "conversation",
            "value",
            "parameter",
            "graph",
            "trace",
            "module",
            "clients",
            "resources",
            "journal",
            "files",
            "telemetry",
            "execution",
        ],
    ),
];

/// The layers that do no I/O and are not async.
const PURE: [&str; 7] = [
    "document",
    "conversation",
    "value",
    "parameter",
    "graph",
    "trace",
    "module",
];

/// What a pure layer must not mention.
const IMPURE: [&str; 6] = [
    "async fn",
    "async move",
    ".await",
    "std::fs",
    "std::net",
    "tokio",
];

/// These store futures for the engine and wait for none.
const STORE_FUTURES: [&str; 2] = ["graph/host_function.rs", "graph/tool.rs"];

/// What is public at the root of the crate, and the layer it is from.
const AT_ROOT: [(&str, &str); 6] = [
    ("Value", "value"),
    ("Parameter", "parameter"),
    ("ParameterError", "parameter"),
    ("Feedback", "parameter"),
    ("FeedbackType", "parameter"),
    ("prelude", "optimization"),
];

#[test]
fn imports_point_down_and_authoring_does_no_io() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = String::new();
    for path in rust_files(&source) {
        let text = fs::read_to_string(&path).expect("a source file is readable");
        let inside = path.strip_prefix(&source).expect("the file is below `src`");
        let inside = inside
            .to_str()
            .expect("a source file has a plain name")
            .replace('\\', "/");
        for violation in violations(&inside, &text) {
            let _ = writeln!(found, "{violation}");
        }
    }
    assert!(found.is_empty(), "the layers are broken:\n{found}");
}

#[test]
fn a_violation_is_found_and_told() {
    let check = |file: &str, text: &str, expected: &[&str]| {
        assert_eq!(violations(file, text), expected, "{file}: {text}");
    };
    check(
        "trace/proxy.rs",
        "use crate::graph::NodeRef;\nuse crate::value::Value;",
        &[],
    );
    check(
        "graph/shape.rs",
        "//! See crate::trace.\nfn f() {} // crate::module",
        &[],
    );
    check(
        "trace/proxy.rs",
        "let text = \"call \\\".await\\\" or\n crate::module\";",
        &[],
    );
    check(
        "graph/shape.rs",
        "\n#[cfg(test)]\nmod tests {\n  use crate::trace::Proxy;\n}",
        &[],
    );
    check(
        "graph/shape.rs",
        "\nuse crate::trace::Proxy;",
        &[
            "src/graph/shape.rs:2: `graph` uses `crate::trace`, which is no layer below it: move what \
           it needs down, or this code up",
        ],
    );
    check(
        "value/data.rs",
        "use crate::{\n    Parameter,\n    graph::{Shape, NodeRef},\n};",
        &[
            "src/value/data.rs:1: `value` uses `crate::parameter`, which is no layer below it: move \
             what it needs down, or this code up",
            "src/value/data.rs:1: `value` uses `crate::graph`, which is no layer below it: move what \
             it needs down, or this code up",
        ],
    );
    check(
        "clients/openai/client.rs",
        "fn ask(graph: &crate::graph::InferenceGraph) {}",
        &[
            "src/clients/openai/client.rs:1: `clients` uses `crate::graph`, which is no layer below \
           it: move what it needs down, or this code up",
        ],
    );
    check(
        "module/forward.rs",
        "let text = std::fs::read(path);",
        &[
            "src/module/forward.rs:1: `module` does no I/O and is not async, but here is `std::fs`: \
           do it in `files` or `execution`",
        ],
    );
    check(
        "graph/host_function.rs",
        "Box::pin(async move { output.await })\nuse tokio::time;",
        &[
            "src/graph/host_function.rs:2: `graph` does no I/O and is not async, but here is `tokio`: \
           do it in `files` or `execution`",
        ],
    );
    check(
        "surprise/mod.rs",
        "",
        &["src/surprise/mod.rs:1: `surprise` is no layer: give it its place in `LAYERS`"],
    );
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a source folder is readable") {
        let path = entry.expect("a source folder is readable").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// What is wrong with the file at `path` inside `src`.
fn violations(path: &str, text: &str) -> Vec<String> {
    let Some((layer, _)) = path.split_once('/') else {
        return Vec::new(); // `lib.rs` joins the layers.
    };
    let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
        return vec![format!(
            "src/{path}:1: `{layer}` is no layer: give it its place in `LAYERS`"
        )];
    };
    let code = code_of(text);
    let mut found = Vec::new();
    for (line, used) in crate_paths(&code) {
        let used = AT_ROOT
            .iter()
            .find(|(name, _)| *name == used)
            .map_or(&*used, |(_, from)| from);
        if used != layer && !below.contains(&used) && LAYERS.iter().any(|(name, _)| *name == used) {
            found.push(format!(
                "src/{path}:{line}: `{layer}` uses `crate::{used}`, which is no layer below it: \
                 move what it needs down, or this code up"
            ));
        }
    }
    if PURE.contains(&layer) {
        for (index, line) in code.lines().enumerate() {
            for word in IMPURE.iter().filter(|word| line.contains(**word)) {
                if STORE_FUTURES.contains(&path) && word.starts_with(['a', '.']) {
                    continue;
                }
                let at = index + 1;
                found.push(format!(
                    "src/{path}:{at}: `{layer}` does no I/O and is not async, but here is `{word}`: \
                     do it in `files` or `execution`"
                ));
            }
        }
    }
    found
}

/// The text without comments, without what is in quotes, and without what
/// follows `#[cfg(test)]`, which by our style are the tests at the end of a
/// file. Lines keep their numbers.
fn code_of(text: &str) -> String {
    let lines = text
        .lines()
        .take_while(|line| line.trim() != "#[cfg(test)]");
    let mut code = String::new();
    let mut quoted = false;
    for line in lines {
        let mut characters = line.chars().peekable();
        while let Some(character) = characters.next() {
            match (character, characters.peek()) {
                ('\\', _) if quoted => drop(characters.next()),
                // The character `'"'` opens nothing.
                ('\'', Some('"')) if !quoted => drop(characters.next()),
                ('"', _) => quoted = !quoted,
                ('/', Some('/')) if !quoted => break,
                _ if quoted => {}
                _ => code.push(character),
            }
        }
        code.push('\n');
    }
    code
}

/// The first name of each path that begins with `crate`, and its line.
fn crate_paths(code: &str) -> Vec<(usize, String)> {
    let mut paths = Vec::new();
    // The macros and `extern crate self` know this crate by its name too.
    let ways = ["crate::", "inf_engine::"].map(|way| code.match_indices(way));
    for (at, found) in ways.into_iter().flatten() {
        let line = code[..at].matches('\n').count() + 1;
        let rest = &code[at + found.len()..];
        match rest.strip_prefix('{') {
            Some(group) => paths.extend(group_roots(group).into_iter().map(|name| (line, name))),
            None => paths.push((line, first_name(rest))),
        }
    }
    paths
}

/// `a::{b, c}, d}` as `a`, `d`.
fn group_roots(group: &str) -> Vec<String> {
    let mut roots = Vec::new();
    let mut depth = 0;
    let mut item = String::new();
    for character in group.chars() {
        match character {
            '}' if depth == 0 => break,
            ',' if depth == 0 => roots.push(std::mem::take(&mut item)),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if character != ',' || depth > 0 {
            item.push(character);
        }
    }
    roots.push(item);
    let names = roots.iter().map(|item| first_name(item.trim()));
    names.filter(|name| !name.is_empty()).collect()
}

fn first_name(path: &str) -> String {
    let name = path
        .chars()
        .take_while(|character| character.is_alphanumeric() || *character == '_');
    name.collect()
}
