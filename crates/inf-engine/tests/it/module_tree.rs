//! Trees of modules: what the derive registers, and what can be asked of them.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use inf_engine::document::DocumentFormat;
use inf_engine::module::{Members, Mode, Prioritized, StateDict};
use inf_engine::prelude::*;
use inf_engine::value::Data;
use inf_engine::{Feedback, FeedbackType};

type Text = Box<dyn Forward<Input = String, Output = String>>;

fn parameter(text: &str) -> Parameter {
    Parameter::new(text).described("what it is for")
}

fn ask() -> LlmInference {
    LlmInference::new("fast")
}

/// A module with one parameter, called `tone`.
#[derive(Module)]
struct Leaf {
    tone: Parameter,
}

impl Leaf {
    fn new(text: &str) -> Self {
        Self {
            tone: parameter(text),
        }
    }
}

impl Forward for Leaf {
    type Input = String;
    type Output = String;
    fn forward(&self, text: Proxy<String>) -> Proxy<String> {
        prompt!("{self.tone}: {text}")
    }
}

fn modules(module: &impl Module) -> String {
    let modules = module.named_modules().into_iter();
    modules.map(|(path, _)| path).collect::<Vec<_>>().join(" ")
}

fn children(module: &impl Module) -> String {
    let children = module.named_children().into_iter();
    children.map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

/// `path=text` of each parameter.
fn parameters(module: &impl Module) -> String {
    let parameters = module.named_parameters().into_iter();
    let parameters = parameters.map(|(path, parameter)| format!("{path}={}", parameter.value()));
    parameters.collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn check(module: &impl Module, expected_modules: &str, expected_parameters: &str) {
    // The module itself is the first, under the empty path.
    assert_eq!(modules(module).trim_start(), expected_modules);
    assert_eq!(parameters(module), expected_parameters);
    assert_eq!(module.modules().len(), module.named_modules().len());
    assert_eq!(module.children().len(), module.named_children().len());
    assert_eq!(module.parameters().len(), module.named_parameters().len());
    assert_eq!(module.state_dict().len(), module.parameters().len());
}

#[test]
fn fields_are_registered_by_their_names() {
    #[derive(Module)]
    struct Named {
        leaf: Leaf,
        longest: usize,
        style: Parameter,
        ask: LlmInference,
        typed: LlmInference<Vec<String>>,
        label: &'static str,
        lock: Mutex<u32>,
        r#type: Parameter,
    }
    let named = Named {
        leaf: Leaf::new("warm"),
        longest: 3,
        style: parameter("brief"),
        ask: ask(),
        typed: LlmInference::typed("fast"),
        label: "x",
        lock: Mutex::new(0),
        r#type: parameter("news"),
    };
    let _ = (named.longest, named.label, &named.lock);
    // A module's own parameters come before those of its children.
    check(
        &named,
        "leaf ask typed",
        "style=brief type=news leaf.tone=warm",
    );
    assert_eq!(children(&named), "leaf ask typed");
    assert!(named.type_name().ends_with("Named"));
}

#[test]
fn fields_without_a_name_are_registered_by_their_place() {
    #[derive(Module)]
    struct Tuple(Leaf, u8, Parameter, Leaf);
    #[derive(Module)]
    struct Unit;
    #[derive(Module)]
    struct Empty {}
    let tuple = Tuple(Leaf::new("a"), 1, parameter("b"), Leaf::new("c"));
    let _ = tuple.1;
    check(&tuple, "0 3", "2=b 0.tone=a 3.tone=c");
    check(&Unit, "", "");
    check(&Empty {}, "", "");
}

#[test]
fn containers_register_what_they_hold() {
    #[derive(Module)]
    struct Containers {
        list: Vec<Leaf>,
        there: Option<Leaf>,
        absent: Option<Leaf>,
        boxed: Box<Leaf>,
        shared: Arc<Leaf>,
        array: [Leaf; 2],
        hash: HashMap<String, Leaf>,
        tree: BTreeMap<String, Leaf>,
        nested: Vec<Option<Box<Leaf>>>,
        any: Text,
        many: Vec<Text>,
        sharing: Arc<dyn Forward<Input = String, Output = String>>,
        plain: Vec<u32>,
        names: HashMap<String, String>,
    }
    let leaf = Leaf::new;
    let by_name = |names: [&str; 3]| names.map(|name| (name.to_owned(), leaf(name)));
    let containers = Containers {
        list: vec![leaf("l0"), leaf("l1")],
        there: Some(leaf("t")),
        absent: None,
        boxed: Box::new(leaf("b")),
        shared: Arc::new(leaf("s")),
        array: [leaf("a0"), leaf("a1")],
        hash: by_name(["z", "m", "a"]).into(),
        tree: by_name(["z", "m", "a"]).into(),
        nested: vec![None, Some(Box::new(leaf("n")))],
        any: Box::new(leaf("d")),
        many: vec![Box::new(ask()), Box::new(leaf("dd"))],
        sharing: Arc::new(leaf("sd")),
        plain: vec![1],
        names: HashMap::new(),
    };
    let _ = (&containers.plain, &containers.names);
    check(
        &containers,
        "list.0 list.1 there boxed shared array.0 array.1 hash.a hash.m hash.z tree.a tree.m tree.z \
         nested.1 any many.0 many.1 sharing",
        "list.0.tone=l0 list.1.tone=l1 there.tone=t boxed.tone=b shared.tone=s array.0.tone=a0 \
         array.1.tone=a1 hash.a.tone=a hash.m.tone=m hash.z.tone=z tree.a.tone=a tree.m.tone=m \
         tree.z.tone=z nested.1.tone=n any.tone=d many.1.tone=dd sharing.tone=sd",
    );
}

#[test]
fn containers_register_parameters_too() {
    #[derive(Module)]
    struct Texts {
        list: Vec<Parameter>,
        option: Option<Parameter>,
        array: [Parameter; 1],
        prompts: BTreeMap<String, Parameter>,
        hash: HashMap<String, Vec<Parameter>>,
        boxed: Box<Parameter>,
        shared: Arc<Parameter>,
    }
    let texts = Texts {
        list: vec![parameter("a"), parameter("b")],
        option: Some(parameter("c")),
        array: [parameter("d")],
        prompts: [("greeting".to_owned(), parameter("e"))].into(),
        hash: [("x".to_owned(), vec![parameter("f")])].into(),
        boxed: Box::new(parameter("g")),
        shared: Arc::new(parameter("h")),
    };
    check(
        &texts,
        "",
        "list.0=a list.1=b option=c array.0=d prompts.greeting=e hash.x.0=f boxed=g shared=h",
    );
}

#[test]
fn skipped_fields_are_left_alone() {
    #[derive(Module)]
    struct Skipping<T: Send + Sync> {
        #[module(skip)]
        teacher: Leaf,
        #[module(skip)]
        locked: Mutex<LlmInference>,
        #[module(skip)]
        data: Vec<T>,
        kind: PhantomData<T>,
        kept: Leaf,
    }
    let skipping = Skipping {
        teacher: Leaf::new("a"),
        locked: Mutex::new(ask()),
        data: vec![1],
        kind: PhantomData,
        kept: Leaf::new("b"),
    };
    let _ = (
        &skipping.teacher,
        &skipping.locked,
        &skipping.data,
        skipping.kind,
    );
    check(&skipping, "kept", "kept.tone=b");
}

#[derive(Module)]
struct Residual<M> {
    inner: M,
    also: Vec<M>,
}

/// Generic code can't see whether `Residual<M>` is a module: the derive must
/// not leave it out.
#[derive(Module)]
struct Deep<M, T: Data> {
    residual: Residual<M>,
    named: HashMap<String, Residual<M>>,
    typed: LlmInference<T>,
    boxed: Box<dyn Forward<Input = T, Output = String>>,
}

#[test]
fn generic_modules_hold_generic_modules() {
    let leaf = Leaf::new;
    let residual = |text| Residual {
        inner: leaf(text),
        also: vec![leaf(text)],
    };
    check(&residual("a"), "inner also.0", "inner.tone=a also.0.tone=a");
    let deep = Deep {
        residual: residual("a"),
        named: [("x".to_owned(), residual("b"))].into(),
        typed: LlmInference::<String>::typed("fast"),
        boxed: Box::new(leaf("c")),
    };
    check(
        &deep,
        "residual residual.inner residual.also.0 named.x named.x.inner named.x.also.0 typed boxed",
        "residual.inner.tone=a residual.also.0.tone=a named.x.inner.tone=b named.x.also.0.tone=b \
         boxed.tone=c",
    );
}

#[test]
fn shared_parameters_are_listed_once_under_their_first_path() {
    #[derive(Module)]
    struct Sharing {
        first: LlmInference,
        second: LlmInference,
        style: Parameter,
    }
    #[derive(Module)]
    struct Children {
        first: LlmInference,
        second: LlmInference,
    }
    let style = parameter("brief");
    let sharing = Sharing {
        first: ask().system_prompt(&style),
        second: ask().system_prompt(&style),
        style: style.clone(),
    };
    check(&sharing, "first second", "style=brief");
    assert!(sharing.parameters()[0].is_same(&style));

    let children = Children {
        first: ask().system_prompt(&style),
        second: ask().system_prompt(style.clone()),
    };
    check(&children, "first second", "first.system_prompt=brief");
    // A text is no parameter, and an equal text is another one.
    let children = Children {
        first: ask().system_prompt("brief"),
        second: ask().system_prompt(parameter("brief")),
    };
    check(&children, "first second", "second.system_prompt=brief");
}

#[derive(Module)]
struct Pipeline {
    style: Parameter,
    layers: Vec<Leaf>,
}

fn pipeline() -> Pipeline {
    Pipeline {
        style: parameter("brief"),
        layers: vec![Leaf::new("warm"), Leaf::new("cold")],
    }
}

#[test]
fn state_dicts_are_loaded_whole_or_not_at_all() {
    let check = |state: &str, expected: Result<&str, &str>, after: &str| {
        let pipeline = pipeline();
        let state = StateDict::from_text(state).expect("a state dict");
        let loaded = pipeline.load_state_dict(&state);
        let loaded = loaded.map_err(|error| error.to_string()).map(|report| {
            let missing = report.missing.iter().map(ToString::to_string);
            missing.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(loaded.as_deref().map_err(String::as_str), expected);
        assert_eq!(parameters(&pipeline), after);
    };
    check(
        "style: a\nlayers.0.tone: b\nlayers.1.tone: c",
        Ok(""),
        "style=a layers.0.tone=b layers.1.tone=c",
    );
    check(
        "layers.0.tone: b",
        Ok("style layers.1.tone"),
        "style=brief layers.0.tone=b layers.1.tone=cold",
    );
    check(
        "{}",
        Ok("style layers.0.tone layers.1.tone"),
        "style=brief layers.0.tone=warm layers.1.tone=cold",
    );
    check(
        "style: a\nlayers.0.ton: b",
        Err(
            "nothing was loaded: the module has no parameter `layers.0.ton` (did you mean \
             `layers.0.tone`?)",
        ),
        "style=brief layers.0.tone=warm layers.1.tone=cold",
    );
    check(
        "zebra: a\nstyel: b",
        Err(
            "nothing was loaded: the module has no parameter `zebra`, `styel` (did you mean \
             `style`?); it has `style`, `layers.0.tone`, `layers.1.tone`",
        ),
        "style=brief layers.0.tone=warm layers.1.tone=cold",
    );
}

#[test]
fn state_dicts_are_documents() {
    let pipeline = pipeline();
    pipeline.style.set_value("Be brief.\n\nAnd kind: always.\n");
    pipeline.layers[0].tone.set_value("yes");
    pipeline.layers[1].tone.set_value("  1: {not: yaml}\t");
    let state = pipeline.state_dict();
    let yaml = state.to_text(DocumentFormat::Yaml);
    assert_eq!(
        yaml,
        "style: |\n  Be brief.\n\n  And kind: always.\nlayers.0.tone: \"yes\"\nlayers.1.tone: \"  \
         1: {not: yaml}\\t\"\n"
    );
    for format in [DocumentFormat::Yaml, DocumentFormat::Json] {
        let read = StateDict::from_text(&state.to_text(format)).expect("what was written is read");
        assert_eq!(read, state);
    }
    let other = self::pipeline();
    let report = other.load_state_dict(&state).expect("the same module");
    assert_eq!(report.missing, []);
    assert_eq!(other.state_dict(), state);
    assert_eq!(
        (state.get("layers.0.tone"), state.get("tone")),
        (Some("yes"), None)
    );
}

#[test]
fn a_state_dict_that_is_none_says_where() {
    let check = |text: &str, expected: &str| {
        let error = StateDict::from_text(text).expect_err(text).to_string();
        assert_eq!(error, expected, "{text}");
    };
    check(
        "style: a\nstyle: b",
        "line 2, column 1: the key `style` stands here twice: keep one of them",
    );
    check(
        "style: [a]",
        "line 1, column 8: `style` takes a text, in quotes if it begins with `{` or `[`",
    );
    check(
        "style:",
        "line 1, column 6: `style` takes a text, or `\"\"` for an empty one",
    );
    check(
        "just text",
        "line 1, column 1: a map, as in `key: value`, was expected",
    );
    check(
        "- a",
        "line 1, column 1: a map, as in `key: value`, was expected",
    );
    check(
        "{\"style\": \"a\"",
        "line 1, column 1: unclosed bracket '{'",
    );
    check(
        "style: tone: warm",
        "line 1, column 12: a second `: ` on the line: put a text that has one into quotes",
    );
}

#[test]
fn learning_is_set_for_the_whole_tree() {
    let pipeline = pipeline();
    pipeline.requires_grad_(false);
    assert!(
        pipeline
            .parameters()
            .iter()
            .all(|parameter| !parameter.requires_grad())
    );
    pipeline.layers[1].requires_grad_(true);
    let learning = pipeline
        .parameters()
        .into_iter()
        .filter(Parameter::requires_grad);
    assert_eq!(
        learning
            .map(|found| found.value().to_string())
            .collect::<Vec<_>>(),
        ["cold"]
    );

    let feedback = Feedback::new(FeedbackType::Human, "too long");
    for parameter in pipeline.parameters() {
        parameter.accumulate_feedback(feedback.clone());
    }
    pipeline.zero_feedback();
    assert!(
        pipeline
            .parameters()
            .iter()
            .all(|parameter| parameter.feedback().is_empty())
    );
}

#[test]
fn modes_are_set_for_the_whole_tree() {
    #[derive(Module)]
    struct Outer {
        inner: Vec<LlmInference>,
    }
    let outer = Outer {
        inner: vec![ask(), ask()],
    };
    assert!(!outer.training());
    outer.train();
    assert!(outer.training() && outer.inner.iter().all(Module::training));
    outer.eval();
    assert!(!outer.training());
    outer.inner[1].train();
    assert!(outer.training() && !outer.inner[0].training());
}

#[test]
fn a_module_can_be_written_by_hand() {
    /// Registers its leaves under names of its own.
    struct Manual {
        leaves: Vec<(String, Leaf)>,
        mode: Mode,
    }
    impl Module for Manual {
        fn members<'m>(&'m self, members: &mut Members<'m>) {
            for (name, leaf) in &self.leaves {
                members.module(name, leaf);
            }
        }

        fn as_module(&self) -> &dyn Module {
            self
        }

        fn mode(&self) -> Option<&Mode> {
            Some(&self.mode)
        }
    }
    let manual = Manual {
        leaves: vec![("b".into(), Leaf::new("x")), ("a".into(), Leaf::new("y"))],
        mode: Mode::default(),
    };
    check(&manual, "b a", "b.tone=x a.tone=y");
    manual.train();
    assert!(manual.training());
    let object: Box<dyn Module> = Box::new(manual);
    assert_eq!(object.named_parameters().len(), 2);
    object.eval();
    assert!(!object.training());
}

#[test]
fn a_priority_does_not_show_in_the_tree() {
    #[derive(Module)]
    struct Outer<M> {
        leaf: Prioritized<Leaf>,
        twice: Prioritized<Prioritized<LlmInference>>,
        any: Text,
        list: Vec<Prioritized<Leaf>>,
        generic: Prioritized<M>,
    }
    let leaf = |text| Leaf::new(text).with_priority(-1);
    let outer = Outer {
        leaf: leaf("a"),
        twice: ask()
            .system_prompt(parameter("b"))
            .with_priority(1)
            .with_priority(2),
        any: Box::new(leaf("c")),
        list: vec![leaf("d")],
        generic: leaf("e"),
    };
    check(
        &outer,
        "leaf twice any list.0 generic",
        "leaf.tone=a twice.system_prompt=b any.tone=c list.0.tone=d generic.tone=e",
    );
    let chain = Sequential::new(Identity::new()).then(leaf("f"));
    let chain = chain.with_priority(-1);
    check(&chain, "0 1", "1.tone=f");
    assert_eq!(children(&chain), "0 1");

    let root = ask().system_prompt(parameter("g")).with_priority(-1);
    check(&root, "", "system_prompt=g");
    assert!(root.type_name().contains("LlmInference"));
    root.requires_grad_(false);
    assert!(!root.parameters()[0].requires_grad());
    root.train();
    assert!(root.training() && root.mode().is_some_and(Mode::is_training));
    outer.train();
    assert!(outer.twice.training());
    outer.twice.eval();
    assert!(!outer.training());
}

#[test]
fn modules_are_shared_between_threads() {
    fn shared<T: Send + Sync + ?Sized>() {}
    shared::<dyn Module>();
    shared::<dyn Forward<Input = String, Output = String>>();
    shared::<LlmInference<Value>>();
    shared::<Prioritized<LlmInference>>();
    shared::<Sequential<String, String>>();
    shared::<InferenceGraph>();
    shared::<Parameter>();
    shared::<Proxy<String>>();
}

#[test]
fn open_traits_are_objects_and_shared_types_can_be_shared() {
    fn shared<T: Send + Sync>() {}
    fn object<T: ?Sized>() {}
    object::<dyn Module>();
    object::<dyn Forward<Input = String, Output = String>>();
    object::<dyn inf_engine::clients::LlmClient>();
    shared::<inf_engine::execution::Pipeline<String, Vec<String>>>();
    shared::<InferenceGraph>();
    shared::<Parameter>();
    shared::<Value>();
    shared::<inf_engine::resources::ResourceManager>();
    shared::<inf_engine::execution::ExecutionError>();
}
