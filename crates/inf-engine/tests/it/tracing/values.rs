//! Inputs, outputs and parts of values.

use std::collections::{BTreeMap, HashMap};

use inf_engine::document::DocumentFormat;
use inf_engine::prelude::*;
use inf_engine::trace::constant;

use super::{Pair, PairFields, PairProxy, check, file, trace};

#[derive(Serialize, Deserialize, JsonSchema, Record)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    first_name: String,
    #[serde(rename = "lastName!")]
    last: String,
    #[serde(skip)]
    _cache: u8,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#type: Option<String>,
    items: Vec<String>,
    values: u32,
    keys: bool,
    index: u32,
    key: u32,
}

#[test]
fn outputs_have_the_users_shape() {
    check(|text: Proxy<String>| text, "output: input\n");
    check(
        |pair: Proxy<(String, u8)>| {
            let (text, number) = pair.split();
            (number, text).pack()
        },
        r"
        output:
        - input.1
        - input.0
        ",
    );
    check(
        |pair: Proxy<Pair>| {
            let PairProxy { a, b } = pair.split();
            let map = BTreeMap::from([
                ("x y".to_owned(), [a, b.index(1)]),
                ("$z".to_owned(), [a, a]),
            ]);
            (map, vec![(b,)], PairProxy { a, b }).pack()
        },
        r"
        output:
        - $$z:
          - input.a
          - input.a
          x y:
          - input.a
          - input.b.1
        - - - input.b
        - a: input.a
          b: input.b
        ",
    );
    check(
        |text: Proxy<String>| (constant(1.5), constant("x".to_owned()), text, constant(())).pack(),
        r"
        output:
        - $value: 1.5
        - $value: x
        - input
        - $value: null
        ",
    );
    // What is taken out of what was packed is what was put in.
    check(
        |text: Proxy<String>| {
            let packed = (vec![text], BTreeMap::from([("k".to_owned(), text)])).pack();
            let (list, map) = packed.split();
            (list.index(0), map.key("k")).pack()
        },
        r"
        output:
        - input
        - input
        ",
    );
}

#[test]
fn hash_maps_are_packed_in_one_order() {
    let packed = |keys: [&str; 4]| {
        trace(|text: Proxy<String>| HashMap::from(keys.map(|key| (key.to_owned(), text))).pack())
    };
    let file = file(&packed(["a", "b", "c", "d"]));
    assert_eq!(
        file,
        "output:\n  a: input\n  b: input\n  c: input\n  d: input\n"
    );
}

#[test]
fn inputs_may_have_any_shape() {
    let check = |graph: InferenceGraph, expected: &str| {
        let text = graph.to_text(DocumentFormat::Yaml);
        let input = &text[text.find("input").expect("an input")..text.find("output").expect("one")];
        assert_eq!(input, expected);
    };
    check(trace(|text: Proxy<String>| text), "input: string\n");
    check(trace(|any: Proxy<Value>| any), "input: any\n");
    check(
        trace(|pair: Proxy<Pair>| pair),
        "input:\n  a: string\n  b:\n  - string\n",
    );
    check(
        trace(|list: Proxy<Vec<HashMap<String, bool>>>| list),
        "input:\n  $schema:\n    type: array\n    items:\n      type: object\n      \
         additionalProperties:\n        type: boolean\n",
    );
}

#[test]
fn parts_of_values_are_references() {
    check(
        |pair: Proxy<Pair>| {
            (
                pair.a(),
                pair.b(),
                pair.b().index(2),
                pair.field::<Value>("a"),
            )
                .pack()
        },
        r"
        output:
        - input.a
        - input.b
        - input.b.2
        - input.a
        ",
    );
    check(
        |any: Proxy<Value>| (any.key("a b"), any.index(0), any.key("0").index(7)).pack(),
        r#"
        output:
        - input."a b"
        - input.0
        - input."0".7
        "#,
    );
    check(
        |map: Proxy<HashMap<String, Pair>>| {
            (
                map.keys(),
                map.values().index(0).a(),
                map.items().index(1).split().0,
            )
                .pack()
        },
        r"
        nodes:
          keys:
            compute: keys
            input: input
          values:
            compute: values
            input: input
          items:
            compute: items
            input: input
        output:
        - keys
        - values.0.a
        - items.1.0
        ",
    );
}

#[test]
fn records_have_the_names_that_serde_gives() {
    check(
        |renamed: Proxy<Renamed>| {
            let whole = (renamed.first_name(), renamed.last(), renamed.r#type()).pack();
            // Fields that are called like methods of other proxies.
            let methods = (
                renamed.items(),
                renamed.values(),
                renamed.keys(),
                renamed.index(),
            );
            (whole, methods.pack(), renamed.key()).pack()
        },
        r#"
        output:
        - - input.firstName
          - input."lastName!"
          - input.type
        - - input.items
          - input.values
          - input.keys
          - input.index
        - input.key
        "#,
    );
}
