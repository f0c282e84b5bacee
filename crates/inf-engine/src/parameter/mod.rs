//! Learnable text.
//!
//! A [`Parameter`] is a shared handle to a prompt, or part of one, that an
//! optimizer may rewrite. It is addressed by its [`ParameterPath`] in a tree
//! of modules and gathers [`Feedback`].

mod feedback;
mod learnable;
mod parameter_path;

pub use feedback::{Feedback, FeedbackType};
pub use learnable::{Parameter, ParameterError};
pub use parameter_path::ParameterPath;
