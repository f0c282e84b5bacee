//! From what a trace recorded to a graph in which only work is a node.

use std::collections::{HashMap, HashSet};

use super::context::{Context, Step, TraceNode};
use super::written_out;
use crate::document::Problem;
use crate::graph::{
    Accessor, GraphBuilder, GraphError, GraphNode, HostCall, InferenceGraph, LlmCall, NodeRef,
    Operation, ParameterRef, Reference, RegionRef, Shape, Template, TemplatePart,
};
use crate::value::{Schema, Value};

/// Makes the graph. References of `context` are places in its list of nodes;
/// references of the graph are places in the graph.
pub(super) fn lower(
    name: &str,
    input: Schema,
    context: &mut Context,
    output: NodeRef,
) -> Result<InferenceGraph, GraphError> {
    let mut problems = std::mem::take(&mut context.problems);
    problems.extend(written_out::problems(context));
    GraphError::check(problems)?;
    let mut lowering = Lowering {
        nodes: &context.nodes,
        uses: uses(&context.nodes),
        lowered: Vec::with_capacity(context.nodes.len()),
        names: HashSet::from(["input".to_owned(), "parameters".to_owned()]),
        counts: HashMap::new(),
        problems: Vec::new(),
        builder: GraphBuilder::new(name, input),
        regions: vec![RegionRef::ROOT],
        parameters: vec![None; context.parameters.len()],
    };
    // Only the parameters that are used become the graph's, in the order of
    // the module's own list.
    let used = used_parameters(&context.nodes);
    for (index, known) in context.parameters.iter().enumerate() {
        if used.contains(&index) {
            let parameter = known.parameter.clone();
            let added = lowering
                .builder
                .add_parameter(known.path.clone(), parameter);
            lowering.parameters[index] = Some(added);
        }
    }
    for region in context.regions.iter().skip(1) {
        if !region.is_owned {
            let message = "the `match_branch` has no end: add `.default(…)` or `.end()`";
            let problem = Problem::new(region.location.to_string(), message);
            return Err(GraphError {
                problems: vec![problem],
            });
        }
        let added = lowering.builder.add_region();
        lowering.regions.push(added);
    }
    for node in &context.nodes {
        let lowered = lowering.lower(node);
        lowering.lowered.push(lowered);
    }
    for (region, found) in context.regions.iter().enumerate().skip(1) {
        if let Some(output) = found.output {
            let output = lowering.shape(output);
            let region = lowering.regions[region];
            lowering.builder.set_region_output(region, output);
        }
    }
    let output = lowering.shape(output);
    GraphError::check(lowering.problems)?;
    lowering.builder.finish(output)
}

/// What became of a recorded step.
#[derive(Clone)]
enum Lowered {
    /// A value put together from nodes, without a node of its own.
    Shape(Shape),
    /// A text that moves into the one place which uses it.
    Template(Template),
}

struct Lowering<'t> {
    nodes: &'t [TraceNode],
    /// How often each step is used.
    uses: Vec<usize>,
    lowered: Vec<Lowered>,
    names: HashSet<String>,
    /// How often each name was asked for.
    counts: HashMap<String, usize>,
    problems: Vec<Problem>,
    builder: GraphBuilder,
    /// The graph's region for each of the trace's.
    regions: Vec<RegionRef>,
    /// The graph's parameter for each of the module's, if it is used.
    parameters: Vec<Option<ParameterRef>>,
}

impl Lowering<'_> {
    fn lower(&mut self, node: &TraceNode) -> Lowered {
        let shape = match &node.step {
            Step::Input => NodeRef::INPUT.into(),
            Step::Invalid => unreachable!("an invalid step comes with a problem"),
            Step::Constant(value) => Shape::Constant(value.clone()),
            Step::Access { of, accessor } => {
                self.materialize(*of);
                let whole = match &self.lowered[of.index()] {
                    Lowered::Shape(shape) => shape,
                    Lowered::Template(_) => unreachable!("it was made a node"),
                };
                part(whole, accessor).unwrap_or_else(|message| {
                    let problem = Problem::new(node.location.to_string(), message);
                    self.problems.push(problem);
                    Shape::Constant(Value::Null)
                })
            }
            Step::Pack(shape) => self.resolve(shape),
            Step::Prompt(template) => {
                let template = self.template(template);
                if let Some(text) = template.as_text() {
                    return Lowered::Shape(Shape::Constant(text.into()));
                }
                let at = self.lowered.len();
                if self.uses[at] <= 1 {
                    return Lowered::Template(template);
                }
                self.add(node, "prompt", Operation::Prompt(template)).into()
            }
            Step::Llm {
                call,
                asked,
                is_conversation,
                tools,
            } => {
                let (messages, prompt) = if *is_conversation {
                    (Some(self.shape(*asked)), Template::default())
                } else {
                    (None, self.template(&Template::of(*asked)))
                };
                for tool in tools {
                    self.builder.add_tool(tool.clone());
                }
                let system = call.system.as_ref().map(|system| self.template(system));
                let call = LlmCall {
                    system,
                    messages,
                    prompt,
                    ..call.clone()
                };
                let base = if node.module.is_empty() {
                    "llm"
                } else {
                    &node.module
                };
                self.add(node, base, Operation::Llm(call)).into()
            }
            Step::Host { function, input } => {
                let call = HostCall {
                    function: function.name().clone(),
                    input: self.shape(*input),
                };
                let added = self.add(node, function.name(), Operation::Host(call));
                self.builder.set_host_function(added, function.clone());
                added.into()
            }
            Step::Compute { function, input } => {
                let input = self.shape(*input);
                let operation = Operation::Compute {
                    function: *function,
                    input,
                };
                self.add(node, function.name(), operation).into()
            }
            Step::Control { control, input } => {
                let input = input.iter().map(|part| self.shape(*part)).collect();
                let operation = control.lowered(input, |region| self.regions[region.index()]);
                self.add(node, control.base_name(), operation).into()
            }
            Step::Argument(name) => self.add(node, name, Operation::Argument).into(),
        };
        Lowered::Shape(shape)
    }

    /// The value of a step, put together from nodes.
    fn shape(&mut self, step: NodeRef) -> Shape {
        self.materialize(step);
        match &self.lowered[step.index()] {
            Lowered::Shape(shape) => shape.clone(),
            Lowered::Template(_) => unreachable!("it was made a node"),
        }
    }

    /// Makes a text that is used as a value a node of its own.
    fn materialize(&mut self, step: NodeRef) {
        if let Lowered::Template(template) = &self.lowered[step.index()] {
            let operation = Operation::Prompt(template.clone());
            let added = self.add(&self.nodes[step.index()], "prompt", operation);
            self.lowered[step.index()] = Lowered::Shape(added.into());
        }
    }

    /// A shape of steps as a shape of nodes.
    fn resolve(&mut self, shape: &Shape) -> Shape {
        match shape {
            Shape::Reference(reference) => self.shape(reference.node),
            Shape::Constant(value) => Shape::Constant(value.clone()),
            Shape::List(elements) => Shape::List(
                elements
                    .iter()
                    .map(|element| self.resolve(element))
                    .collect(),
            ),
            Shape::Map(entries) => {
                let entries = entries.iter();
                Shape::Map(
                    entries
                        .map(|(key, part)| (key.clone(), self.resolve(part)))
                        .collect(),
                )
            }
        }
    }

    /// A template of steps as a template of nodes.
    fn template(&mut self, template: &Template) -> Template {
        let mut lowered = Template::default();
        for part in template.parts() {
            match part {
                TemplatePart::Text(text) => lowered.push(TemplatePart::Text(text.clone())),
                TemplatePart::Parameter(parameter) => {
                    let parameter = self.parameters[parameter.index()];
                    lowered.push(TemplatePart::Parameter(
                        parameter.expect("every parameter of a template counts as used"),
                    ));
                }
                TemplatePart::Reference(Reference { node, .. }) => self.fill(*node, &mut lowered),
            }
        }
        lowered
    }

    /// Puts the value of a step into a template.
    fn fill(&mut self, step: NodeRef, template: &mut Template) {
        let shape = match self.lowered[step.index()].clone() {
            Lowered::Template(inner) => {
                inner
                    .parts()
                    .iter()
                    .for_each(|part| template.push(part.clone()));
                return;
            }
            Lowered::Shape(shape) => shape,
        };
        match shape {
            Shape::Reference(reference) => template.push(TemplatePart::Reference(reference)),
            Shape::Constant(value) => template.push(TemplatePart::Text(value.to_string())),
            Shape::List(_) | Shape::Map(_) => {
                let node = &self.nodes[step.index()];
                let added = self.add(node, "pack", Operation::Pack(shape));
                self.lowered[step.index()] = Lowered::Shape(added.into());
                template.push(TemplatePart::Reference(added.into()));
            }
        }
    }

    fn add(&mut self, node: &TraceNode, base: &str, operation: Operation) -> NodeRef {
        let name = self.unique(node.name.as_deref().unwrap_or(base));
        let is_argument = operation == Operation::Argument;
        let mut added = GraphNode::new(name, operation);
        // An argument is nobody's work.
        if !is_argument {
            added = added.with_module(node.module.clone());
        }
        added = added.with_priority(node.priority);
        added.location = Some(node.location);
        let region = self.regions[node.region.index()];
        self.builder.add_to(region, added)
    }

    /// `layers.0` becomes `layers_0`, and `layers_0_2` if that is taken.
    fn unique(&mut self, base: &str) -> String {
        let plain =
            |character: char| character.is_alphanumeric() || character == '_' || character == '-';
        let mut base: String = base
            .chars()
            .map(|character| if plain(character) { character } else { '_' })
            .collect();
        if !base.starts_with(|first: char| first.is_alphabetic() || first == '_') {
            base.insert(0, '_');
        }
        // Counted, because trying one number after the other would take a
        // second for some thousand calls of one module.
        let count = self.counts.entry(base.clone()).or_insert(0);
        loop {
            *count += 1;
            let name = if *count == 1 {
                base.clone()
            } else {
                format!("{base}_{count}")
            };
            if self.names.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// A part of a shape: known at once where the shape was put together here.
fn part(whole: &Shape, accessor: &Accessor) -> Result<Shape, String> {
    if let Shape::Reference(reference) = whole {
        let mut reference = reference.clone();
        reference.path.push(accessor.clone());
        return Ok(Shape::Reference(reference));
    }
    let found = match (whole, accessor) {
        (Shape::List(elements), Accessor::Index(index)) => elements.get(*index).cloned(),
        (Shape::Map(entries), Accessor::Key(key)) => entries.get(&**key).cloned(),
        (Shape::Constant(value), Accessor::Key(key)) => {
            value.get(key).cloned().map(Shape::Constant)
        }
        (Shape::Constant(value), Accessor::Index(index)) => {
            value.at(*index).cloned().map(Shape::Constant)
        }
        _ => None,
    };
    found.ok_or_else(|| match accessor {
        Accessor::Key(key) => format!("the value has no field `{key}`"),
        Accessor::Index(index) => format!("the value has no element {index}"),
    })
}

/// How often the value of each step is used.
fn uses(nodes: &[TraceNode]) -> Vec<usize> {
    let mut uses = vec![0; nodes.len()];
    for node in nodes {
        let mut count = |node: NodeRef| uses[node.index()] += 1;
        match &node.step {
            Step::Input | Step::Constant(_) | Step::Argument(_) | Step::Invalid => {}
            Step::Control { input, .. } => input.iter().for_each(|part| count(*part)),
            Step::Access { of, .. } => count(*of),
            Step::Prompt(template) => template.references().for_each(|hole| count(hole.node)),
            Step::Pack(shape) => shape.visit_references(&mut |part| count(part.node)),
            Step::Llm { asked, .. } => count(*asked),
            Step::Host { input, .. } | Step::Compute { input, .. } => count(*input),
        }
    }
    uses
}

fn used_parameters(nodes: &[TraceNode]) -> HashSet<usize> {
    let mut used = HashSet::new();
    for node in nodes {
        let templates = match &node.step {
            Step::Prompt(template) => vec![template],
            Step::Llm { call, .. } => call.system.iter().collect(),
            _ => continue,
        };
        let parameters = templates.into_iter().flat_map(Template::parameters);
        used.extend(parameters.map(ParameterRef::index));
    }
    used
}
