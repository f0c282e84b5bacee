use inf_engine::prelude::*;

#[derive(Module)]
union Either {
    fast: u8,
    smart: u16,
}

fn main() {}
