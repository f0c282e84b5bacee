//! inf
fn main() {}
