//! Which region stands where: who owns it, what may read into it, and the order
//! of nodes in which every region is one stretch.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use super::region::{Condition, RegionLabel};
use super::{GraphNode, NodeRef, Operation, Reference, Region, RegionRef, Shape};
use crate::document::Problem;

/// How deep regions may stand in each other: so that files of them are read, which
/// take up to four of 64 levels for each.
const DEEPEST: usize = 12;

/// The regions of a graph that is being put together, with their owners.
/// References and regions are as the builder numbers them.
pub(super) struct RegionLayout<'b> {
    nodes: &'b [GraphNode],
    outputs: &'b [Option<Shape>],
    /// By region; the whole graph has no owner.
    owners: Vec<Option<(NodeRef, RegionLabel)>>,
}

/// The order of the nodes, and the regions in it.
pub(super) struct Order {
    /// The nodes, as the builder numbers them.
    pub(super) nodes: Vec<NodeRef>,
    /// The regions in the order in which they begin: as the builder numbers
    /// them, and as they are in the new order but for what they refer to.
    pub(super) regions: Vec<(RegionRef, Region)>,
}

impl<'b> RegionLayout<'b> {
    /// Finds the owners. The problems are such that nothing can be said of what
    /// stands where.
    pub(super) fn new(
        nodes: &'b [GraphNode],
        outputs: &'b [Option<Shape>],
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut owners: Vec<Option<(NodeRef, RegionLabel)>> = vec![None; outputs.len()];
        for (index, node) in nodes.iter().enumerate() {
            for (region, label) in node.operation.labelled_regions() {
                let message = match owners.get(region.index()) {
                    None => "it runs a region of another graph: a `RegionRef` is of the builder that made it".to_owned(),
                    Some(_) if region == RegionRef::ROOT => {
                        "it can't run the whole graph that it is in".to_owned()
                    }
                    Some(Some((first, _))) => format!(
                        "its {label} is a region that `{}` runs already: give it one of its own",
                        nodes[first.index()].name
                    ),
                    Some(None) => {
                        owners[region.index()] = Some((NodeRef::new(index), label));
                        continue;
                    }
                };
                problems.push(Problem::new(place_of(node), message));
            }
            if node.region.index() >= outputs.len() {
                let message = "it stands in a region of another graph: a `RegionRef` is of the builder that made it";
                problems.push(Problem::new(place_of(node), message));
            }
        }
        for (index, owner) in owners.iter().enumerate().skip(1) {
            if owner.is_none() {
                let inside = nodes.iter().find(|node| node.region.index() == index);
                let (place, message) = match inside {
                    Some(node) => (place_of(node), "no node runs the region that it stands in"),
                    None => ("graph".to_owned(), "a region was added that no node runs"),
                };
                problems.push(Problem::new(place, message));
            }
        }
        let layout = Self {
            nodes,
            outputs,
            owners,
        };
        if problems.is_empty() {
            problems.extend(layout.nesting_problems());
        }
        if problems.is_empty() {
            Ok(layout)
        } else {
            Err(problems)
        }
    }

    /// Regions that are inside of themselves, or too deep.
    fn nesting_problems(&self) -> Vec<Problem> {
        for start in 1..self.owners.len() {
            let mut region = RegionRef::new(start);
            let mut depth = 0;
            while let Some((owner, _)) = &self.owners[region.index()] {
                region = self.nodes[owner.index()].region;
                depth += 1;
                let message = if region.index() == start {
                    "it has itself inside of it".to_owned()
                } else if depth > DEEPEST {
                    format!("it stands deeper than {DEEPEST} regions in each other")
                } else {
                    continue;
                };
                let place = self.place_of_region(RegionRef::new(start));
                return vec![Problem::new(place, message)];
            }
        }
        Vec::new()
    }

    /// What a region is called in messages.
    pub(super) fn place_of_region(&self, region: RegionRef) -> String {
        match &self.owners[region.index()] {
            None => "output".to_owned(),
            Some((owner, label)) => Condition {
                owner: *owner,
                owner_name: &self.nodes[owner.index()].name,
                label,
            }
            .to_string(),
        }
    }

    /// What reads in region `target` for a reader in region `from`. Without a
    /// `reader` it is the output of `from` that reads.
    fn lifted(&self, reader: Option<NodeRef>, mut from: RegionRef, target: RegionRef) -> Lifted {
        let mut lifted = reader.map_or(Lifted::Output, Lifted::Itself);
        while from != target {
            let Some((owner, _)) = self.owners[from.index()] else {
                return Lifted::Nothing;
            };
            lifted = Lifted::Owner(owner);
            from = self.nodes[owner.index()].region;
        }
        lifted
    }

    /// Why a reader in `from` can't read `reference`, which is of this graph.
    pub(super) fn scope_problem(
        &self,
        reader: Option<NodeRef>,
        from: RegionRef,
        reference: &Reference,
    ) -> Option<String> {
        let read = self.nodes.get(reference.node.index())?;
        let name = &read.name;
        match self.lifted(reader, from, read.region) {
            Lifted::Owner(owner) if owner == reference.node => Some(format!(
                "`{name}` has no value yet while what is inside of it runs"
            )),
            Lifted::Itself(_) | Lifted::Output | Lifted::Owner(_) => None,
            // Which one is meant is not known, and that is told already.
            Lifted::Nothing if self.is_ambiguous(name) => None,
            Lifted::Nothing => {
                let (owner, _) = self.owners[read.region.index()].as_ref()?;
                let owner = &self.nodes[owner.index()].name;
                Some(format!(
                    "`{name}` exists only inside {}: make it what that gives, and read `{owner}`",
                    self.place_of_region(read.region)
                ))
            }
        }
    }

    fn is_ambiguous(&self, name: &str) -> bool {
        let mut named = self.nodes.iter().filter(|node| &*node.name == name);
        named.nth(1).is_some()
    }

    /// What is wrong with regions by themselves: their arguments and outputs.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut arguments = vec![0; self.owners.len()];
        for node in self.nodes {
            if node.operation == Operation::Argument {
                arguments[node.region.index()] += 1;
            }
        }
        if arguments[0] > 0 {
            let node = self.nodes.iter().find(|node| {
                node.operation == Operation::Argument && node.region == RegionRef::ROOT
            });
            let message = "only what a node runs has arguments; the pipeline has its input";
            problems.extend(node.map(|node| Problem::new(place_of(node), message)));
        }
        for (index, owner) in self.owners.iter().enumerate() {
            let Some((owner, label)) = owner else {
                continue;
            };
            let owner = &self.nodes[owner.index()];
            let mut problem = |message| problems.push(Problem::new(place_of(owner), message));
            let (has, wants) = (arguments[index], owner.operation.arguments());
            if has != wants {
                let (has, wants) = (counted(has), counted(wants));
                problem(format!("its {label} has {has}, and is given {wants}"));
            }
            match (&self.outputs[index], &owner.operation) {
                (None, _) => problem(format!("its {label} gives nothing: set its output")),
                (Some(output), Operation::Repeat(_)) if super::Repeat::parts(output).is_none() => {
                    problem("its body has to give `{state, done}`".to_owned());
                }
                _ => {}
            }
        }
        problems
    }

    /// Who reads what, within each region: a node for itself and for all that is
    /// inside of it. By reader, each once and ascending.
    fn dependencies(&self) -> Vec<Vec<NodeRef>> {
        let mut dependencies = vec![Vec::new(); self.nodes.len()];
        let mut add = |reader: Option<NodeRef>, from: RegionRef, read: &Reference| {
            // Those that can't be read are a problem already.
            let Some(found) = self.nodes.get(read.node.index()) else {
                return;
            };
            match self.lifted(reader, from, found.region) {
                Lifted::Owner(owner) if owner == read.node => {}
                Lifted::Itself(reader) | Lifted::Owner(reader) => {
                    dependencies[reader.index()].push(read.node);
                }
                Lifted::Output | Lifted::Nothing => {}
            }
        };
        for (index, node) in self.nodes.iter().enumerate() {
            let reader = Some(NodeRef::new(index));
            let mut read = |reference: &Reference| add(reader, node.region, reference);
            node.operation.visit_references(&mut read);
        }
        for (index, output) in self.outputs.iter().enumerate() {
            let mut read = |reference: &Reference| add(None, RegionRef::new(index), reference);
            if let Some(output) = output {
                output.visit_references(&mut read);
            }
        }
        for dependencies in &mut dependencies {
            dependencies.sort_unstable();
            dependencies.dedup();
        }
        dependencies
    }

    /// Orders the nodes so that all come after those that they read, and every
    /// region after its owner, as one stretch with its arguments first; or the
    /// cycle that forbids it.
    pub(super) fn order(&self) -> Result<Order, Problem> {
        let mut members = vec![Vec::new(); self.owners.len()];
        for node in self.topological_order()? {
            members[self.nodes[node.index()].region.index()].push(node);
        }
        for members in &mut members {
            members.sort_by_key(|node| {
                let operation = &self.nodes[node.index()].operation;
                !matches!(operation, Operation::Argument)
            });
        }
        let mut nodes = Vec::with_capacity(self.nodes.len());
        let mut regions: Vec<(RegionRef, Region)> = Vec::with_capacity(self.owners.len());
        // Not by recursion: nests may be deep.
        let mut next = vec![Visit::Begin(RegionRef::ROOT)];
        while let Some(visit) = next.pop() {
            match visit {
                Visit::Begin(region) => {
                    next.push(Visit::End(regions.len()));
                    let members = &members[region.index()];
                    next.extend(members.iter().rev().map(|node| Visit::Node(*node)));
                    regions.push((region, self.region_at(region, members, nodes.len())));
                }
                Visit::Node(node) => {
                    nodes.push(node);
                    let inside = self.nodes[node.index()].operation.regions();
                    next.extend(inside.into_iter().rev().map(Visit::Begin));
                }
                Visit::End(place) => regions[place].1.nodes.end = nodes.len(),
            }
        }
        Ok(Order { nodes, regions })
    }

    fn region_at(&self, region: RegionRef, members: &[NodeRef], start: usize) -> Region {
        let is_argument =
            |node: &&NodeRef| self.nodes[node.index()].operation == Operation::Argument;
        let owner = self.owners[region.index()].clone();
        let output = self.outputs[region.index()].clone();
        let (owner, label) = owner.map_or((None, RegionLabel::Root), |(owner, label)| {
            (Some(owner), label)
        });
        Region {
            owner,
            arm: label.path_text().into(),
            label,
            nodes: start..start,
            arguments: members.iter().take_while(is_argument).count(),
            output: output.unwrap_or(Shape::List(Vec::new())),
        }
    }

    /// Kahn's algorithm (Communications of the ACM 5.11, 1962), which here
    /// keeps the order of addition where it can; or the cycle that forbids it.
    fn topological_order(&self) -> Result<Vec<NodeRef>, Problem> {
        let count = self.nodes.len();
        let dependencies = self.dependencies();
        let mut missing: Vec<usize> = dependencies.iter().map(Vec::len).collect();
        let mut dependents = vec![Vec::new(); count];
        for (index, dependencies) in dependencies.iter().enumerate() {
            for dependency in dependencies {
                dependents[dependency.index()].push(index);
            }
        }
        let mut ready: BinaryHeap<Reverse<usize>> = (0..count)
            .filter(|&index| missing[index] == 0)
            .map(Reverse)
            .collect();
        let mut order = Vec::with_capacity(count);
        while let Some(Reverse(index)) = ready.pop() {
            order.push(NodeRef::new(index));
            for &dependent in &dependents[index] {
                missing[dependent] -= 1;
                if missing[dependent] == 0 {
                    ready.push(Reverse(dependent));
                }
            }
        }
        if order.len() == count {
            return Ok(order);
        }
        Err(self.cycle(&dependencies, &missing))
    }

    /// Names one cycle among the nodes that could not be ordered.
    fn cycle(&self, dependencies: &[Vec<NodeRef>], missing: &[usize]) -> Problem {
        let unordered = |node: &NodeRef| missing[node.index()] > 0;
        let mut path: Vec<NodeRef> = Vec::new();
        let mut current = (0..missing.len()).map(NodeRef::new).find(unordered);
        // Every unordered node has an unordered dependency: the walk must meet itself.
        let mut places: HashMap<NodeRef, usize> = HashMap::new();
        while let Some(node) = current {
            if let Some(start) = places.insert(node, path.len()) {
                path.drain(..start);
                break;
            }
            path.push(node);
            current = dependencies[node.index()].iter().copied().find(unordered);
        }
        // The walk went from user to used; data flows the other way.
        let mut names: Vec<&str> = path
            .iter()
            .map(|node| &*self.nodes[node.index()].name)
            .collect();
        names.reverse();
        names.extend(names.first().copied());
        let cycle = names.join(" → ");
        Problem::new(
            "",
            format!(
                "the nodes need each other in a cycle: {cycle}; take one of these references out"
            ),
        )
    }
}

/// What reads in a region.
enum Lifted {
    /// The reader itself.
    Itself(NodeRef),
    /// A node that the reader is inside of.
    Owner(NodeRef),
    /// The output of the region.
    Output,
    /// Nothing: the region is not around the reader.
    Nothing,
}

enum Visit {
    Begin(RegionRef),
    Node(NodeRef),
    /// Of the region at this place of the new order.
    End(usize),
}

fn counted(arguments: usize) -> String {
    match arguments {
        0 => "no argument".to_owned(),
        1 => "one argument".to_owned(),
        more => format!("{more} arguments"),
    }
}

fn place_of(node: &GraphNode) -> String {
    format!("node `{}`", node.name)
}
