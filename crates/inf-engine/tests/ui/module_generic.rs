use inf_engine::prelude::*;

#[derive(Module)]
struct Wrapper<M> {
    inner: M,
    ask: LlmInference,
}

fn is_module(_: impl Module) {}

fn main() {
    is_module(Wrapper { inner: 7_u32, ask: LlmInference::new("fast") });
}
