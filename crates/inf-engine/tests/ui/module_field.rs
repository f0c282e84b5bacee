use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};

use inf_engine::prelude::*;

#[derive(Module)]
struct Locked {
    ask: Mutex<LlmInference>,
    style: RwLock<Vec<Parameter>>,
    shared: Arc<Mutex<LlmInference>>,
}

#[derive(Module)]
struct Numbered {
    ask: HashMap<u32, LlmInference>,
    two: (LlmInference, LlmInference),
}

#[derive(Module)]
struct Unknown {
    #[module(ignore)]
    ask: LlmInference,
}

fn main() {}
