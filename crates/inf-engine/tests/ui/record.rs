use inf_engine::prelude::*;

#[derive(Record)]
enum Either {
    A,
    B,
}

#[derive(Record)]
struct Tuple(String, String);

#[derive(Record)]
struct Unit;

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Outer {
    #[serde(flatten)]
    inner: Inner,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Inner {
    a: String,
}

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Reserved {
    split: String,
}

fn main() {}
