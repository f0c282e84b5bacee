//! Graphs as drawings.

use super::{EVERYTHING, read};

#[test]
fn graphs_are_drawn() {
    let graph = read(EVERYTHING);
    insta::assert_snapshot!("everything.dot", graph.to_dot());
    insta::assert_snapshot!("everything.mermaid", graph.to_mermaid());
    // As data it is the same: what the texts say of an arrow or of a frame.
    let outline = graph.outline();
    let count = |sign| graph.to_mermaid().matches(sign).count();
    assert_eq!(
        outline.edges.len() + outline.outputs.len(),
        count(" --> ") + count(" -->|")
    );
    let frames = outline.regions.iter().enumerate();
    let frames =
        frames.filter(|(place, _)| outline.nodes.iter().any(|node| node.region == Some(*place)));
    assert_eq!(frames.count(), count("subgraph "));
}

#[test]
fn drawings_quote_what_is_special() {
    let node = r#"{version: 1, name: 'a "b" \c', nodes: {n: {host: '<b> "&" \n', input: input}}, output: n}"#;
    let graph = read(node);
    assert!(
        graph.to_dot().starts_with(r#"digraph "a \"b\" \\c" {"#),
        "{}",
        graph.to_dot()
    );
    assert!(
        graph.to_dot().contains(r#"label="n\nhost <b> \"&\" \\n""#),
        "{}",
        graph.to_dot()
    );
    let mermaid = graph.to_mermaid();
    assert!(
        mermaid.contains(r#"["n<br>host &lt;b> &quot;&amp;&quot; \n"]"#),
        "{mermaid}"
    );
}
