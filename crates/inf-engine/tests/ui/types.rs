use inf_engine::prelude::*;

#[derive(Serialize, Deserialize)]
struct NoSchema {
    a: String,
}

#[derive(Module)]
struct Step;

impl Forward for Step {
    type Input = NoSchema;
    type Output = String;
    fn forward(&self, input: Proxy<NoSchema>) -> Proxy<String> {
        input.field("a")
    }
}

struct Nothing;

fn main() {
    let _ = LlmInference::<Nothing>::typed("fast");
}
