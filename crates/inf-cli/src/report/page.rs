//! The page: the report as JSON, with the style and the script that show it.

use serde::Serialize;

use super::model::Report;

const FRAME: &str = include_str!("assets/page.html");
const STYLE: &str = include_str!("assets/page.css");
/// The first one tells the second one how to draw the timeline.
const SCRIPTS: [&str; 2] = [
    include_str!("assets/timeline.js"),
    include_str!("assets/page.js"),
];

/// A report as one HTML document, which asks for nothing from anywhere.
pub(crate) fn page(report: &Report) -> String {
    let mut page = String::new();
    // What is put in is not looked through again: names may look like places.
    for piece in FRAME.split_inclusive("}}") {
        let (text, place) = match piece.split_once("{{") {
            Some((text, place)) => (text, place.trim_end_matches("}}")),
            None => (piece, ""),
        };
        page.push_str(text);
        match place {
            "" => {}
            "title" => page.push_str(&escaped(&report.title)),
            "style" => page.push_str(STYLE),
            "script" => page.extend(SCRIPTS),
            "graphs" => {
                for graph in &report.graphs {
                    page.push_str(&graph.svg);
                }
            }
            "data" => page.push_str(&json(report)),
            unknown => unreachable!("the frame has no place `{unknown}`"),
        }
    }
    page
}

/// JSON that can stand in an element of a document: a `<` could end that.
fn json(report: &impl Serialize) -> String {
    // Numbers, texts and lists of these have a JSON form.
    let json = serde_json::to_string(report).expect("a report has a JSON form");
    json.replace('<', "\\u003c")
}

/// A text between tags or as an attribute in quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // No document may hold these.
            other if other.is_control() && !matches!(other, '\n' | '\t') => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_end_the_data_or_a_tag() {
        assert_eq!(json(&"</script><!--"), r#""\u003c/script>\u003c!--""#);
        assert_eq!(
            escaped("<a b=\"c\">&\u{0}"),
            "&lt;a b=&quot;c&quot;&gt;&amp;"
        );
    }
}
