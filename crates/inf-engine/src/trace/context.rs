//! The ambient context of the trace that runs on this thread.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Proxy;
use super::trace_region::{Control, TraceRegion, TraceRegionRef};
use crate::conversation::Conversation;
use crate::document::{Problem, shorten};
use crate::graph::{
    Accessor, Compute, GraphParameter, HostFunction, LlmCall, NodeRef, ParameterRef, Shape,
    SourceLocation, Template, Tool,
};
use crate::parameter::Parameter;
use crate::value::Value;

/// What one trace records. References in it are places in `nodes`.
pub(crate) struct Context {
    id: u32,
    pub(super) nodes: Vec<TraceNode>,
    pub(super) parameters: Vec<GraphParameter>,
    pub(super) problems: Vec<Problem>,
    modules: ModulePaths,
    /// The modules whose `forward` runs, innermost last.
    scopes: Vec<Scope>,
    /// What the priorities of those modules add up to.
    priority: i32,
    /// The parts that control flow runs; the first is all of it.
    pub(super) regions: Vec<TraceRegion>,
    /// Those that are being recorded, innermost last.
    pub(super) open: Vec<TraceRegionRef>,
}

/// One recorded step.
pub(super) struct TraceNode {
    pub(super) step: Step,
    /// The dotted path of the module whose `forward` recorded it.
    pub(super) module: String,
    /// The name that the program gave it, if any.
    pub(super) name: Option<String>,
    pub(super) priority: i32,
    pub(super) location: SourceLocation,
    /// Where it was recorded.
    pub(super) region: TraceRegionRef,
}

/// What was done.
#[expect(
    clippy::large_enum_variant,
    reason = "a trace is made once, and many of its steps are calls"
)]
pub(super) enum Step {
    Input,
    Constant(Value),
    Access {
        of: NodeRef,
        accessor: Accessor,
    },
    Prompt(Template),
    Pack(Shape),
    /// What the call asks is the value of the node `asked`: a prompt, or a
    /// conversation.
    Llm {
        call: LlmCall,
        asked: NodeRef,
        is_conversation: bool,
        tools: Vec<Tool>,
    },
    Host {
        function: HostFunction,
        input: NodeRef,
    },
    Compute {
        function: Compute,
        input: NodeRef,
    },
    /// Runs regions; what it reads are the parts of `input`.
    Control {
        control: Control,
        input: Vec<NodeRef>,
    },
    /// What a region is given, with the name that it has unless it gets one.
    Argument(&'static str),
    /// Stands for a proxy that could not be used; a problem says why.
    Invalid,
}

/// Identifies a module of the traced tree: its address and its type, because a
/// struct has the address of its first field.
pub(crate) type ModuleKey = (usize, &'static str);

/// The paths of the modules of the traced tree. A module that is shared has
/// several, and so have modules without fields, which may have one address.
pub(super) type ModulePaths = HashMap<ModuleKey, Vec<String>>;

struct Scope {
    path: String,
    location: SourceLocation,
}

thread_local! {
    static STACK: RefCell<Vec<Context>> = const { RefCell::new(Vec::new()) };
    /// What the last trace that ended on this thread made, to name a proxy
    /// that escaped from it.
    static ENDED: RefCell<Option<Ended>> = const { RefCell::new(None) };
}

/// What is kept of a trace that ended: names, and nothing of the program's.
struct Ended {
    id: u32,
    nodes: Vec<Label>,
}

/// What a recorded node is called in messages.
struct Label {
    name: String,
    location: SourceLocation,
}

impl Label {
    fn new(name: Option<&str>, module: &str, is_input: bool, location: SourceLocation) -> Self {
        let name = name.unwrap_or(if is_input { "input" } else { module });
        let name = if name.is_empty() {
            "a node of the root"
        } else {
            name
        };
        Self {
            name: name.to_owned(),
            location,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{}` (made at {})", self.name, self.location)
    }
}

/// What is being used, for messages.
pub(super) struct Subject {
    what: &'static str,
    /// The trace and the node, if it is a proxy.
    proxy: Option<(u32, NodeRef)>,
}

impl From<&'static str> for Subject {
    fn from(what: &'static str) -> Self {
        Self { what, proxy: None }
    }
}

impl<T> From<Proxy<T>> for Subject {
    fn from(proxy: Proxy<T>) -> Self {
        Self {
            what: "a proxy",
            proxy: Some((proxy.trace(), proxy.node())),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.proxy {
            None => formatter.write_str(self.what),
            Some((trace, node)) => match ended_label(trace, node) {
                Some(label) => write!(formatter, "the proxy of {label}"),
                None => write!(formatter, "the proxy of node {}", node.index()),
            },
        }
    }
}

/// What a node of the trace that ended last was called.
fn ended_label(trace: u32, node: NodeRef) -> Option<String> {
    ENDED.with_borrow(|ended| {
        let ended = ended.as_ref().filter(|ended| ended.id == trace)?;
        ended.nodes.get(node.index()).map(Label::to_string)
    })
}

static NEXT_ID: AtomicU32 = AtomicU32::new(0);

/// Runs `trace` under a new context and returns what was recorded. A panic
/// passes through and takes the context with it.
pub(super) fn scoped<R>(
    modules: ModulePaths,
    parameters: Vec<GraphParameter>,
    trace: impl FnOnce() -> R,
) -> (R, Context) {
    struct Unwind;
    impl Drop for Unwind {
        fn drop(&mut self) {
            STACK.with_borrow_mut(Vec::pop);
        }
    }
    let context = Context {
        id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        nodes: Vec::new(),
        parameters,
        problems: Vec::new(),
        modules,
        scopes: Vec::new(),
        priority: 0,
        regions: vec![TraceRegion::whole()],
        open: vec![TraceRegionRef::WHOLE],
    };
    STACK.with_borrow_mut(|stack| stack.push(context));
    let unwind = Unwind;
    let result = trace();
    std::mem::forget(unwind);
    let context = STACK.with_borrow_mut(Vec::pop);
    (
        result,
        context.expect("only this function pops the context that it pushed"),
    )
}

/// Keeps the names of an ended trace for the messages of later ones.
pub(super) fn keep_ended(context: Context) {
    let nodes = context.nodes.iter().map(TraceNode::label).collect();
    let ended = Ended {
        id: context.id,
        nodes,
    };
    // What the program gave to the trace is dropped before anything is borrowed.
    drop(context);
    ENDED.set(Some(ended));
}

/// What a node of a trace is called in messages, which is about to end or has ended.
pub(super) fn label_of(context: &Context, trace: u32, node: NodeRef) -> String {
    let own = (trace == context.id).then(|| context.nodes.get(node.index()));
    let own = own.flatten().map(|found| found.label().to_string());
    own.or_else(|| ended_label(trace, node))
        .unwrap_or_else(|| format!("node {} of another trace", node.index()))
}

/// Works on the context of the running trace.
///
/// # Panics
/// If nothing is being traced on this thread.
#[track_caller]
pub(super) fn with_current<R>(
    what: impl Into<Subject>,
    work: impl FnOnce(&mut Context, &[Context]) -> R,
) -> R {
    let result = STACK.with_borrow_mut(|stack| {
        let (current, outer) = stack.split_last_mut()?;
        Some(work(current, outer))
    });
    match result {
        Some(result) => result,
        None => panic!(
            "{} was used where nothing is being traced: use it inside `forward`; to run a module \
             call `.bind(resources)?.run(input).await`",
            what.into()
        ),
    }
}

/// Works on the context of the running trace, if there is one.
pub(super) fn try_current<R>(work: impl FnOnce(&mut Context) -> R) -> Option<R> {
    STACK.with_borrow_mut(|stack| stack.last_mut().map(work))
}

/// Records the step that `make` returns and gives a proxy of its value.
#[track_caller]
pub(super) fn record<T>(
    what: impl Into<Subject>,
    location: SourceLocation,
    make: impl FnOnce(&mut Recorder<'_>) -> Step,
) -> Proxy<T> {
    with_current(what, |context, outer| {
        let mut recorder = Recorder {
            context,
            outer,
            location,
        };
        let step = make(&mut recorder);
        context.push(step, location)
    })
}

/// Runs `forward` as the module that `key` identifies, called at `location`.
#[track_caller]
pub(crate) fn enter<R>(key: ModuleKey, location: SourceLocation, forward: impl FnOnce() -> R) -> R {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            STACK.with_borrow_mut(|stack| {
                if let Some(context) = stack.last_mut() {
                    context.scopes.pop();
                }
            });
        }
    }
    with_current("a module", |context, _| {
        let path = context
            .path_of(&key)
            .unwrap_or_else(|| context.path_of_stranger(key.1));
        context.scopes.push(Scope { path, location });
    });
    let _leave = Leave;
    forward()
}

/// Adds `priority` to that of what is recorded until the guard is dropped.
#[track_caller]
pub(crate) fn prioritize(priority: i32) -> impl Drop {
    struct Restore(i32);
    impl Drop for Restore {
        fn drop(&mut self) {
            STACK.with_borrow_mut(|stack| {
                if let Some(context) = stack.last_mut() {
                    context.priority = self.0;
                }
            });
        }
    }
    with_current("a module", |context, _| {
        let before = context.priority;
        context.priority = before.saturating_add(priority);
        Restore(before)
    })
}

/// What a model is asked.
#[derive(Clone, Copy)]
pub(crate) enum Asked {
    /// A text.
    Prompt(Proxy<String>),
    /// A whole conversation.
    Conversation(Proxy<Conversation>),
}

/// Records a call of a model by the module whose `forward` runs.
#[track_caller]
pub(crate) fn record_call<T>(
    asked: Asked,
    tools: &[Tool],
    priority: i32,
    make: impl FnOnce(&mut Recorder<'_>) -> LlmCall,
) -> Proxy<T> {
    let caller = SourceLocation::caller();
    with_current("a model", |context, outer| {
        let location = context.scopes.last().map_or(caller, |scope| scope.location);
        let mut recorder = Recorder {
            context,
            outer,
            location,
        };
        let (asked, is_conversation) = match asked {
            Asked::Prompt(prompt) => (recorder.node(prompt), false),
            Asked::Conversation(conversation) => (recorder.node(conversation), true),
        };
        let step = Step::Llm {
            call: make(&mut recorder),
            asked,
            is_conversation,
            tools: tools.to_vec(),
        };
        let proxy: Proxy<T> = context.push(step, location);
        let node = &mut context.nodes[proxy.node().index()];
        node.priority = node.priority.saturating_add(priority);
        proxy
    })
}

/// Notes what is wrong with what `forward` does.
#[track_caller]
pub(super) fn note_problem(location: SourceLocation, message: String) {
    with_current("a host function", |context, outer| {
        Recorder {
            context,
            outer,
            location,
        }
        .problem(message);
    });
}

/// Names the node behind `proxy`.
#[track_caller]
pub(super) fn set_name<T>(proxy: Proxy<T>, name: &str) {
    let location = SourceLocation::caller();
    with_current(proxy, |context, outer| {
        let node = Recorder {
            context,
            outer,
            location,
        }
        .node(proxy);
        context.nodes[node.index()].name = Some(name.to_owned());
    });
}

/// Proposes a name for the node behind `proxy`: it is taken if the node has
/// none and was made by a call from the `forward` that runs now.
#[track_caller]
pub(super) fn propose_name<T>(proxy: Proxy<T>, name: &str) {
    with_current(proxy, |context, _| {
        let scope = context
            .scopes
            .last()
            .map_or("", |scope| scope.path.as_str());
        if proxy.trace() == context.id
            && let Some(node) = context.nodes.get_mut(proxy.node().index())
            && node.name.is_none()
        {
            let parent = node
                .module
                .rsplit_once('.')
                .map_or("", |(parent, _)| parent);
            if parent == scope || node.module == scope {
                node.name = Some(name.to_owned());
            }
        }
    });
}

impl Context {
    pub(super) fn push<T>(&mut self, step: Step, location: SourceLocation) -> Proxy<T> {
        let module = self.scopes.last().map_or("", |scope| scope.path.as_str());
        // All else is done on the spot, so it has nothing to go before.
        let waits = matches!(step, Step::Llm { .. } | Step::Host { .. });
        self.nodes.push(TraceNode {
            step,
            module: module.to_owned(),
            name: None,
            priority: if waits { self.priority } else { 0 },
            location,
            region: self.current_region(),
        });
        Proxy::new(self.id, NodeRef::new(self.nodes.len() - 1))
    }

    /// The path of a module of the traced tree: the one inside the module whose
    /// `forward` runs, if there are several.
    fn path_of(&self, key: &ModuleKey) -> Option<String> {
        let paths = self.modules.get(key)?;
        let scope = self.scopes.last().map_or("", |scope| scope.path.as_str());
        let is_inside = |path: &&String| {
            scope.is_empty()
                || path
                    .strip_prefix(scope)
                    .is_some_and(|rest| rest.starts_with('.'))
        };
        paths.iter().find(is_inside).or(paths.first()).cloned()
    }

    /// A path for a module that is no field of the traced one: where it is
    /// called, under the name of its type.
    fn path_of_stranger(&self, type_name: &str) -> String {
        let plain = type_name.split('<').next().unwrap_or(type_name);
        let plain = plain.rsplit("::").next().unwrap_or(plain);
        let mut path = self
            .scopes
            .last()
            .map_or(String::new(), |scope| scope.path.clone());
        if !path.is_empty() {
            path.push('.');
        }
        for (at, character) in plain.char_indices() {
            if character.is_uppercase() && at > 0 {
                path.push('_');
            }
            path.extend(character.to_lowercase());
        }
        path
    }
}

impl TraceNode {
    fn label(&self) -> Label {
        let is_input = matches!(self.step, Step::Input);
        Label::new(self.name.as_deref(), &self.module, is_input, self.location)
    }
}

/// Turns what the program hands in into references of the running trace.
pub(crate) struct Recorder<'c> {
    context: &'c mut Context,
    outer: &'c [Context],
    location: SourceLocation,
}

impl Recorder<'_> {
    /// The recorded node behind a proxy. One of another trace is a problem,
    /// and an invalid node stands for it.
    pub(super) fn node<T>(&mut self, proxy: Proxy<T>) -> NodeRef {
        if proxy.trace() == self.context.id {
            return self.visible(proxy.node());
        }
        let running = self
            .outer
            .iter()
            .find(|context| context.id == proxy.trace());
        let node = proxy.node();
        let (state, name) = match running {
            Some(context) => {
                let found = context.nodes.get(node.index());
                (
                    "an outer trace",
                    found.map(|found| found.label().to_string()),
                )
            }
            // One that ended before the last, panicked, or is of another thread
            // has no names any more.
            None => match ended_label(proxy.trace(), node) {
                Some(label) => ("a trace that has ended", Some(label)),
                None => ("another trace", None),
            },
        };
        let name = name.unwrap_or_else(|| format!("node {}", proxy.node().index()));
        self.problem(format!(
            "the proxy of {name} belongs to {state}: a proxy can only be used inside the `forward` \
             that it was made in"
        ));
        let location = self.location;
        self.context.push::<T>(Step::Invalid, location).node()
    }

    /// A node of the running trace, unless it was made in a region that does not
    /// run where it is used.
    fn visible(&mut self, node: NodeRef) -> NodeRef {
        let found = &self.context.nodes[node.index()];
        if self.context.open.contains(&found.region) {
            return node;
        }
        let label = found.label();
        let region = &self.context.regions[found.region.index()];
        let message = format!(
            "the proxy of {label} exists only inside {region}: return it there, and use what \
             `{}` gives",
            region.function()
        );
        self.problem(message);
        let location = self.location;
        self.context.push::<()>(Step::Invalid, location).node()
    }

    /// The place of a parameter in the table of the traced module.
    pub(crate) fn parameter(&mut self, parameter: &Parameter) -> ParameterRef {
        let table = &self.context.parameters;
        let known = table
            .iter()
            .position(|known| known.parameter.is_same(parameter));
        ParameterRef::new(known.unwrap_or_else(|| {
            self.problem(format!(
                "the parameter {:?} is used but is no field of the traced module: make it a field, \
                 or give it to the `Tracer` with `with_parameter`, so that it has a path",
                shorten(&parameter.value(), 40)
            ));
            0
        }))
    }

    /// Notes what is wrong with the step that is being recorded.
    pub(super) fn problem(&mut self, message: String) {
        let place = self.location.to_string();
        self.context.problems.push(Problem { place, message });
    }
}
