//! Control flow that a program puts together.

use inf_engine::graph::{
    Arm, Branch, GraphBuilder, GraphNode, Keep, Map, NodeRef, Operation, RegionRef, Repeat, Shape,
    Template,
};
use inf_engine::prelude::*;
use inf_engine::value::Schema;
use insta::assert_snapshot;

fn prompt(name: &str, of: NodeRef) -> GraphNode {
    GraphNode::new(name, Operation::Prompt(Template::of(of)))
}

/// What is wrong with the graph that `build` makes.
fn wrong(build: impl FnOnce(&mut GraphBuilder) -> Shape) -> String {
    let mut builder = GraphBuilder::new("wrong", Schema::any());
    let output = build(&mut builder);
    builder.finish(output).expect_err("a problem").to_string()
}

fn constant(value: impl Into<Value>) -> Shape {
    Shape::Constant(value.into())
}

fn branch(on: Shape, arms: &[(&str, RegionRef)]) -> Operation {
    let arms = arms.iter();
    let arms = arms.map(|(when, region)| Arm::new(*when, *region));
    Operation::Branch(Branch::new(on, arms))
}

#[test]
fn what_is_inside_stays_inside() {
    let message = wrong(|builder| {
        let (one, two) = (builder.add_region(), builder.add_region());
        let inner = builder.add_to(one, prompt("inner", NodeRef::INPUT));
        builder.set_region_output(one, inner.into());
        builder.set_region_output(two, inner.into());
        let arms = [("a", one), ("b", two)];
        let owner = builder.add(GraphNode::new(
            "owner",
            branch(NodeRef::INPUT.into(), &arms),
        ));
        builder.add(prompt("outer", inner));
        Shape::List(vec![owner.into(), inner.into()])
    });
    assert_snapshot!(message, @r#"
    3 problems:
      - node `outer`: `inner` exists only inside case "a" of `owner`: make it what that gives, and read `owner`
      - output: `inner` exists only inside case "a" of `owner`: make it what that gives, and read `owner`
      - case "b" of `owner`: `inner` exists only inside case "a" of `owner`: make it what that gives, and read `owner`
    "#);
}

#[test]
fn an_owner_has_no_value_while_its_regions_run() {
    let message = wrong(|builder| {
        let body = builder.add_region();
        let element = builder.add_to(body, GraphNode::new("element", Operation::Argument));
        let list = NodeRef::INPUT;
        let keep = Keep::Outputs;
        let map = builder.add(GraphNode::new(
            "all",
            Operation::Map(Map::new(list, body).with_keep(keep)),
        ));
        let inner = builder.add_to(body, prompt("inner", map));
        builder.set_region_output(body, Shape::List(vec![inner.into(), element.into()]));
        map.into()
    });
    assert_eq!(
        message,
        "node `inner`: `all` has no value yet while what is inside of it runs"
    );
}

#[test]
fn regions_have_what_their_owners_need() {
    let message = wrong(|builder| {
        let (arm, body, loops, lost) = (
            builder.add_region(),
            builder.add_region(),
            builder.add_region(),
            builder.add_region(),
        );
        builder.add_to(arm, GraphNode::new("argument", Operation::Argument));
        builder.add_to(lost, prompt("lost", NodeRef::INPUT));
        let arms = [("a", arm), ("a", arm)];
        builder.add(GraphNode::new("owner", branch(constant(1), &arms)));
        let keep = Keep::Outputs;
        let list = constant(1);
        builder.add(GraphNode::new(
            "map",
            Operation::Map(Map::new(list, body).with_keep(keep)),
        ));
        let repeat = Repeat::new(constant(1), loops, 0);
        builder.add(GraphNode::new("loop", Operation::Repeat(repeat)));
        NodeRef::INPUT.into()
    });
    assert_snapshot!(message, @r#"
    4 problems:
      - node `owner`: two cases are "a": keep one of them
      - node `loop`: `max` is 0, but the body runs at least once
      - node `owner`: its case "a" is a region that `owner` runs already: give it one of its own
      - node `lost`: no node runs the region that it stands in
    "#);
    let message = wrong(|builder| {
        let (arm, body, loops) = (
            builder.add_region(),
            builder.add_region(),
            builder.add_region(),
        );
        builder.add_to(arm, GraphNode::new("argument", Operation::Argument));
        builder.add(GraphNode::new("free", Operation::Argument));
        builder.add(GraphNode::new("owner", branch(constant(1), &[("a", arm)])));
        let keep = Keep::Outputs;
        let list = constant(1);
        builder.add(GraphNode::new(
            "map",
            Operation::Map(Map::new(list, body).with_keep(keep)),
        ));
        let repeat = Repeat::new(constant(1), loops, 1);
        builder.set_region_output(loops, constant(1));
        builder.add(GraphNode::new("loop", Operation::Repeat(repeat)));
        NodeRef::INPUT.into()
    });
    assert_snapshot!(message, @r#"
    7 problems:
      - node `free`: only what a node runs has arguments; the pipeline has its input
      - node `owner`: its case "a" has one argument, and is given no argument
      - node `owner`: its case "a" gives nothing: set its output
      - node `map`: its body has no argument, and is given one argument
      - node `map`: its body gives nothing: set its output
      - node `loop`: its body has no argument, and is given one argument
      - node `loop`: its body has to give `{state, done}`
    "#);
}
