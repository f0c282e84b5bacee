//! Errors that are sentences also where a program prints their `Debug`.

/// Has the `Debug` of an error be its `Display`: `main`, `unwrap` and `expect`
/// print that, and a person reads it.
macro_rules! debug_as_display {
    ($error:ty) => {
        impl ::std::fmt::Debug for $error {
            /// The sentence that `Display` is: `main` and `unwrap` show it.
            fn fmt(&self, formatter: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(self, formatter)
            }
        }
    };
}
pub(crate) use debug_as_display;
