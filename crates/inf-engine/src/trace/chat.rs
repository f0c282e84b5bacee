//! [`Chat`]: a conversation made of proxies.

use super::context::{Recorder, Step, record};
use super::{IntoProxy, Proxy};
use crate::conversation::{Conversation, Image};
use crate::graph::{Shape, SourceLocation};
use crate::value::Value;

/// A conversation made of proxies, for
/// [`LlmInference::chat`](crate::module::LlmInference::chat): what is said, with
/// pictures, after what was said before.
///
/// ```
/// use inf_engine::conversation::{Conversation, Image};
/// use inf_engine::prelude::*;
/// use inf_engine::trace::Chat;
///
/// let look = LlmInference::new("smart").chat();
/// let graph = Tracer::new("look").trace(|input: Proxy<(Conversation, Image, String)>| {
///     let (earlier, picture, question) = input.split();
///     look.call(Chat::new().earlier(earlier).user(question).image(picture))
/// })?;
/// # Ok::<(), inf_engine::graph::GraphError>(())
/// ```
#[derive(Debug, Default)]
pub struct Chat(Vec<Said>);

#[derive(Debug)]
enum Said {
    Earlier(Proxy<Conversation>),
    Message {
        role: &'static str,
        content: Vec<Content>,
    },
}

#[derive(Debug, Clone, Copy)]
enum Content {
    Text(Proxy<String>),
    Image(Proxy<Image>),
}

impl Chat {
    /// A conversation in which nothing was said.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what was said in another conversation.
    #[must_use]
    #[track_caller]
    pub fn earlier(mut self, conversation: impl IntoProxy<Conversation>) -> Self {
        self.0.push(Said::Earlier(conversation.into_proxy()));
        self
    }

    /// Adds instructions.
    #[must_use]
    #[track_caller]
    pub fn system(self, text: impl IntoProxy<String>) -> Self {
        self.says("system", Content::Text(text.into_proxy()))
    }

    /// Adds what the caller says.
    #[must_use]
    #[track_caller]
    pub fn user(self, text: impl IntoProxy<String>) -> Self {
        self.says("user", Content::Text(text.into_proxy()))
    }

    /// Adds what the model said.
    #[must_use]
    #[track_caller]
    pub fn assistant(self, text: impl IntoProxy<String>) -> Self {
        self.says("assistant", Content::Text(text.into_proxy()))
    }

    /// Adds a picture to what the caller says, or as a message of its own if the
    /// caller was not the last to speak.
    #[must_use]
    #[track_caller]
    pub fn image(mut self, image: impl IntoProxy<Image>) -> Self {
        let image = Content::Image(image.into_proxy());
        match self.0.last_mut() {
            Some(Said::Message {
                role: "user",
                content,
            }) => {
                content.push(image);
                self
            }
            _ => self.says("user", image),
        }
    }

    fn says(mut self, role: &'static str, content: Content) -> Self {
        let content = vec![content];
        self.0.push(Said::Message { role, content });
        self
    }

    /// The proxy of the whole conversation. A module takes a `Chat` as it is.
    #[track_caller]
    pub fn finish(self) -> Proxy<Conversation> {
        record("a conversation", SourceLocation::caller(), |recorder| {
            let said = self.0.into_iter().map(|said| said.shape(recorder));
            Step::Pack(Shape::List(said.collect()))
        })
    }
}

impl Said {
    fn shape(self, recorder: &mut Recorder<'_>) -> Shape {
        match self {
            // A conversation in place of a message stands for its messages.
            Self::Earlier(conversation) => recorder.node(conversation).into(),
            Self::Message { role, content } => {
                let mut part = |content| match content {
                    Content::Text(text) => recorder.node(text).into(),
                    Content::Image(image) => map([("image", recorder.node(image).into())]),
                };
                let content = match content[..] {
                    [Content::Text(_)] => part(content[0]),
                    _ => Shape::List(content.into_iter().map(part).collect()),
                };
                map([
                    ("role", Shape::Constant(Value::from(role))),
                    ("content", content),
                ])
            }
        }
    }
}

fn map<const N: usize>(fields: [(&str, Shape); N]) -> Shape {
    let fields = fields.into_iter();
    Shape::Map(
        fields
            .map(|(name, shape)| (name.to_owned(), shape))
            .collect(),
    )
}

impl IntoProxy<Conversation> for Chat {
    #[track_caller]
    fn into_proxy(self) -> Proxy<Conversation> {
        self.finish()
    }
}
