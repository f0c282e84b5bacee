use inf_engine::prelude::*;

struct Plain;

fn forward(text: Proxy<String>) {
    let _ = text.then("parse", |text: String| text.parse::<u32>());
    let _ = text.then("plain", |_: String| Plain);
    let _ = text.then("count", |text: &str| text.len());
    let _ = text.then("fetch", |text: String| async move { text });
}

fn main() {}
