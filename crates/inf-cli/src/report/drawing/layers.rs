//! Boxes in layers, so that arrows point down: see Sugiyama, Tagawa and Toda, "Methods for Visual
//! Understanding of Hierarchical System Structures" (1981).
//!
//! The crates that lay out graphs place boxes alone: none has frames inside of frames, and none
//! says where an arrow may pass between boxes.

/// The least distance between boxes of a layer.
const BESIDE: f64 = 26.0;
/// The distance between layers.
const BELOW: f64 = 40.0;
/// The room for an arrow that passes a layer.
const PASSAGE: f64 = 14.0;
/// How often the order in layers is improved, and then the places.
const SWEEPS: usize = 12;

/// Where boxes are, and the ways of arrows.
pub(super) struct Placed {
    /// The left upper corner of each box.
    pub(super) corners: Vec<(f64, f64)>,
    /// The points between boxes through which each arrow passes, its ends left out.
    pub(super) ways: Vec<Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A box, or where an arrow passes a layer.
struct Stop {
    width: f64,
    height: f64,
    layer: usize,
    above: Vec<usize>,
    below: Vec<usize>,
    /// The middle.
    x: f64,
}

/// Places boxes of these sizes; an arrow goes from a box to a later one.
pub(super) fn place(sizes: &[(f64, f64)], arrows: &[(usize, usize)]) -> Placed {
    let mut stops: Vec<Stop> = sizes
        .iter()
        .map(|(width, height)| Stop::new(*width, *height))
        .collect();
    // An arrow goes to a later box, so that all before it have their layer.
    let mut by_target = arrows.to_vec();
    by_target.sort_by_key(|(_, to)| *to);
    for (from, to) in by_target {
        stops[to].layer = stops[to].layer.max(stops[from].layer + 1);
    }
    let mut passed: Vec<Vec<usize>> = Vec::new();
    for (from, to) in arrows {
        let mut last = *from;
        let mut passages = Vec::new();
        for layer in stops[*from].layer + 1..stops[*to].layer {
            let passage = stops.len();
            stops.push(Stop {
                layer,
                ..Stop::new(PASSAGE, 0.0)
            });
            join(&mut stops, last, passage);
            passages.push(passage);
            last = passage;
        }
        join(&mut stops, last, *to);
        passed.push(passages);
    }
    let mut layers: Vec<Vec<usize>> = Vec::new();
    for (place, stop) in stops.iter().enumerate() {
        layers.resize_with(layers.len().max(stop.layer + 1), Vec::new);
        layers[stop.layer].push(place);
    }
    order(&mut layers, &mut stops);
    align(&layers, &mut stops);
    finish(&layers, &stops, sizes.len(), &passed)
}

impl Stop {
    fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            layer: 0,
            above: Vec::new(),
            below: Vec::new(),
            x: 0.0,
        }
    }

    fn neighbours(&self, downward: bool) -> &[usize] {
        if downward { &self.above } else { &self.below }
    }
}

fn join(stops: &mut [Stop], upper: usize, lower: usize) {
    stops[upper].below.push(lower);
    stops[lower].above.push(upper);
}

/// Goes through the layers from one side and from the other, in turn.
fn sweep(layers: usize, mut visit: impl FnMut(usize, bool)) {
    for sweep in 0..SWEEPS {
        let downward = sweep % 2 == 0;
        for step in 0..layers {
            let layer = if downward { step } else { layers - 1 - step };
            visit(layer, downward);
        }
    }
}

/// Orders each layer by the mean of what its boxes are joined to, which leaves few crossings.
fn order(layers: &mut [Vec<usize>], stops: &mut [Stop]) {
    let number = |layer: &[usize], stops: &mut [Stop]| {
        for (place, stop) in layer.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "layers are short")]
            let x = place as f64;
            stops[*stop].x = x;
        }
    };
    for layer in layers.iter() {
        number(layer, stops);
    }
    sweep(layers.len(), |layer, downward| {
        let layer = &mut layers[layer];
        let mut wanted: Vec<(usize, f64)> = layer
            .iter()
            .map(|stop| (*stop, mean(*stop, stops, downward)))
            .collect();
        wanted.sort_by(|(_, one), (_, other)| one.total_cmp(other));
        *layer = wanted.into_iter().map(|(stop, _)| stop).collect();
        number(layer, stops);
    });
}

/// Moves the boxes of each layer below or above what they are joined to, without changing their order.
fn align(layers: &[Vec<usize>], stops: &mut [Stop]) {
    for layer in layers {
        let mut left = 0.0;
        for stop in layer {
            let stop = &mut stops[*stop];
            stop.x = left + stop.width / 2.0;
            left += stop.width + BESIDE;
        }
    }
    sweep(layers.len(), |layer, downward| {
        let layer = &layers[layer];
        // The least distance of each middle from the first one.
        let mut offsets = Vec::with_capacity(layer.len());
        let mut offset = 0.0;
        for (place, stop) in layer.iter().enumerate() {
            if place > 0 {
                let before = stops[layer[place - 1]].width;
                offset += f64::midpoint(before, stops[*stop].width) + BESIDE;
            }
            offsets.push(offset);
        }
        let wanted = layer.iter().zip(&offsets);
        let wanted = wanted.map(|(stop, offset)| mean(*stop, stops, downward) - offset);
        let places = never_falling(wanted.collect());
        for ((stop, offset), place) in layer.iter().zip(offsets).zip(places) {
            stops[*stop].x = place + offset;
        }
    });
}

/// The mean of the middles of what a box is joined to on one side; its own, if that is nothing.
fn mean(stop: usize, stops: &[Stop], downward: bool) -> f64 {
    let neighbours = stops[stop].neighbours(downward);
    if neighbours.is_empty() {
        return stops[stop].x;
    }
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    let count = neighbours.len() as f64;
    let sum: f64 = neighbours.iter().map(|other| stops[*other].x).sum();
    sum / count
}

/// The sequence that never falls and is nearest to `wanted`, in least squares: pools of adjacent
/// violators (Ayer and others, 1955).
fn never_falling(wanted: Vec<f64>) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for place in wanted {
        let mut pool = (place, 1);
        while let Some((sum, count)) = pools.last()
            && mean_of((*sum, *count)) >= mean_of(pool)
        {
            pool = (pool.0 + sum, pool.1 + count);
            pools.pop();
        }
        pools.push(pool);
    }
    let pools = pools.into_iter();
    pools
        .flat_map(|pool| std::iter::repeat_n(mean_of(pool), pool.1))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn mean_of((sum, count): (f64, usize)) -> f64 {
    sum / count as f64
}

fn finish(layers: &[Vec<usize>], stops: &[Stop], boxes: usize, passed: &[Vec<usize>]) -> Placed {
    let left = stops.iter().map(|stop| stop.x - stop.width / 2.0);
    let left = left.fold(f64::INFINITY, f64::min);
    let right = stops.iter().map(|stop| stop.x + stop.width / 2.0);
    let right = right.fold(f64::NEG_INFINITY, f64::max);
    let mut tops = Vec::new();
    let mut height = 0.0;
    for layer in layers {
        if height > 0.0 {
            height += BELOW;
        }
        let tallest = layer.iter().map(|stop| stops[*stop].height);
        let tallest = tallest.fold(0.0, f64::max);
        tops.push((height, tallest));
        height += tallest;
    }
    let corner = |stop: &Stop| {
        let (top, tallest) = tops[stop.layer];
        let x = stop.x - stop.width / 2.0 - left;
        (x, top + (tallest - stop.height) / 2.0)
    };
    let ways = passed.iter().map(|passages| {
        let points = passages.iter().flat_map(|passage| {
            let stop = &stops[*passage];
            let (top, tallest) = tops[stop.layer];
            let x = stop.x - left;
            [(x, top), (x, top + tallest)]
        });
        points.collect()
    });
    Placed {
        corners: stops[..boxes].iter().map(corner).collect(),
        ways: ways.collect(),
        width: (right - left).max(0.0),
        height,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diamond_stands_on_its_point() {
        let placed = place(&[(100.0, 20.0); 4], &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        let middle = f64::midpoint(placed.corners[1].0, placed.corners[2].0);
        assert!((placed.corners[0].0 - middle).abs() < 0.5);
        assert!((placed.corners[3].0 - middle).abs() < 0.5);
        let heights: Vec<f64> = placed.corners.iter().map(|corner| corner.1).collect();
        assert_eq!(heights, [0.0, 60.0, 60.0, 120.0]);
        assert!(placed.ways.iter().all(Vec::is_empty));
    }

    #[test]
    fn a_long_arrow_passes_beside_what_is_between() {
        let placed = place(&[(100.0, 20.0); 3], &[(0, 1), (1, 2), (0, 2)]);
        let (x, _) = placed.ways[2][0];
        let (left, right) = (placed.corners[1].0, placed.corners[1].0 + 100.0);
        assert!(x < left || x > right, "{x} is between {left} and {right}");
    }

    #[test]
    fn boxes_of_a_layer_never_overlap() {
        let sizes: Vec<(f64, f64)> = (0..12).map(|n| (40.0 + f64::from(n) * 9.0, 30.0)).collect();
        let arrows: Vec<(usize, usize)> = (1..12).map(|to| (to / 4, to)).collect();
        let placed = place(&sizes, &arrows);
        for one in 0..12 {
            for other in one + 1..12 {
                let (a, b) = (placed.corners[one], placed.corners[other]);
                let apart = a.0 + sizes[one].0 <= b.0 + 0.01 || b.0 + sizes[other].0 <= a.0 + 0.01;
                assert!((a.1 - b.1).abs() > 1.0 || apart, "{one} and {other}");
            }
        }
        assert_eq!(
            never_falling(vec![3.0, 1.0, 2.0, 9.0]),
            [2.0, 2.0, 2.0, 9.0]
        );
    }
}
