//! Learnable text.
//!
//! A [`Parameter`] is a shared handle to a prompt, or part of one, that an
//! optimizer may rewrite. It is addressed by its [`ParameterPath`] in a tree
//! of modules and gathers [`Feedback`].
//!
//! ```
//! use inf_engine::parameter::{Feedback, FeedbackType, Parameter};
//!
//! let style = Parameter::new("Be brief.").described("The tone of the summary.");
//! style.accumulate_feedback(Feedback::new(FeedbackType::Human, "Name the source.").with_score(0.5));
//! assert_eq!(style.feedback().len(), 1); // what an optimizer goes by
//! style.apply_update("Be brief. Name the source.")?;
//! assert_eq!(style.version(), 1);
//! # Ok::<(), inf_engine::ParameterError>(())
//! ```
//!
//! Where to read next: [`optimization`](crate::optimization), where feedback comes from.

mod feedback;
mod learnable;
mod parameter_path;

pub use feedback::{Feedback, FeedbackType};
pub use learnable::{Parameter, ParameterError};
pub use parameter_path::ParameterPath;
