use inf_engine::prelude::*;

struct Parser;

impl Parser {
    #[op]
    fn with_self(&self, text: String) -> String {
        text
    }
}

#[op]
fn with_reference(text: &str) -> String {
    text.to_owned()
}

#[op]
fn generic<T: Data>(value: T) -> T {
    value
}

#[op]
fn with_impl(value: impl ToString) -> String {
    value.to_string()
}

#[op]
fn without_values() -> String {
    String::new()
}

#[op]
fn with_pattern((a, b): (String, String)) -> String {
    a + &b
}

#[op(name = "x")]
fn with_options(text: String) -> String {
    text
}

#[op(quick, blocking)]
fn with_two_options(text: String) -> String {
    text
}

#[op(blocking)]
async fn async_and_blocking(text: String) -> String {
    text
}

#[op(quick)]
async fn async_and_quick(text: String) -> String {
    text
}

#[op]
fn plain_result(text: String) -> std::fmt::Result {
    let _ = text;
    Ok(())
}

#[op]
struct NotAFunction;

fn main() {}
