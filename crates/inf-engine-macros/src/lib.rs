//! The macros of inf-engine; use them through `inf_engine`, which documents
//! how they fit into it.

mod module;
mod op;
mod prompt;
mod record;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemFn, parse_macro_input};

/// Makes a struct a module: its fields that are modules or parameters, or hold
/// some, are registered under their names.
///
/// `#[module(skip)]` on a field leaves it alone. `#[module(backward = function)]` on
/// the struct has a `fn(&Self, &Feedback, &BackwardContext<'_>) -> BackwardResult` say
/// who gets feedback on what the module's own nodes gave: host functions, control flow,
/// prompts that are no call's. Nodes of its children are theirs.
#[proc_macro_derive(Module, attributes(module))]
pub fn derive_module(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    module::derive(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Gives proxies of a struct typed fields.
///
/// For `struct Pair { a: String, b: String }` it makes
/// * the accessors `pair.a()` and `pair.b()` on `Proxy<Pair>`, by the trait
///   `PairFields`, which must be in scope where they are used;
/// * the struct `PairProxy { a: Proxy<String>, b: Proxy<String> }`, which
///   `.pack()` turns into a `Proxy<Pair>` and `pair.split()` returns.
///
/// Fields have the names that serde gives them (`rename`, `rename_all`).
#[proc_macro_derive(Record)]
pub fn derive_record(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    record::derive(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Writes a prompt: text with holes for proxies, parameters and plain values.
///
/// * `{name}` takes the variable `name`, like `format!`;
/// * `{self.style}` takes a field of `self`;
/// * `{pair.a}` takes the typed field `a` of a proxy (`pair.a()`), and
///   `{list.0}` an element;
/// * `{topic}` with `topic = expression` after the text takes an expression;
/// * `{{` and `}}` are braces.
///
/// The result is a `Proxy<String>`.
#[proc_macro]
pub fn prompt(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as prompt::Prompt);
    input
        .expand()
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Turns a function into an operation of the graph.
///
/// `#[op] fn parse(text: String) -> Result<Facts, Error>` becomes
/// * `fn parse(text: impl IntoProxy<String>) -> Proxy<Facts>`, to be used in
///   `forward`, which runs the function as a node called `parse`;
/// * `fn parse_op() -> HostFunction`, the function itself, to be registered
///   where a saved graph is loaded.
///
/// The function may be async. A returned error or a panic fails the input that
/// caused it.
///
/// A function that is not async runs on the runtime's pool for blocking code
/// until it has shown to be quick, and inline from then on. `#[op(blocking)]`
/// keeps it on the pool always, for code that waits or computes for long;
/// `#[op(quick)]` runs it inline always, for code that takes microseconds.
///
/// `#[op(recorded)]` keeps what it gives in the journal of a run that has one, as
/// the answers of models are: for code that costs something. It may stand beside
/// the others: `#[op(blocking, recorded)]`.
#[proc_macro_attribute]
pub fn op(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = match syn::parse::<ItemFn>(item) {
        Ok(item) => item,
        Err(error) => {
            let message =
                "`#[op]` stands before a function, as in `#[op] fn trim(text: String) -> String`";
            return syn::Error::new(error.span(), message)
                .into_compile_error()
                .into();
        }
    };
    op::expand(&arguments.into(), &item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
