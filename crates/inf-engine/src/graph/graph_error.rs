//! [`GraphError`]: everything that is wrong with a graph, at once.

use std::fmt;

use crate::document::Problem;

/// All the problems of a graph.
///
/// ```
/// use inf_engine::graph::{GraphBuilder, GraphNode, HostCall, NodeRef, Operation};
/// use inf_engine::value::Schema;
///
/// let mut builder = GraphBuilder::new("count", Schema::any());
/// let call = HostCall::new("count", NodeRef::INPUT);
/// let one = builder.add(GraphNode::new("count", Operation::Host(call.clone())));
/// builder.add(GraphNode::new("count", Operation::Host(call)));
/// let error = builder.finish(one.into()).unwrap_err();
/// for problem in &error.problems {
///     println!("{}: {}", problem.place, problem.message);
/// }
/// assert_eq!(error.problems.len(), 1);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraphError {
    /// Each of them; never empty.
    pub problems: Vec<Problem>,
}

crate::document::debug_as_display!(GraphError);

impl GraphError {
    /// `Ok` if there are none.
    pub(crate) fn check(problems: Vec<Problem>) -> Result<(), Self> {
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Self { problems })
        }
    }
}

impl std::error::Error for GraphError {}

impl fmt::Display for GraphError {
    /// One problem on one line, several as a list.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Problem::write_all(&self.problems, formatter)
    }
}
