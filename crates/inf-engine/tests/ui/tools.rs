use inf_engine::graph::Tool;
use inf_engine::prelude::*;

#[derive(Deserialize)]
struct NoSchema {
    city: String,
}

#[derive(Deserialize, JsonSchema)]
struct City {
    name: String,
}

struct NoData;

fn main() {
    // Arguments without a schema.
    let _ = Tool::new("a", "…", |ask: NoSchema| async move { ask.city });
    // Several arguments.
    let _ = Tool::new("b", "…", |name: String, count: u32| async move { name });
    // What can't be told to a model.
    let _ = Tool::new("c", "…", |_: City| async move { NoData });
    // A function that is not async.
    let _ = Tool::new("d", "…", |city: City| city.name);
    // No `Result`.
    let _ = Tool::fallible("e", "…", |city: City| async move { city.name });
    // A function in place of a tool.
    let _ = LlmInference::new("fast").tools([|city: City| async move { city.name }]);
}
