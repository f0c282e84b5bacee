use inf_engine::prelude::*;

#[derive(Module)]
enum Either {
    Fast(LlmInference),
    Smart(LlmInference),
}

fn main() {}
