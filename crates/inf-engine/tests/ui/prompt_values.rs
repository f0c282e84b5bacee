use inf_engine::prelude::*;

struct Opaque;

#[derive(Serialize, Deserialize, JsonSchema)]
struct Pair {
    a: String,
}

fn forward(pair: Proxy<Pair>, list: Vec<Proxy<String>>) {
    let opaque = Opaque;
    let _ = prompt!("{opaque}");
    let _ = prompt!("{list}");
    let _ = prompt!("{pair.a}");
}

fn main() {}
