//! The schemas of what nodes make, as far as they say so, and what follows for
//! control flow: a condition has to be a boolean, a map needs a list.

use serde_json::{Map as JsonMap, Value as Json, json};

use super::cases::{impossible_cases, missing_cases};
use super::operand_kinds::{may_be, operand_problem};
use super::{
    Accessor, Branch, FoldOrder, InferenceGraph, Keep, Map, NodeRef, Operation, Reference,
    RegionRef, Repeat, Shape,
};
use crate::document::Problem;
use crate::value::{Schema, Value};

/// A schema of more parts says nothing, so that values which are packed again
/// and again take no time.
const MOST_PARTS: usize = 10_000;

/// The schema of each node's value.
pub(super) struct NodeSchemas<'g> {
    graph: &'g InferenceGraph,
    schemas: Vec<Schema>,
}

impl<'g> NodeSchemas<'g> {
    pub(super) fn new(graph: &'g InferenceGraph) -> Self {
        // A node of control flow has the value of its regions, which follow it.
        let end = |node: NodeRef| {
            let regions = graph.node(node).operation.regions();
            let last = regions.last();
            last.map_or(node.index() + 1, |region| graph.region(*region).nodes().end)
        };
        let mut order: Vec<NodeRef> = graph.enumerate().map(|(node, _)| node).collect();
        order.sort_by_key(|node| (end(*node), std::cmp::Reverse(*node)));
        let mut schemas = Self {
            graph,
            schemas: vec![Schema::any(); order.len()],
        };
        for node in order {
            let schema = schemas.of_node(node);
            let is_large = count(schema.as_json()) > MOST_PARTS;
            schemas.schemas[node.index()] = if is_large { Schema::any() } else { schema };
        }
        schemas
    }

    pub(super) fn into_schemas(self) -> Vec<Schema> {
        self.schemas
    }

    fn of_node(&self, node: NodeRef) -> Schema {
        let kind = |kind: &str| Schema::from_json(json!({"type": kind}));
        match &self.graph.node(node).operation {
            Operation::Input => self.graph.input().clone(),
            Operation::Llm(call) => call.output.clone().unwrap_or_else(|| kind("string")),
            Operation::Prompt(_) => kind("string"),
            Operation::Pack(shape) => self.of_shape(shape),
            Operation::Compute { function, .. } => {
                function.output_type().map_or_else(Schema::any, kind)
            }
            Operation::Map(map) => match map.keep {
                Keep::Outputs => list_of(&self.of_region(map.body)),
                Keep::Elements => self.of_shape(&map.list),
                Keep::Results => kind("array"),
            },
            Operation::Branch(_) | Operation::Fallback(_) => {
                let regions = self.graph.node(node).operation.regions();
                let mut schemas = regions.into_iter().map(|region| self.of_region(region));
                let first = schemas.next().unwrap_or_else(Schema::any);
                if schemas.all(|other| other == first) {
                    first
                } else {
                    Schema::any()
                }
            }
            Operation::Repeat(repeat) => {
                let output = self.of_region(repeat.body);
                let state = part(output.as_json(), &Accessor::Key(Repeat::STATE.into()));
                let properties = json!({
                    Repeat::STATE: state,
                    Repeat::ITERATIONS: {"type": "integer"},
                    Repeat::STOPPED: {"type": "string"},
                });
                let required = [Repeat::STATE, Repeat::ITERATIONS, Repeat::STOPPED];
                Schema::from_json(json!({
                    "type": "object", "properties": properties, "required": required,
                }))
            }
            Operation::Argument => self.of_argument(node),
            Operation::Host(_) | Operation::Fold(_) => Schema::any(),
        }
    }

    /// An element of a list has the schema of the list's elements.
    fn of_argument(&self, node: NodeRef) -> Schema {
        let region = self.graph.region(self.graph.node(node).region());
        let is_last = region.arguments().last() == Some(node);
        let list = region
            .owner()
            .map(|owner| &self.graph.node(owner).operation);
        match list {
            Some(Operation::Map(map)) => self.of_element(&map.list),
            Some(Operation::Fold(fold)) if is_last && fold.order == FoldOrder::Sequential => {
                self.of_element(&fold.list)
            }
            _ => Schema::any(),
        }
    }

    fn of_element(&self, list: &Shape) -> Schema {
        let list = self.of_shape(list);
        Schema::from_json(part(list.as_json(), &Accessor::Index(0)))
    }

    fn of_region(&self, region: RegionRef) -> Schema {
        self.of_shape(self.graph.region(region).output())
    }

    pub(super) fn of_shape(&self, shape: &Shape) -> Schema {
        match shape {
            Shape::Reference(reference) => self.of_reference(reference),
            Shape::Constant(_) => Schema::any(),
            Shape::List(_) => Schema::from_json(json!({"type": "array"})),
            Shape::Map(entries) => {
                let properties = entries.iter().map(|(key, part)| {
                    let schema = self.of_shape(part);
                    (key.clone(), schema.as_json().clone())
                });
                let properties: JsonMap<String, Json> = properties.collect();
                let required: Vec<&String> = entries.keys().collect();
                Schema::from_json(json!({
                    "type": "object", "properties": properties, "required": required,
                }))
            }
        }
    }

    fn of_reference(&self, reference: &Reference) -> Schema {
        let whole = &self.schemas[reference.node.index()];
        if reference.path.is_empty() {
            return whole.clone();
        }
        let path = reference.path.iter();
        let found = path.fold(whole.as_json().clone(), |schema, step| part(&schema, step));
        Schema::from_json(found)
    }

    /// What can never be as a node of control flow or a function needs it.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for node in self.graph.nodes() {
            let place = || format!("node `{}`", node.name());
            let mut wants = |what: &str, schema: &Schema, kind: &str, hint: &str| {
                let found = schema.as_json().get("type").and_then(Json::as_str);
                let message = match found.filter(|found| *found != kind) {
                    Some(found) => format!("{what} is of type {found}, and has to be a {hint}"),
                    // One of listed values, say.
                    None if !may_be(schema, kind) => format!("{what} has to be a {hint}"),
                    None => return,
                };
                problems.push(Problem::new(place(), message));
            };
            let boolean = "boolean: compare it, or ask for one";
            match &node.operation {
                Operation::Branch(branch) if branch.as_condition().is_some() => {
                    wants(
                        "its condition",
                        &self.of_shape(&branch.on),
                        "boolean",
                        boolean,
                    );
                }
                Operation::Branch(branch) => {
                    let wrong = self.case_problems(branch).into_iter();
                    problems.extend(wrong.map(|message| Problem::new(place(), message)));
                }
                Operation::Compute { function, input } => {
                    let wrong = operand_problem(*function, input, self);
                    problems.extend(wrong.map(|message| Problem::new(place(), message)));
                }
                Operation::Map(Map { list, body, keep }) => {
                    wants("its list", &self.of_shape(list), "array", "list");
                    if *keep == Keep::Elements {
                        let output = self.of_region(*body);
                        wants("what its body gives", &output, "boolean", boolean);
                    }
                }
                Operation::Fold(fold) => {
                    wants("its list", &self.of_shape(&fold.list), "array", "list");
                }
                Operation::Repeat(repeat) => {
                    let output = self.graph.region(repeat.body).output();
                    if let Some((_, done)) = Repeat::parts(output) {
                        wants("its end", &self.of_shape(done), "boolean", boolean);
                    }
                }
                _ => {}
            }
        }
        problems
    }

    fn case_problems(&self, branch: &Branch) -> Vec<String> {
        let schema = self.of_shape(&branch.on);
        let cases: Vec<&Value> = branch.arms.iter().map(|arm| &arm.when).collect();
        let kind = schema.as_json().get("type").and_then(Json::as_str);
        match kind {
            Some("array" | "object" | "null") => {
                let kind = kind.unwrap_or_default();
                return vec![format!(
                    "what it decides by is of type {kind}, and has to be a text, a whole number or \
                     a boolean"
                )];
            }
            Some(kind) => {
                let can_be = |case: &&&Value| match case {
                    Value::String(_) => kind == "string",
                    Value::Bool(_) => kind == "boolean",
                    _ => kind == "integer" || kind == "number",
                };
                let wrong = cases.iter().filter(|case| !can_be(case));
                let wrong: Vec<String> = wrong
                    .map(|case| {
                        let kind_of_case = case.kind();
                        format!(
                            "the case {case:?} is {kind_of_case}, and what it decides by is of type \
                             {kind}"
                        )
                    })
                    .collect();
                if !wrong.is_empty() {
                    return wrong;
                }
            }
            None => {}
        }
        let mut problems = impossible_cases(&schema, &cases);
        if branch.otherwise.is_none() {
            problems.extend(missing_cases(&schema, &cases));
        }
        problems
    }
}

/// The schema of a part of a value, with what it refers to.
fn part(whole: &Json, accessor: &Accessor) -> Json {
    let whole = resolved(whole);
    let found = match accessor {
        Accessor::Key(key) => whole
            .get("properties")
            .and_then(|fields| fields.get(&**key)),
        Accessor::Index(index) => match whole.get("prefixItems") {
            Some(items) => items.get(index),
            None => whole.get("items"),
        },
    };
    match (found, whole.get("$defs")) {
        (Some(Json::Object(part)), Some(defs)) => {
            let mut part = part.clone();
            part.insert("$defs".to_owned(), defs.clone());
            part.into()
        }
        (Some(part), _) => part.clone(),
        (None, _) => true.into(),
    }
}

/// What a schema refers to, with its definitions, if it is a reference to one.
fn resolved(schema: &Json) -> Json {
    let name = schema.get("$ref").and_then(Json::as_str);
    let found = name
        .and_then(|name| name.strip_prefix('#'))
        .and_then(|pointer| schema.pointer(pointer));
    match (found, schema.get("$defs")) {
        (Some(Json::Object(found)), Some(defs)) => {
            let mut found = found.clone();
            found.insert("$defs".to_owned(), defs.clone());
            found.into()
        }
        _ => schema.clone(),
    }
}

fn list_of(element: &Schema) -> Schema {
    // Definitions have to stand at the top.
    let mut element = element.as_json().clone();
    let defs = match &mut element {
        Json::Object(fields) => fields.shift_remove("$defs"),
        _ => None,
    };
    let mut list = json!({"type": "array", "items": element});
    if let Some(defs) = defs {
        list["$defs"] = defs;
    }
    Schema::from_json(list)
}

/// The parts of a schema, as far as they are too many.
fn count(schema: &Json) -> usize {
    let mut parts = 0;
    let mut next = vec![schema];
    while let Some(part) = next.pop() {
        parts += 1;
        if parts > MOST_PARTS {
            break;
        }
        match part {
            Json::Array(elements) => next.extend(elements),
            Json::Object(fields) => next.extend(fields.values()),
            _ => {}
        }
    }
    parts
}
