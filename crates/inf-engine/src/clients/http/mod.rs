//! The HTTP stack that all providers share.

/// Placeholder.
#[derive(Debug, Clone)]
pub struct HttpStack;
