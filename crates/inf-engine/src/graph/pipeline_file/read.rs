//! From the text of a pipeline file to a graph.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value as Json;

use super::document::{NodeDocument, ParameterDocument, PipelineDocument, VersionDocument};
use super::outline::{Entry, Outline};
use super::reference_text::Names;
use super::{VERSION, shape_text, template_text, type_expression};
use crate::document::{DocumentFormat, Problem, ReadError, did_you_mean};
use crate::graph::graph_error::GraphError;
use crate::graph::{
    Compute, GraphBuilder, GraphNode, HostCall, InferenceGraph, LlmCall, Operation, RegionRef,
    Shape, Template,
};
use crate::parameter::Parameter;
use crate::value::{Schema, Value};

/// Why the text of a pipeline file is no graph.
///
/// ```
/// use inf_engine::graph::{InferenceGraph, PipelineFileError};
///
/// let text = "
/// version: 1
/// name: greet
/// nodes: { greeting: { llm: fast, promt: 'Greet {input}.' } }
/// output: greeting
/// ";
/// let Err(PipelineFileError::Read(error)) = InferenceGraph::from_text(text) else {
///     panic!("there is a mistake on line 4");
/// };
/// assert_eq!(error.line, Some(4));
/// assert!(error.message.contains("did you mean `prompt`?"));
/// ```
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineFileError {
    /// It is not written as a pipeline file is.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is written by a later version of this library, or by none.
    #[error("version: {}", version_message(*.0))]
    Version(u32),
    /// What it says is no graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

crate::document::debug_as_display!(PipelineFileError);

impl InferenceGraph {
    /// Reads the text of a pipeline file, YAML or JSON.
    ///
    /// Host functions that it names have to be given with
    /// [`with_host_functions`](Self::with_host_functions) before it can run.
    pub fn from_text(text: &str) -> Result<Self, PipelineFileError> {
        // A later version may have keys that this one does not know: look at
        // the version first.
        let read: Result<PipelineDocument, _> = on_deep_stack(|| DocumentFormat::read(text));
        let version = DocumentFormat::read(text).map(|found: VersionDocument| found.version);
        if let Some(version) = version
            .ok()
            .filter(|version| !(1..=VERSION).contains(version))
        {
            return Err(PipelineFileError::Version(version));
        }
        let document = read?;
        let mut builder = GraphBuilder::new(&document.name, Schema::any());
        let mut outline = Outline::new(&document.nodes, &mut builder);
        let problems = std::mem::take(&mut outline.problems);
        let mut reader = Reader {
            names: Names {
                nodes: outline.names(),
            },
            parameters: document.parameters.keys().map(String::as_str).collect(),
            problems,
        };
        builder.set_input(reader.schema("input", &document.input));
        reader.add_parameters(&mut builder, &document.parameters);
        for entry in &outline.entries {
            builder.add_to(entry.region, reader.node(entry));
        }
        for output in &outline.outputs {
            builder.set_region_output(output.region, reader.region_output(output));
        }
        let output = reader.shape("output", &document.output);
        // What could not be read was replaced, so that all problems are told.
        let built = builder.finish(output);
        let mut problems = reader.problems;
        if let Err(error) = &built {
            problems.extend(error.problems.iter().cloned());
        }
        GraphError::check(problems)?;
        Ok(built?)
    }
}

/// Reads with a stack of its own: what control flow nests takes one as deep, and
/// nobody knows how much is left of the caller's.
fn on_deep_stack<T: Send>(read: impl Fn() -> T + Send + Sync) -> T {
    const STACK: usize = 16 << 20;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        match thread
            .spawn_scoped(scope, &read)
            .map(std::thread::ScopedJoinHandle::join)
        {
            Ok(Ok(read)) => read,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // There are no threads here.
            Err(_) => read(),
        }
    })
}

fn version_message(version: u32) -> String {
    if version > VERSION {
        format!(
            "the pipeline file has version {version}, and this program reads versions up to \
             {VERSION}: use a newer program"
        )
    } else {
        format!("there is no version {version} of pipeline files: write `version: {VERSION}`")
    }
}

/// Stands for a shape that could not be read.
pub(super) const NOTHING: Shape = Shape::Constant(Value::Null);

/// The nodes that have their body in themselves.
const WITH_BODY: &[&str] = &["map", "filter", "fold", "repeat"];

/// The nodes that say what they or their bodies give.
const WITH_OUTPUT: &[&str] = &["llm", "map", "filter", "fold", "repeat"];

/// Reads the parts of a file and gathers what is wrong with them.
pub(super) struct Reader<'d> {
    names: Names<'d>,
    parameters: Vec<&'d str>,
    pub(super) problems: Vec<Problem>,
}

impl Reader<'_> {
    fn add_parameters(
        &mut self,
        builder: &mut GraphBuilder,
        documents: &IndexMap<String, ParameterDocument>,
    ) {
        for (path, document) in documents {
            let mut parameter = Parameter::new(document.value.as_str());
            parameter.requires_grad_(document.requires_grad);
            if let Some(description) = &document.description {
                parameter = parameter.described(description.as_str());
            } else if document.requires_grad {
                let message = "the parameter has no `description`, which an optimizer needs to \
                               improve it: say what it controls, or write `requires_grad: false`";
                self.problems
                    .push(Problem::new(format!("parameters.{path}"), message));
                parameter = parameter.frozen();
            }
            builder.add_parameter(path.as_str(), parameter);
        }
    }

    fn node(&mut self, entry: &Entry<'_>) -> GraphNode {
        let Some(document) = entry.document else {
            return GraphNode::new(&*entry.name, Operation::Argument);
        };
        let operation = self.operation(&entry.place, document, &entry.regions);
        let mut node = GraphNode::new(&*entry.name, operation);
        if let Some(module) = &document.module {
            node = node.with_module(module);
        }
        node.with_priority(document.priority.unwrap_or(0))
    }

    fn operation(
        &mut self,
        place: &str,
        document: &NodeDocument,
        regions: &[RegionRef],
    ) -> Operation {
        let said = document.kinds();
        let [kind] = said[..] else {
            let message = if said.is_empty() {
                "nothing says what the node does: add `llm`, `host`, `compute`, `pack`, `prompt`, \
                 or for control flow `if`, `match`, `map`, `filter`, `fold`, `repeat` or `try`"
                    .to_owned()
            } else {
                format!(
                    "the node can't be `{}` at once: keep one of them",
                    said.join("` and `")
                )
            };
            self.problems.push(Problem::new(place, message));
            return Operation::Pack(NOTHING);
        };
        self.refuse_foreign_keys(place, kind, document);
        if let Some(operation) = self.control_flow(place, kind, document, regions) {
            return operation;
        }
        match kind {
            "llm" => Operation::Llm(self.call(place, document)),
            "host" => Operation::Host(HostCall {
                function: document.host.as_deref().unwrap_or_default().into(),
                input: self.node_input(place, document),
            }),
            "compute" => self.compute(place, document),
            "pack" => {
                let place = format!("{place}.pack");
                Operation::Pack(self.shape(&place, document.pack.as_ref().unwrap_or(&Json::Null)))
            }
            _ => {
                let text = document.prompt.as_deref().unwrap_or_default();
                Operation::Prompt(self.template(&format!("{place}.prompt"), text))
            }
        }
    }

    /// A key that means nothing for a node of this kind is a mistake.
    fn refuse_foreign_keys(&mut self, place: &str, kind: &str, document: &NodeDocument) {
        let keys = [
            (
                "input",
                document.input.is_some(),
                ["host", "compute"].as_slice(),
            ),
            ("prompt", document.prompt.is_some(), &["llm", "prompt"]),
            ("system", document.system.is_some(), &["llm"]),
            ("messages", document.messages.is_some(), &["llm"]),
            ("temperature", document.temperature.is_some(), &["llm"]),
            ("top_p", document.top_p.is_some(), &["llm"]),
            ("seed", document.seed.is_some(), &["llm"]),
            ("max_tokens", document.max_tokens.is_some(), &["llm"]),
            (
                "reasoning_effort",
                document.reasoning_effort.is_some(),
                &["llm"],
            ),
            ("stop", document.stop.is_some(), &["llm"]),
            ("extra", document.extra.is_some(), &["llm"]),
            ("tools", document.tools.is_some(), &["llm"]),
            ("tool_choice", document.tool_choice.is_some(), &["llm"]),
            ("max_turns", document.max_turns.is_some(), &["llm"]),
            ("then", document.then.is_some(), &["if"]),
            ("else", document.r#else.is_some(), &["if"]),
            ("cases", document.cases.is_some(), &["match"]),
            ("default", document.default.is_some(), &["match"]),
            ("as", document.r#as.is_some(), WITH_BODY),
            ("nodes", document.nodes.is_some(), WITH_BODY),
            ("output", document.output.is_some(), WITH_OUTPUT),
            ("results", document.results.is_some(), &["map"]),
            ("initial", document.initial.is_some(), &["fold"]),
            ("tree", document.tree.is_some(), &["fold"]),
            ("max", document.max.is_some(), &["repeat"]),
            ("until", document.until.is_some(), &["repeat"]),
            ("fallback", document.fallback.is_some(), &["try"]),
            ("failures", document.failures.is_some(), &["try"]),
        ];
        for (key, said, kinds) in keys {
            if said && !kinds.contains(&kind) {
                let message = format!(
                    "a `{kind}` node has no `{key}`; nodes with `{}` do",
                    kinds.join("` or `")
                );
                self.problems
                    .push(Problem::new(format!("{place}.{key}"), message));
            }
        }
    }

    fn call(&mut self, place: &str, document: &NodeDocument) -> LlmCall {
        let prompt = if let Some(text) = &document.prompt {
            self.template(&format!("{place}.prompt"), text)
        } else {
            if document.messages.is_none() {
                let message = "the node has no `prompt`: say what to ask, as in \
                               `prompt: \"Summarize {input}\"`";
                self.problems.push(Problem::new(place, message));
            }
            Template::default()
        };
        let messages = document.messages.as_ref();
        let messages = messages.map(|json| self.shape(&format!("{place}.messages"), json));
        let tools = document.tools.iter().flatten();
        let system = document.system.as_ref();
        let output = document.output.as_ref();
        LlmCall {
            system: system.map(|text| self.template(&format!("{place}.system"), text)),
            messages,
            temperature: document.temperature,
            top_p: document.top_p,
            seed: document.seed,
            max_tokens: document.max_tokens,
            reasoning_effort: document.reasoning_effort,
            stop: document.stop.clone().unwrap_or_default(),
            extra: document.extra.clone().map(Arc::new),
            tools: tools.map(|name| name.as_str().into()).collect(),
            tool_choice: document.tool_choice.clone().unwrap_or_default(),
            max_turns: document.max_turns,
            output: output
                .map(|expression| self.schema(&format!("{place}.output"), expression))
                .filter(|schema| !schema.is_string()),
            ..LlmCall::new(document.llm.as_deref().unwrap_or_default(), prompt)
        }
    }

    fn compute(&mut self, place: &str, document: &NodeDocument) -> Operation {
        let name = document.compute.as_deref().unwrap_or_default();
        let before = self.problems.len();
        let function = Compute::ALL
            .into_iter()
            .find(|function| function.name() == name);
        if function.is_none() {
            let hint = did_you_mean(name, Compute::ALL.iter().map(|function| function.name()));
            let message = format!("there is no function `{name}`; {hint}");
            self.problems
                .push(Problem::new(format!("{place}.compute"), message));
        }
        let input = self.node_input(place, document);
        match function {
            Some(function) if self.problems.len() == before => {
                Operation::Compute { function, input }
            }
            // What is wrong is told: of what stands in for it nothing is to be said.
            _ => Operation::Pack(NOTHING),
        }
    }

    fn node_input(&mut self, place: &str, document: &NodeDocument) -> Shape {
        if let Some(json) = &document.input {
            return self.shape(&format!("{place}.input"), json);
        }
        let message = "the node has no `input`: name the value that it gets, as in `input: facts`";
        self.problems.push(Problem::new(place, message));
        NOTHING
    }

    fn template(&mut self, place: &str, text: &str) -> Template {
        let parsed = template_text::parse(text, &self.names, &self.parameters);
        self.or_problem(place, parsed).unwrap_or_default()
    }

    pub(super) fn shape(&mut self, place: &str, json: &Json) -> Shape {
        let parsed = shape_text::parse(json, &self.names);
        self.or_problem(place, parsed).unwrap_or(NOTHING)
    }

    /// A shape that comes to a boolean. It is easily taken for a place where
    /// values can be compared.
    pub(super) fn condition(&mut self, place: &str, json: &Json) -> Shape {
        let parsed = shape_text::parse(json, &self.names).map_err(|why| match json {
            Json::String(text) if text.contains([' ', '=', '<', '>', '!']) => format!(
                "`{text}` is no reference: compare in a node of its own, as in `big: {{ compute: greater, \
                 input: [size, {{ $value: 3 }}] }}`, and write `big` here"
            ),
            _ => why,
        });
        self.or_problem(place, parsed).unwrap_or(NOTHING)
    }

    fn schema(&mut self, place: &str, expression: &Json) -> Schema {
        let parsed = type_expression::parse(expression);
        self.or_problem(place, parsed)
            .map_or_else(Schema::any, Schema::from_json)
    }

    /// Notes an error and goes on, so that all of them are told at once.
    fn or_problem<T>(&mut self, place: &str, result: Result<T, String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(message) => {
                self.problems.push(Problem::new(place, message));
                None
            }
        }
    }
}
