//! The compiler's messages for wrong uses are part of the product.
//!
//! `TRYBUILD=overwrite cargo test -p inf-engine compile_errors` writes them anew.

#[test]
fn wrong_uses_say_what_to_write() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
