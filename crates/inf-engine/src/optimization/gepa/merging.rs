//! Merging: one candidate of two that are good at different things.

use rand::RngExt;
use rand_pcg::Pcg64;

use super::pool::Pool;
use crate::execution::Overlay;

/// Two candidates that may be merged, and what comes of it.
pub(super) struct Merge {
    pub(super) parents: [usize; 2],
    pub(super) texts: Overlay,
}

/// Two of the front that have an ancestor in common, which is no better than either,
/// and that were not merged before: of each text the side that changed it, and where
/// both did, that of the better one.
pub(super) fn merge(pool: &Pool, tried: &mut Vec<[usize; 2]>, random: &mut Pcg64) -> Option<Merge> {
    let front: Vec<usize> = pool.front().into_iter().map(|(place, _)| place).collect();
    let mut pairs = Vec::new();
    for (at, first) in front.iter().enumerate() {
        for second in &front[at + 1..] {
            let pair = [*first, *second];
            if !tried.contains(&pair)
                && let Some(texts) = merged(pool, pair)
            {
                pairs.push((pair, texts));
            }
        }
    }
    if pairs.is_empty() {
        return None;
    }
    let (parents, texts) = pairs.swap_remove(random.random_range(0..pairs.len()));
    tried.push(parents);
    Some(Merge { parents, texts })
}

fn merged(pool: &Pool, [first, second]: [usize; 2]) -> Option<Overlay> {
    let (one, other) = (&pool.candidates[first], &pool.candidates[second]);
    let lineage = pool.lineage(second);
    let mut common = pool.lineage(first);
    common.retain(|ancestor| lineage.contains(ancestor));
    // One that descends from the other has all that it has.
    if common.contains(&first) || common.contains(&second) {
        return None;
    }
    let least = one.mean().min(other.mean());
    let ancestor = common.into_iter().max()?;
    let ancestor = &pool.candidates[ancestor];
    if ancestor.mean() > least {
        return None;
    }
    let better = if other.mean() > one.mean() {
        other
    } else {
        one
    };
    let texts = ancestor.texts.iter().filter_map(|(path, text)| {
        let of = |texts: &Overlay| texts.get(path.as_str()).cloned();
        let (one, other) = (of(&one.texts)?, of(&other.texts)?);
        let taken = match (one == *text, other == *text) {
            (true, _) => other,
            (false, true) => one,
            (false, false) => of(&better.texts)?,
        };
        Some((path.clone(), taken))
    });
    let texts: Overlay = texts.collect();
    (!pool.has(&texts)).then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::super::pool::{Candidate, random};
    use super::*;

    fn candidate(texts: [&str; 2], parents: &[usize], scores: [f64; 2]) -> Candidate {
        Candidate {
            texts: Overlay::new().with("a", texts[0]).with("b", texts[1]),
            parents: parents.to_vec(),
            scores: scores.into_iter().map(Some).collect(),
            born: 0,
            next_component: 0,
            failed: Vec::new(),
        }
    }

    #[test]
    fn each_side_gives_what_it_changed() {
        let check = |candidates: Vec<Candidate>, expected: Option<[&str; 2]>| {
            let pool = Pool { candidates };
            let mut tried = Vec::new();
            let merged = merge(&pool, &mut tried, &mut random(0, 0, 0));
            let expected = expected.map(|[a, b]| Overlay::new().with("a", a).with("b", b));
            assert_eq!(merged.map(|merged| merged.texts), expected);
            // Never again.
            assert!(merge(&pool, &mut tried, &mut random(0, 0, 0)).is_none());
        };
        let root = || candidate(["0", "0"], &[], [0.0, 0.0]);
        let left = || candidate(["1", "0"], &[0], [1.0, 0.0]);
        check(
            vec![root(), left(), candidate(["0", "1"], &[0], [0.0, 1.0])],
            Some(["1", "1"]),
        );
        // Both changed the first: the better one gives it.
        let better = candidate(["1", "0"], &[0], [1.0, 0.6]);
        check(
            vec![root(), better, candidate(["2", "1"], &[0], [0.5, 1.0])],
            Some(["1", "1"]),
        );
        // What comes of it is there already.
        check(
            vec![root(), left(), candidate(["2", "1"], &[0], [0.5, 1.0])],
            None,
        );
        // An ancestor that is better than one of them.
        let good = candidate(["0", "0"], &[], [0.9, 0.9]);
        check(
            vec![good, left(), candidate(["0", "1"], &[0], [0.0, 1.0])],
            None,
        );
        // One descends from the other.
        check(
            vec![root(), left(), candidate(["1", "1"], &[1], [0.0, 1.0])],
            None,
        );
    }
}
