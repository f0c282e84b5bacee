//! Examples of inf-engine. Each folder beside this one is an example: a Rust
//! program, the pipeline file that it saves, inputs and resources.
