//! From a graph to the text of a pipeline file.

use super::document::{NodeDocument, NodeDocuments, ParameterDocument, PipelineDocument};
use super::{VERSION, type_expression};
use crate::conversation::ToolChoice;
use crate::document::DocumentFormat;
use crate::graph::{GraphNode, HostCall, InferenceGraph, LlmCall, Operation, RegionRef};

impl InferenceGraph {
    /// The text of a pipeline file that holds this graph, with the present
    /// texts of its parameters. Host functions are named, their code is not
    /// kept.
    pub fn to_text(&self, format: DocumentFormat) -> String {
        format.write(&self.to_document())
    }

    pub(in crate::graph) fn to_document(&self) -> PipelineDocument {
        let parameters = self.parameters().iter().map(|found| {
            let parameter = ParameterDocument {
                value: found.parameter.value().to_string(),
                description: found.parameter.description().map(|text| text.to_string()),
                requires_grad: found.parameter.requires_grad(),
            };
            (found.path.to_string(), parameter)
        });
        PipelineDocument {
            version: VERSION,
            name: self.name().to_owned(),
            input: type_expression::write(self.input().as_json()),
            parameters: parameters.collect(),
            nodes: self.nodes_of(RegionRef::ROOT),
            output: self.shape_json(self.output()),
        }
    }

    /// The nodes of a region, without what is given to it.
    pub(super) fn nodes_of(&self, region: RegionRef) -> NodeDocuments {
        let nodes = self.nodes()[self.region(region).nodes()].iter();
        let is_given =
            |node: &GraphNode| matches!(node.operation, Operation::Input | Operation::Argument);
        let nodes = nodes.filter(|node| node.region == region && !is_given(node));
        nodes
            .map(|node| (node.name.to_string(), Box::new(self.node_document(node))))
            .collect()
    }

    fn node_document(&self, node: &GraphNode) -> NodeDocument {
        let mut document = NodeDocument {
            priority: Some(node.priority).filter(|&priority| priority != 0),
            module: Some(node.module.clone()).filter(|module| module != node.default_module()),
            ..NodeDocument::default()
        };
        match &node.operation {
            Operation::Input | Operation::Argument => {}
            Operation::Llm(call) => self.write_call(call, &mut document),
            Operation::Prompt(template) => document.prompt = Some(self.template_text(template)),
            Operation::Host(HostCall { function, input }) => {
                document.host = Some(function.to_string());
                document.input = Some(self.shape_json(input));
            }
            Operation::Pack(shape) => document.pack = Some(self.shape_json(shape)),
            Operation::Compute { function, input } => {
                document.compute = Some(function.name().to_owned());
                document.input = Some(self.shape_json(input));
            }
            Operation::Branch(branch) => self.write_branch(branch, &mut document),
            Operation::Map(map) => self.write_map(map, &mut document),
            Operation::Fold(fold) => self.write_fold(fold, &mut document),
            Operation::Repeat(repeat) => self.write_repeat(repeat, &mut document),
            Operation::Fallback(fallback) => self.write_fallback(fallback, &mut document),
        }
        document
    }

    fn write_call(&self, call: &LlmCall, document: &mut NodeDocument) {
        document.llm = Some(call.alias.to_string());
        document.system = call
            .system
            .as_ref()
            .map(|system| self.template_text(system));
        document.messages = call.messages.as_ref().map(|shape| self.shape_json(shape));
        let is_said = call.messages.is_none() || !call.prompt.parts().is_empty();
        document.prompt = is_said.then(|| self.template_text(&call.prompt));
        document.temperature = call.temperature;
        document.top_p = call.top_p;
        document.seed = call.seed;
        document.max_tokens = call.max_tokens;
        document.reasoning_effort = call.reasoning_effort;
        document.extra = call.extra.as_deref().cloned();
        let tools = call.tools.iter().map(ToString::to_string);
        document.tools = Some(tools.collect()).filter(|tools: &Vec<_>| !tools.is_empty());
        document.tool_choice =
            Some(call.tool_choice.clone()).filter(|choice| *choice != ToolChoice::Auto);
        document.max_turns = call.max_turns;
        document.stop = Some(call.stop.clone()).filter(|stop| !stop.is_empty());
        document.output = call
            .output
            .as_ref()
            .map(|output| type_expression::write(output.as_json()));
    }
}
