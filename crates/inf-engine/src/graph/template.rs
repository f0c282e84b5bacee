//! [`Template`]: text with holes.

use super::{NodeRef, ParameterRef, Reference};

/// Text with holes for values and parameters: a prompt.
///
/// In a pipeline file a template is a text like `Compare {a} with {b.title}.`;
/// `{{` and `}}` stand for braces, and `{parameters.style}` for a parameter.
/// A value fills a hole as [`Value`](crate::Value)'s `Display` shows it.
///
/// ```
/// use inf_engine::graph::{NodeRef, Template, TemplatePart};
///
/// let mut prompt = Template::text("Translate into French:\n");
/// prompt.push(TemplatePart::Reference(NodeRef::INPUT.into()));
/// assert_eq!(prompt.parts().len(), 2);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    parts: Vec<TemplatePart>,
}

/// A stretch of a [`Template`].
///
/// [`Template`] shows a hole for a value, and [`ParameterRef`] one for a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// Text as it stands.
    Text(String),
    /// A hole for a value.
    Reference(Reference),
    /// A hole for a parameter's text.
    Parameter(ParameterRef),
}

impl Template {
    /// A template of one hole: the value as it is.
    pub fn of(reference: impl Into<Reference>) -> Self {
        Self::from_iter([TemplatePart::Reference(reference.into())])
    }

    /// A template without holes.
    pub fn text(text: impl Into<String>) -> Self {
        Self::from_iter([TemplatePart::Text(text.into())])
    }

    /// The stretches in order; no two texts stand side by side, none is empty.
    pub fn parts(&self) -> &[TemplatePart] {
        &self.parts
    }

    /// The text, if there are no holes.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.parts[..] {
            [] => Some(""),
            [TemplatePart::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Adds a stretch at the end.
    pub fn push(&mut self, part: TemplatePart) {
        match (self.parts.last_mut(), part) {
            (_, TemplatePart::Text(text)) if text.is_empty() => {}
            (Some(TemplatePart::Text(last)), TemplatePart::Text(text)) => last.push_str(&text),
            (_, part) => self.parts.push(part),
        }
    }

    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Reference(reference) => Some(reference),
            _ => None,
        })
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = ParameterRef> {
        self.parts.iter().filter_map(|part| match part {
            TemplatePart::Parameter(parameter) => Some(*parameter),
            _ => None,
        })
    }

    pub(crate) fn renumber(&mut self, new: &dyn Fn(NodeRef) -> NodeRef) {
        for part in &mut self.parts {
            if let TemplatePart::Reference(reference) = part {
                reference.node = new(reference.node);
            }
        }
    }
}

impl FromIterator<TemplatePart> for Template {
    fn from_iter<I: IntoIterator<Item = TemplatePart>>(parts: I) -> Self {
        let mut template = Self::default();
        for part in parts {
            template.push(part);
        }
        template
    }
}
