use inf_engine::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Facts {
    facts: Vec<String>,
}

fn main() {
    let _ = LlmInference::<Facts>::new("fast");
}
