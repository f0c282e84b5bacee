//! Paths of nodes, as records have them.

/// The path of a node without the places in lists: `summaries[3]/summary` is
/// `summaries/summary`.
pub(crate) fn without_places(path: &str) -> String {
    let mut node = String::with_capacity(path.len());
    let mut is_inside = false;
    for character in path.chars() {
        match character {
            '[' => is_inside = true,
            ']' => is_inside = false,
            _ if is_inside => {}
            other => node.push(other),
        }
    }
    node
}
