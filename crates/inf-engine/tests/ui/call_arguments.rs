use inf_engine::prelude::*;

fn forward(ask: LlmInference, number: Proxy<u32>, text: Proxy<String>) {
    let _ = ask.call(number);
    let _ = ask.call(3);
    let _ = ask.call((text, text));
    let _ = ask.call(vec![text]);
    let _ = ask.call(&ask);
}

fn main() {}
