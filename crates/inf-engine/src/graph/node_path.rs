//! [`NodePath`]: where a node runs inside of one input.

use std::fmt;
use std::sync::Arc;

/// Where a region runs inside of one input: the nodes of control flow around it,
/// each with its arm, element or iteration.
///
/// As text `summaries[17]`, `reply/bug`, `chapters[3]/summaries[0]`; the text of
/// the whole graph is empty. Such texts go into files and never change. Cheap to
/// clone, and made once each time that a region runs.
///
/// ```
/// use inf_engine::graph::{Place, RegionPath};
///
/// let chapter = RegionPath::ROOT.within(&"chapters".into(), Place::Element(3));
/// let reply = chapter.within(&"reply".into(), Place::Arm("bug".into()));
/// assert_eq!(reply.node("fix").to_string(), "chapters[3]/reply/bug/fix");
/// assert_eq!(RegionPath::ROOT.node("fix").to_string(), "fix");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct RegionPath(Option<Arc<Step>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Step {
    around: RegionPath,
    owner: Arc<str>,
    place: Place,
}

/// Which run of which of its regions, for the node that owns them.
///
/// [`RegionPath`] shows an element and an arm.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// An arm of a branch or of a fallback; as text `/bug`.
    Arm(Arc<str>),
    /// The element of a list, from 0; as text `[17]`.
    Element(usize),
    /// A time that a loop runs, from 0; as text `[2]`.
    Iteration(u32),
    /// A pair of a fold by tree: the level, from 0, and which of its pairs, from
    /// 0; as text `[1.4]`.
    Pair(u32, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arm(arm) => write!(formatter, "/{arm}"),
            Self::Element(index) => write!(formatter, "[{index}]"),
            Self::Iteration(index) => write!(formatter, "[{index}]"),
            Self::Pair(level, pair) => write!(formatter, "[{level}.{pair}]"),
        }
    }
}

impl RegionPath {
    /// The whole graph.
    pub const ROOT: Self = Self(None);

    /// The path of what `owner`, a node of this region, runs at `place`.
    #[must_use]
    pub fn within(&self, owner: &Arc<str>, place: Place) -> Self {
        Self(Some(Arc::new(Step {
            around: self.clone(),
            owner: Arc::clone(owner),
            place,
        })))
    }

    /// The path of the node called `name` of this region.
    pub fn node(&self, name: impl Into<Arc<str>>) -> NodePath {
        NodePath {
            region: self.clone(),
            name: name.into(),
        }
    }

    /// Whether it is the whole graph.
    pub fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// The region around it, and where it runs there; `None` for the whole graph.
    pub(crate) fn innermost(&self) -> Option<(&Self, &Place)> {
        self.0.as_deref().map(|step| (&step.around, &step.place))
    }

    /// The nodes of control flow with their places, innermost first.
    pub fn steps(&self) -> impl Iterator<Item = (&str, &Place)> {
        let steps = std::iter::successors(self.0.as_deref(), |step| step.around.0.as_deref());
        steps.map(|step| (&*step.owner, &step.place))
    }
}

impl Drop for Step {
    /// One after the other: a deep nest would take a deep stack.
    fn drop(&mut self) {
        let mut around = self.around.0.take();
        while let Some(step) = around.and_then(Arc::into_inner) {
            around = { step }.around.0.take();
        }
    }
}

impl fmt::Display for RegionPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.steps().collect();
        for (index, (owner, place)) in steps.iter().rev().enumerate() {
            let slash = if index == 0 { "" } else { "/" };
            write!(formatter, "{slash}{owner}{place}")?;
        }
        Ok(())
    }
}

/// Where a node runs inside of one input: the region, and the node's name. As
/// text `reply/bug/fix`, `summaries[17]/summary`, `revise[2]/critique`.
///
/// ```
/// use inf_engine::graph::{Place, RegionPath};
///
/// let third = RegionPath::ROOT.within(&"summaries".into(), Place::Element(2));
/// let path = third.node("summary");
/// assert_eq!(path.to_string(), "summaries[2]/summary");
/// assert_eq!((path.name(), path.region()), ("summary", &third));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NodePath {
    region: RegionPath,
    name: Arc<str>,
}

impl NodePath {
    /// The region that it runs in.
    pub fn region(&self) -> &RegionPath {
        &self.region
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slash = if self.region.is_root() { "" } else { "/" };
        write!(formatter, "{}{slash}{}", self.region, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_say_where() {
        let check = |steps: &[(&str, Place)], expected: &str| {
            let region = steps
                .iter()
                .fold(RegionPath::ROOT, |region, (owner, place)| {
                    region.within(&(*owner).into(), place.clone())
                });
            assert_eq!(region.node("last").to_string(), expected);
            assert_eq!(region.steps().count(), steps.len());
        };
        check(&[], "last");
        check(&[("map", Place::Element(17))], "map[17]/last");
        check(&[("revise", Place::Iteration(2))], "revise[2]/last");
        check(
            &[
                ("combine", Place::Pair(1, 4)),
                ("reply", Place::Arm("bug".into())),
            ],
            "combine[1.4]/reply/bug/last",
        );
    }

    #[test]
    fn a_deep_path_goes_without_a_deep_stack() {
        let owner: Arc<str> = "map".into();
        let mut path = RegionPath::ROOT;
        for index in 0..200_000 {
            path = path.within(&owner, Place::Element(index));
        }
        drop(path);
    }
}
