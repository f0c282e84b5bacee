//! Code of the program as nodes.

use inf_engine::prelude::*;

use super::{Pair, PairFields, check, names, trace};

/// Trims.
#[op]
fn trim(text: String) -> String {
    text.trim().to_owned()
}

#[op]
fn parse(text: String, base: u32) -> Result<u32, std::num::ParseIntError> {
    u32::from_str_radix(&text, base)
}

#[op]
async fn fetch(mut text: String) -> String {
    text.push('!');
    text
}

#[op]
pub(crate) async fn fail(pair: Pair, _why: Option<String>, _n: u8) -> Result<(), String> {
    Err(pair.a)
}

#[test]
fn host_code_is_named_nodes() {
    check(
        |pair: Proxy<Pair>| {
            let trimmed = trim(pair.a());
            let parsed = parse(trimmed, 16);
            let also = parse(
                "ff",
                pair.b()
                    .then("count", |list: Vec<String>| u32::from(list.is_empty())),
            );
            let fetched = fetch(trimmed);
            let failed = fail(pair, None, 3);
            (parsed, also, fetched, failed).pack()
        },
        r"
        nodes:
          trim:
            host: trim
            input: input.a
          parse:
            host: parse
            input:
            - trim
            - $value: 16
          count:
            host: count
            input: input.b
          parse_2:
            host: parse
            input:
            - $value: ff
            - count
          fetch:
            host: fetch
            input: trim
          fail:
            host: fail
            input:
            - input
            - $value: null
            - $value: 3
        output:
        - parse
        - parse_2
        - fetch
        - fail
        ",
    );
    let names = [trim_op(), parse_op(), fetch_op(), fail_op()].map(|op| op.name().to_string());
    assert_eq!(names, ["trim", "parse", "fetch", "fail"]);
}

#[test]
fn closures_are_named_nodes() {
    let graph = trace(|text: Proxy<String>| {
        let length = text.then("length", |text: String| text.len());
        let number = text.try_then("number", |text: String| text.parse::<i64>());
        let later = text.then_async("later", |text: String| async move { text });
        let maybe = text.try_then_async("maybe", |text: String| async move {
            if text.is_empty() {
                Err("empty")
            } else {
                Ok(text)
            }
        });
        (length, number, later, maybe).pack()
    });
    assert_eq!(names(&graph), ["length", "number", "later", "maybe"]);
    assert!(graph.missing_host_functions().is_empty());
    for (node, found) in graph.enumerate().skip(1) {
        let function = graph.host_function(node).expect("the closure");
        assert_eq!(&**function.name(), found.name());
    }
}
