//! [`Layout`]: where nodes, frames and arrows of a graph are.

use std::collections::HashMap;

use inf_engine::graph::GraphOutline;

use super::layers;

/// The size of the box of a node whose calls are counted.
pub(super) const NODE: (f64, f64) = (204.0, 74.0);
/// The size of the box of any other node.
pub(super) const SMALL: (f64, f64) = (204.0, 46.0);
/// The size of the box of what is nobody's work: the input, an argument, the output.
pub(super) const PILL: (f64, f64) = (112.0, 28.0);
/// What a frame keeps free around what is in it.
const MARGIN: f64 = 16.0;
/// The room for a frame's label.
const LABEL: f64 = 22.0;
/// What the way out of a frame is shorter than one from layer to layer.
const SHORTER: f64 = 24.0;
/// From an owner to its frames, and from one frame to the next.
const BESIDE: f64 = 14.0;

/// A graph, laid out.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// In the order of the outline's nodes, the output behind them: left, top.
    pub(super) nodes: Vec<(f64, f64)>,
    pub(super) frames: Vec<Frame>,
    /// Arrows as the points that they pass, from above.
    pub(super) arrows: Vec<Arrow>,
}

/// The frame around a region.
pub(super) struct Frame {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) label: String,
}

/// An arrow.
pub(super) struct Arrow {
    pub(super) points: Vec<(f64, f64)>,
}

/// Lays out a graph.
pub(super) fn layout(outline: &GraphOutline) -> Layout {
    let mut laying = Laying {
        outline,
        layout: Layout {
            nodes: vec![(0.0, 0.0); outline.nodes.len() + 1],
            ..Layout::default()
        },
    };
    let block = laying.block(None);
    laying.layout.width = block.width;
    laying.layout.height = block.height;
    laying.put(&block, (0.0, 0.0));
    laying.layout
}

/// What stands at one level: the whole graph, or a region.
struct Block {
    /// In the order of their first nodes.
    items: Vec<Item>,
    /// Relative to the block.
    corners: Vec<(f64, f64)>,
    arrows: Vec<Arrow>,
    width: f64,
    height: f64,
}

/// A node with all that it runs, or the output.
struct Item {
    /// Its place; the output's is behind those of all nodes.
    node: usize,
    size: (f64, f64),
    /// The regions that it runs.
    frames: Vec<(usize, Block)>,
}

struct Laying<'o> {
    outline: &'o GraphOutline,
    layout: Layout,
}

impl Laying<'_> {
    fn output(&self) -> usize {
        self.outline.nodes.len()
    }

    fn size_of(&self, node: usize) -> (f64, f64) {
        let found = self.outline.nodes.get(node);
        match found {
            Some(found) if found.alias.is_some() => NODE,
            Some(found) if !is_given(&found.does) => SMALL,
            _ => PILL,
        }
    }

    /// Lays out what is in `region`, or the whole graph.
    fn block(&self, region: Option<usize>) -> Block {
        let nodes = self.outline.nodes.iter().enumerate();
        let nodes = nodes.filter(|(_, node)| node.region == region);
        let mut items: Vec<Item> = nodes.map(|(place, _)| self.item(place)).collect();
        // Where all that is given leaves: the output, or the lower side of a frame.
        let exit = self.output();
        items.push(Item {
            node: exit,
            size: if region.is_none() { PILL } else { (0.0, 0.0) },
            frames: Vec::new(),
        });
        let places = items.iter().enumerate();
        let places: HashMap<usize, usize> =
            places.map(|(place, item)| (item.node, place)).collect();
        let place_of = |node: usize| places.get(&node).copied();
        let outputs = self.outline.outputs.iter().map(|from| (*from, exit));
        let edges = self.outline.edges.iter();
        let edges = edges.map(|edge| (edge.from, edge.to));
        let owner = region.map(|region| self.outline.regions[region].owner);
        let mut arrows: Vec<(usize, usize)> = edges
            .chain(outputs)
            .filter_map(|(from, to)| {
                let from = place_of(self.standing_for(from, region)?)?;
                let to = match owner {
                    // What a region gives goes to its owner.
                    Some(owner) if to == owner => place_of(exit)?,
                    _ => place_of(self.standing_for(to, region)?)?,
                };
                // What a frame inside of this gives to its owner stays there.
                (from < to).then_some((from, to))
            })
            .collect();
        arrows.sort_unstable();
        arrows.dedup();
        let sizes: Vec<(f64, f64)> = items.iter().map(|item| item.size).collect();
        let placed = layers::place(&sizes, &arrows);
        // Below the last box of a region there is only the way out.
        let exit_top = placed.corners.last().map_or(0.0, |corner| corner.1);
        let is_alone = region.is_some() && exit_top >= placed.height;
        let height = placed.height - if is_alone { SHORTER } else { 0.0 };
        let drawn = arrows.iter().zip(&placed.ways).map(|((from, to), way)| {
            let (from_corner, to_corner) = (placed.corners[*from], placed.corners[*to]);
            let begin = (
                from_corner.0 + sizes[*from].0 / 2.0,
                from_corner.1 + sizes[*from].1,
            );
            let end = (to_corner.0 + sizes[*to].0 / 2.0, to_corner.1.min(height));
            let mut points = vec![begin];
            points.extend(way);
            points.push(end);
            if items[*to].node == exit && region.is_some() {
                points.push((end.0, height + MARGIN));
            }
            Arrow { points }
        });
        let arrows = drawn.collect();
        Block {
            items,
            corners: placed.corners,
            arrows,
            width: placed.width,
            height,
        }
    }

    /// A node, with the frames of the regions that it runs below it.
    fn item(&self, node: usize) -> Item {
        let regions = self.outline.regions.iter().enumerate();
        let regions = regions.filter(|(place, region)| {
            let mut nodes = self.outline.nodes.iter();
            region.owner == node && nodes.any(|node| node.region == Some(*place))
        });
        let frames: Vec<(usize, Block)> = regions
            .map(|(place, _)| (place, self.block(Some(place))))
            .collect();
        let (mut width, mut height) = self.size_of(node);
        if !frames.is_empty() {
            let sizes = || frames.iter().map(|(_, block)| frame_size(block));
            let beside: f64 = sizes().map(|(width, _)| width + BESIDE).sum();
            width = width.max(beside - BESIDE);
            height += BESIDE + sizes().map(|(_, height)| height).fold(0.0, f64::max);
        }
        Item {
            node,
            size: (width, height),
            frames,
        }
    }

    /// What stands for `node` in `region`: itself, or the node there that runs it;
    /// `None` if it is outside.
    fn standing_for(&self, mut node: usize, region: Option<usize>) -> Option<usize> {
        if node == self.output() {
            return region.is_none().then_some(node);
        }
        // Owners stand before what they run.
        loop {
            let around = self.outline.nodes[node].region;
            if around == region {
                return Some(node);
            }
            let owner = self.outline.regions[around?].owner;
            if owner >= node {
                return None;
            }
            node = owner;
        }
    }

    /// Notes where all of a block is.
    fn put(&mut self, block: &Block, (left, top): (f64, f64)) {
        for arrow in &block.arrows {
            let points = arrow.points.iter().map(|(x, y)| (x + left, y + top));
            let points = points.collect();
            self.layout.arrows.push(Arrow { points });
        }
        for (item, corner) in block.items.iter().zip(&block.corners) {
            let corner = (corner.0 + left, corner.1 + top);
            if item.node == self.output() && item.size != PILL {
                continue;
            }
            let own = self.size_of(item.node);
            self.layout.nodes[item.node] = (corner.0 + (item.size.0 - own.0) / 2.0, corner.1);
            let sizes: Vec<_> = item
                .frames
                .iter()
                .map(|(_, block)| frame_size(block))
                .collect();
            let beside: f64 = sizes.iter().map(|(width, _)| width + BESIDE).sum();
            let mut left = corner.0 + (item.size.0 - (beside - BESIDE)) / 2.0;
            let top = corner.1 + own.1 + BESIDE;
            for ((region, block), (width, height)) in item.frames.iter().zip(sizes) {
                self.layout.frames.push(Frame {
                    left,
                    top,
                    width,
                    height,
                    label: self.outline.regions[*region].label.clone(),
                });
                let inner = (
                    left + (width - block.width) / 2.0,
                    top + LABEL + MARGIN / 2.0,
                );
                self.put(block, inner);
                left += width + BESIDE;
            }
        }
    }
}

fn frame_size(block: &Block) -> (f64, f64) {
    let height = block.height + LABEL + MARGIN * 1.5;
    ((block.width + 2.0 * MARGIN).max(PILL.0), height)
}

/// Whether a node is nobody's work.
pub(super) fn is_given(does: &str) -> bool {
    matches!(does, "input" | "argument")
}

#[cfg(test)]
mod tests {
    use inf_engine::graph::InferenceGraph;

    use super::*;

    fn laid_out(text: &str) -> (GraphOutline, Layout) {
        let graph = InferenceGraph::from_text(text).expect("a graph");
        let outline = graph.outline();
        let layout = layout(&outline);
        (outline, layout)
    }

    const NESTED: &str = "{version: 1, name: g, nodes: {
        parts: {compute: chunks, input: [input.text, {$value: 10}]},
        each: {map: parts, as: part, nodes: {
            kind: {llm: fast, prompt: '{part}', output: {$schema: {type: boolean}}},
            done: {if: kind, then: {nodes: {a: {llm: fast, prompt: '{part}'}}, output: a},
                   else: {nodes: {b: {llm: fast, prompt: '{kind}'}, c: {llm: fast, prompt: '{b}'}}, output: c}}
        }, output: {done: done, kind: kind}},
        last: {llm: smart, prompt: '{each} {input.text}'}
    }, output: [last, parts]}";

    #[test]
    fn a_frame_holds_what_is_in_its_region_and_nothing_else() {
        let (outline, layout) = laid_out(NESTED);
        // The frames are drawn from outside to inside, as regions are listed.
        let labels: Vec<&str> = layout.frames.iter().map(|frame| &*frame.label).collect();
        assert_eq!(labels, ["body", "then", "else"]);
        for (region, frame) in layout.frames.iter().enumerate() {
            for (place, node) in outline.nodes.iter().enumerate() {
                let mut around = node.region;
                let mut is_inside = around == Some(region);
                while let Some(other) = around {
                    around = outline.nodes[outline.regions[other].owner].region;
                    is_inside |= around == Some(region);
                }
                let (x, y) = layout.nodes[place];
                let stands = x >= frame.left
                    && x < frame.left + frame.width
                    && y >= frame.top
                    && y < frame.top + frame.height;
                assert_eq!(stands, is_inside, "{} in {}", node.name, frame.label);
            }
        }
    }

    #[test]
    fn arrows_point_down_and_stay_in_the_drawing() {
        let (_, layout) = laid_out(NESTED);
        assert!(!layout.arrows.is_empty());
        for arrow in &layout.arrows {
            assert!(arrow.points.is_sorted_by(|one, other| one.1 <= other.1));
            for (x, y) in &arrow.points {
                assert!((0.0..=layout.width).contains(x) && (0.0..=layout.height).contains(y));
            }
        }
        let lowest = layout.nodes.iter().map(|corner| corner.1);
        let output = layout.nodes.last().expect("an output").1;
        assert!(lowest.fold(0.0, f64::max) <= output);
    }
}
