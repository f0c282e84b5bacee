//! [`Tool`]: code of the host program that a model may call.

use std::any::TypeId;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::conversation::ToolSpec;
use crate::value::Schema;

/// What a tool gives, for the model, as it is being waited for: a text, or a
/// sentence that says why it failed.
pub(crate) type ToolFuture = Pin<Box<dyn Future<Output = Result<Arc<str>, String>> + Send>>;

/// An async function of the host program that a model may call, under a name
/// that stays the same.
///
/// The model is told its name, what it does, and the JSON schema of its
/// arguments, in which the documentation of the fields is what the model reads
/// of them. What the function returns goes back to the model: a text as it is,
/// all else as JSON. What goes wrong (an error, a panic, arguments that do not
/// fit, a `task_timeout`) goes back to the model too, which may try otherwise; it
/// fails nothing. Code that blocks belongs into `tokio::task::spawn_blocking`.
///
/// ```
/// use inf_engine::graph::Tool;
/// use inf_engine::prelude::*;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Add {
///     /// The first number.
///     a: f64,
///     /// The second number.
///     b: f64,
/// }
///
/// let add = Tool::new("add", "Adds two numbers.", |ask: Add| async move { ask.a + ask.b });
/// let divide = Tool::fallible("divide", "Divides `a` by `b`.", |ask: Add| async move {
///     if ask.b == 0.0 { Err("`b` is 0") } else { Ok(ask.a / ask.b) }
/// });
/// let count = LlmInference::new("smart").tools([add, divide]);
/// # let _ = count;
/// ```
#[derive(Clone)]
pub struct Tool {
    spec: Arc<ToolSpec>,
    arguments: Schema,
    takes_nothing: bool,
    /// Tells code apart that was given one name by mistake.
    code: TypeId,
    body: Arc<dyn Fn(Json) -> ToolFuture + Send + Sync>,
    /// What can't be seen in the type of the function.
    returns_result: bool,
}

/// What a [`Tool`] takes: a type with serde's `Deserialize` and schemars'
/// `JsonSchema`, a struct with named fields, or `()` for nothing.
///
/// ```
/// use inf_engine::graph::Tool;
/// use inf_engine::prelude::*;
///
/// #[derive(Deserialize, JsonSchema)]
/// struct Lookup {
///     /// A name as it is written on crates.io.
///     package: String,
/// }
///
/// let versions = Tool::new("versions", "The versions of a package.", |ask: Lookup| async move {
///     format!("{}: 1.0.0, 1.1.0", ask.package)
/// });
/// let now = Tool::new("now", "The time.", |(): ()| async { "12:00" });
/// // What a model reads of the field is its comment.
/// assert!(versions.spec().parameters.to_string().contains("as it is written on crates.io"));
/// assert_eq!(now.name(), "now");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the arguments of a tool",
    label = "the closure of a tool takes one struct, which holds all arguments",
    note = "write `#[derive(Deserialize, JsonSchema)]` on a struct with named fields, and take that: `|ask: MyArguments| async move {{ … }}`"
)]
pub trait ToolArguments: DeserializeOwned + JsonSchema + Send + 'static {}

impl<A: DeserializeOwned + JsonSchema + Send + 'static> ToolArguments for A {}

/// What a [`Tool`] gives: a text, or a type with serde's `Serialize`.
///
/// ```
/// use inf_engine::graph::Tool;
/// use inf_engine::prelude::*;
///
/// #[derive(Serialize)]
/// struct Weather { sunny: bool, degrees: i32 }
///
/// // The model reads `{"sunny":true,"degrees":21}`.
/// let weather = Tool::new("weather", "The weather.", |(): ()| async {
///     Weather { sunny: true, degrees: 21 }
/// });
/// assert_eq!(weather.spec().description, "The weather.");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be told to a model",
    note = "a tool returns a text, or a type with `#[derive(Serialize)]`",
    note = "for a function that returns a `Result` use `Tool::fallible`"
)]
pub trait ToolOutput: Serialize + Send + 'static {}

impl<U: Serialize + Send + 'static> ToolOutput for U {}

impl Tool {
    /// A tool that always has a result. `name` is letters, digits, `_` and `-`,
    /// at most 64 of them; `description` says for the model what it does.
    pub fn new<A, U, F>(
        name: impl Into<String>,
        description: impl Into<String>,
        function: impl Fn(A) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: ToolArguments,
        U: ToolOutput,
        F: Future<Output = U> + Send + 'static,
    {
        let code = code_of(&function);
        // A `Result` can be serialized like any other enum, but nobody means
        // that here. The compiler can't be asked for "any type but that one".
        let returns_result = std::any::type_name::<U>().starts_with("core::result::Result<");
        let body = move |arguments: Json| -> ToolFuture {
            match serde_json::from_value(arguments) {
                Ok(arguments) => {
                    let output = function(arguments);
                    Box::pin(async move { told(&output.await) })
                }
                Err(error) => Box::pin(std::future::ready(Err(misfit(&error)))),
            }
        };
        Self {
            returns_result,
            ..Self::of::<A>(name.into(), description.into(), code, Arc::new(body))
        }
    }

    /// A tool that can fail; the model is told the error.
    pub fn fallible<A, U, E, F>(
        name: impl Into<String>,
        description: impl Into<String>,
        function: impl Fn(A) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: ToolArguments,
        U: ToolOutput,
        E: fmt::Display,
        F: Future<Output = Result<U, E>> + Send + 'static,
    {
        let code = code_of(&function);
        let body = move |arguments: Json| -> ToolFuture {
            match serde_json::from_value(arguments) {
                Ok(arguments) => {
                    let output = function(arguments);
                    Box::pin(async move {
                        match output.await {
                            Ok(output) => told(&output),
                            Err(error) => Err(error.to_string()),
                        }
                    })
                }
                Err(error) => Box::pin(std::future::ready(Err(misfit(&error)))),
            }
        };
        Self::of::<A>(name.into(), description.into(), code, Arc::new(body))
    }

    fn of<A: ToolArguments>(
        name: String,
        description: String,
        code: TypeId,
        body: Arc<dyn Fn(Json) -> ToolFuture + Send + Sync>,
    ) -> Self {
        let mut arguments = Schema::of::<A>();
        let takes_nothing = *arguments.as_json() == json!({"type": "null"});
        if takes_nothing {
            arguments = Schema::from_json(json!({"type": "object", "properties": {}}));
        }
        let spec = ToolSpec {
            name,
            description,
            parameters: arguments.as_json().clone(),
        };
        Self {
            spec: Arc::new(spec),
            arguments,
            takes_nothing,
            code,
            body,
            returns_result: false,
        }
    }

    /// The name under which graphs and models call it.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What a model is told of it.
    pub fn spec(&self) -> &Arc<ToolSpec> {
        &self.spec
    }

    /// Begins a call with the arguments that a model wrote, or says what is
    /// wrong with them. Code of the program runs here.
    pub(crate) fn call(&self, arguments: &str) -> Result<ToolFuture, String> {
        // Models leave out what they have nothing to say in.
        let arguments = match arguments.trim() {
            "" | "null" => "{}",
            arguments => arguments,
        };
        let json: Json = serde_json::from_str(arguments)
            .map_err(|error| format!("the arguments are not JSON: {error}"))?;
        self.arguments
            .check(&json)
            .map_err(|error| format!("the arguments do not fit their schema: {error}"))?;
        let json = if self.takes_nothing { Json::Null } else { json };
        Ok((self.body)(json))
    }

    /// Whether both are the same code under the same description, whatever they
    /// captured.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.code == other.code && self.spec == other.spec
    }

    /// What is wrong with it, if anything is.
    pub(super) fn problem(&self) -> Option<String> {
        let name = self.name();
        if self.returns_result {
            return Some(format!(
                "the tool `{name}` returns a `Result`: use `Tool::fallible`, so that the model is \
                 told the error"
            ));
        }
        if !is_tool_name(name) {
            return Some(format!(
                "a tool's name is 1 to 64 letters, digits, `_` and `-`, and this one is `{name}`"
            ));
        }
        let kind = self.arguments.as_json().get("type").and_then(Json::as_str);
        (kind != Some("object")).then(|| {
            format!(
                "the tool `{name}` takes what is no object: let its closure take a struct with \
                 named fields, or `()` for nothing"
            )
        })
    }
}

/// Whether providers take it as the name of a tool.
pub(super) fn is_tool_name(name: &str) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    (1..=64).contains(&name.len()) && name.chars().all(plain)
}

fn code_of<F: 'static>(_: &F) -> TypeId {
    TypeId::of::<F>()
}

fn misfit(error: &serde_json::Error) -> String {
    format!("the arguments do not fit: {error}")
}

/// What a model is told of an output.
fn told(output: &impl Serialize) -> Result<Arc<str>, String> {
    match serde_json::to_value(output) {
        Ok(Json::String(text)) => Ok(text.into()),
        Ok(json) => Ok(json.to_string().into()),
        Err(error) => Err(format!("its result has no JSON form: {error}")),
    }
}

impl fmt::Debug for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Tool({:?})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn no_arguments_are_written_in_many_ways() {
        let today = Tool::new("today", "Tells the day.", |(): ()| async { "Monday" });
        for arguments in ["", " ", "{}", "null", "{\"unasked\": 1}"] {
            let given = today.call(arguments).map(FutureExt::now_or_never);
            assert_eq!(given, Ok(Some(Ok("Monday".into()))), "{arguments}");
        }
        for arguments in ["[]", "{", "1"] {
            assert!(today.call(arguments).is_err(), "{arguments}");
        }
    }
}
