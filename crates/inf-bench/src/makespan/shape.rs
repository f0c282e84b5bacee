//! [`Shape`]: which call reads the answers of which.

/// The calls that are made for an input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Stands in the names of figures.
    pub(super) name: &'static str,
    /// For each call those before it whose answers it reads; one that reads
    /// none reads the input. The last call's answer is the output.
    pub(super) reads: &'static [&'static [usize]],
}

/// 1 → 3 → 1.
pub(super) const DIAMOND: Shape = Shape {
    name: "diamond",
    reads: &[&[], &[0], &[0], &[0], &[1, 2, 3]],
};

/// Sixteen calls with ways of three to seven calls from the first to the last:
///
/// ```text
/// 0 ─┬─ 1 ─┬─ 4 ───┐
///    │     └─ 5 ─┬─ 9 ──┐
///    ├─ 2 ─┬─────┘      ├─ 12 ─┐
///    │     └─ 6 ─── 10 ─┘      ├─ 14 ─┐
///    ├─ 3 ─┬─ 7 ─── 11 ─┬─ 13 ─┘      ├─ 15
///    │     └─ 8 ────────┘             │
///    └────────────────────────────────┘
/// ```
///
/// 5 reads 1 and 2, 9 reads 4 and 5, 10 reads 5 and 6.
pub(super) const DAG_16: Shape = Shape {
    name: "dag_16",
    reads: &[
        &[],
        &[0],
        &[0],
        &[0],
        &[1],
        &[1, 2],
        &[2],
        &[3],
        &[3],
        &[4, 5],
        &[5, 6],
        &[7],
        &[9, 10],
        &[8, 11],
        &[12, 13],
        &[0, 14],
    ],
};

impl Shape {
    /// Calls for an input.
    pub(super) fn calls(self) -> usize {
        self.reads.len()
    }

    /// The calls by their level: the first are those that read the input, and
    /// each other call is one below the lowest that it reads.
    pub(super) fn levels(self) -> Vec<Vec<usize>> {
        let mut level_of: Vec<usize> = Vec::new();
        let mut levels: Vec<Vec<usize>> = Vec::new();
        for (call, reads) in self.reads.iter().enumerate() {
            let level = reads.iter().map(|&read| level_of[read] + 1).max();
            let level = level.unwrap_or(0);
            level_of.push(level);
            levels.resize(levels.len().max(level + 1), Vec::new());
            levels[level].push(call);
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_follow_what_is_read() {
        let check = |shape: Shape, expected: &[&[usize]]| assert_eq!(shape.levels(), expected);
        check(DIAMOND, &[&[0], &[1, 2, 3], &[4]]);
        check(
            DAG_16,
            &[
                &[0],
                &[1, 2, 3],
                &[4, 5, 6, 7, 8],
                &[9, 10, 11],
                &[12, 13],
                &[14],
                &[15],
            ],
        );
    }
}
