use inf_engine::prelude::*;

fn forward(text: Proxy<String>, yes: Proxy<bool>, list: Proxy<Vec<String>>) {
    let _ = format!("Summarize {text}");
    let _ = text.to_string();
    if yes {}
    if text == "a" {}
    if text == text {}
    for _ in list {}
    let _ = list[0];
    let _ = text.len();
}

fn main() {}
