//! Many traces: on threads, in each other, and of programs at random.

use inf_engine::document::DocumentFormat;
use inf_engine::graph::NodeRef;
use inf_engine::prelude::*;
use inf_engine::trace::constant;
use proptest::prelude::{Just, Strategy, any, prop, proptest};

use super::{Answer, Debate, ask, paths, trace};

#[test]
fn threads_trace_at_the_same_time() {
    let debate = Debate {
        sides: vec![Answer::new(), Answer::new()],
        judge: Box::new(ask()),
    };
    let expected = debate.trace().expect("a graph");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert!(debate.trace().expect("a graph") == expected);
                }
            });
        }
    });
}

#[test]
fn a_trace_inside_a_trace_is_its_own() {
    let ask = ask();
    let mut inner = None;
    let outer = trace(|text: Proxy<String>| {
        let first = ask.call(text);
        inner = Answer::new().trace().ok();
        ask.call(first)
    });
    assert_eq!(outer.nodes().len(), 3);
    assert_eq!(paths(&inner.expect("a graph")), ["think", "write"]);
}

/// One step of a random program: what is done with which earlier values.
#[derive(Debug, Clone)]
enum Do {
    Ask(usize),
    Prompt(Vec<usize>),
    Then(usize),
    PackAndTake(Vec<usize>, usize),
    Constant(String),
}

fn programs() -> impl Strategy<Value = (Vec<Do>, Vec<usize>)> {
    let some = || prop::collection::vec(any::<usize>(), 1..4);
    let step = proptest::prop_oneof![
        any::<usize>().prop_map(Do::Ask),
        some().prop_map(Do::Prompt),
        any::<usize>().prop_map(Do::Then),
        (some(), any::<usize>()).prop_map(|(all, one)| Do::PackAndTake(all, one)),
        Just("{con}\nstant".to_owned()).prop_map(Do::Constant),
    ];
    (prop::collection::vec(step, 0..30), some())
}

proptest! {
    #[test]
    fn random_programs_trace_to_valid_graphs((steps, outputs) in programs()) {
        let ask = ask();
        let count = steps.iter().filter(|step| matches!(step, Do::Ask(_) | Do::Then(_))).count();
        let graph = trace(|input: Proxy<String>| {
            let mut values = vec![input];
            for step in steps {
                let at = |index: usize| values[index % values.len()];
                let value = match step {
                    Do::Ask(of) => ask.call(at(of)),
                    Do::Prompt(of) => {
                        of.into_iter().fold(prompt!("start"), |prompt, value| {
                            let value = at(value);
                            prompt!("{prompt}, {value}")
                        })
                    }
                    Do::Then(of) => at(of).then("same", |text: String| text),
                    Do::PackAndTake(of, one) => {
                        let list: Vec<_> = of.into_iter().map(at).collect();
                        let one = one % list.len();
                        list.pack().index(one)
                    }
                    Do::Constant(text) => constant(text),
                };
                values.push(value);
            }
            let outputs = outputs.iter().map(|output| values[output % values.len()]);
            outputs.collect::<Vec<_>>().pack()
        });
        let work = graph.nodes().iter().filter(|node| {
            !matches!(node.operation(), inf_engine::graph::Operation::Prompt(_))
        });
        // Each piece of work is one node, and the input is one.
        assert_eq!(work.count(), count + 1);
        for (node, found) in graph.enumerate() {
            assert!(found.operation().dependencies().iter().all(|other| *other < node));
            assert!(graph.ancestors(node).iter().all(|other| graph.descendants(*other).contains(&node)));
            assert_eq!(graph.node_named(found.name()), Some(node));
        }
        assert_eq!(graph.node(NodeRef::INPUT).name(), "input");
        for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
            let read = InferenceGraph::from_text(&graph.to_text(format)).expect("what was written is read");
            assert!(read == graph);
            assert_eq!(read.content_hash(), graph.content_hash());
        }
    }
}
