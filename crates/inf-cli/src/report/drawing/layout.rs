//! [`Layout`]: where nodes, frames and arrows of a graph are.

use inf_engine::graph::GraphOutline;

use super::layers;

/// The size of a node's box.
pub(super) const NODE: (f64, f64) = (204.0, 74.0);
/// The size of the box of what is nobody's work: the input, an argument, the output.
pub(super) const PILL: (f64, f64) = (112.0, 28.0);
/// What a frame keeps free around what is in it.
const MARGIN: f64 = 16.0;
/// The room for a frame's label.
const LABEL: f64 = 22.0;
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
            Some(found) if !is_given(&found.does) => NODE,
            _ => PILL,
        }
    }

    /// Lays out what is in `region`, or the whole graph.
    fn block(&self, region: Option<usize>) -> Block {
        let nodes = self.outline.nodes.iter().enumerate();
        let nodes = nodes.filter(|(_, node)| node.region == region);
        let mut items: Vec<Item> = nodes.map(|(place, _)| self.item(place)).collect();
        if region.is_none() {
            let node = self.output();
            let size = self.size_of(node);
            items.push(Item {
                node,
                size,
                frames: Vec::new(),
            });
        }
        let place_of = |node: usize| items.iter().position(|item| item.node == node);
        let edges = self.outline.edges.iter().map(|edge| (edge.from, edge.to));
        let outputs = self
            .outline
            .outputs
            .iter()
            .map(|from| (*from, self.output()));
        let mut arrows: Vec<(usize, usize)> = edges
            .chain(outputs)
            .filter_map(|(from, to)| {
                let from = place_of(self.standing_for(from, region)?)?;
                let to = place_of(self.standing_for(to, region)?)?;
                // What a frame gives to its owner stays inside of it.
                (from < to).then_some((from, to))
            })
            .collect();
        arrows.sort_unstable();
        arrows.dedup();
        let sizes: Vec<(f64, f64)> = items.iter().map(|item| item.size).collect();
        let placed = layers::place(&sizes, &arrows);
        let mut drawn: Vec<Arrow> = arrows
            .iter()
            .zip(&placed.ways)
            .map(|((from, to), way)| {
                let (from_corner, to_corner) = (placed.corners[*from], placed.corners[*to]);
                let begin = (
                    from_corner.0 + sizes[*from].0 / 2.0,
                    from_corner.1 + sizes[*from].1,
                );
                let end = (to_corner.0 + sizes[*to].0 / 2.0, to_corner.1);
                let mut points = vec![begin];
                points.extend(way);
                points.push(end);
                Arrow { points }
            })
            .collect();
        // What a region gives leaves through the lower side of its frame.
        if let Some(region) = region {
            let owner = self.outline.regions[region].owner;
            let given = self.outline.edges.iter().filter(|edge| edge.to == owner);
            let given =
                given.filter_map(|edge| place_of(self.standing_for(edge.from, Some(region))?));
            for place in given {
                let (left, top) = placed.corners[place];
                let (width, height) = sizes[place];
                let x = left + width / 2.0;
                let points = vec![(x, top + height), (x, placed.height + MARGIN)];
                drawn.push(Arrow { points });
            }
        }
        Block {
            items,
            corners: placed.corners,
            arrows: drawn,
            width: placed.width,
            height: placed.height,
        }
    }

    /// A node, with the frames of the regions that it runs below it.
    fn item(&self, node: usize) -> Item {
        let regions = self.outline.regions.iter().enumerate();
        let regions = regions.filter(|(place, region)| {
            let has_nodes = self
                .outline
                .nodes
                .iter()
                .any(|node| node.region == Some(*place));
            region.owner == node && has_nodes
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
