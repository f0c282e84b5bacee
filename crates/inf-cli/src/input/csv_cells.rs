//! [`Cells`]: from the texts of a row to the value that a pipeline takes.

use inf_engine::value::Schema;
use serde_json::{Map, Number, Value as Json};

/// What becomes of the cells of each row.
pub(super) struct Cells {
    columns: Vec<Column>,
    /// Whether the pipeline takes one plain value and the rows have one cell:
    /// then the cell is the input.
    is_plain: bool,
}

struct Column {
    name: String,
    cell: Cell,
    is_required: bool,
}

/// What the text of a cell stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a set of types, each of which may be allowed"
)]
struct Cell {
    text: bool,
    number: bool,
    boolean: bool,
    null: bool,
    /// A list or an object, written as JSON.
    nested: bool,
}

impl Cells {
    /// The rules for `fields`, as far as the pipeline's input says them; what
    /// it does not say is text.
    pub(super) fn new(fields: &[String], schema: &Schema) -> Self {
        let schema = schema.as_json();
        let whole = Cell::of(schema);
        if let [name] = fields
            && !whole.nested
            && schema.get("type").is_some()
        {
            let column = Column {
                name: name.clone(),
                cell: whole,
                is_required: true,
            };
            return Self {
                columns: vec![column],
                is_plain: true,
            };
        }
        let required = schema.get("required").and_then(Json::as_array);
        let columns = fields.iter().map(|name| Column {
            name: name.clone(),
            cell: Cell::of(&schema["properties"][name]),
            is_required: required.is_none_or(|required| required.iter().any(|known| known == name)),
        });
        Self {
            columns: columns.collect(),
            is_plain: false,
        }
    }

    /// What is wrong with the fields if they lack one that the pipeline needs:
    /// then no row can be run.
    pub(super) fn missing(&self, fields: &[String], schema: &Schema) -> Option<String> {
        let required = schema.as_json().get("required").and_then(Json::as_array)?;
        if self.is_plain || fields.is_empty() {
            return None;
        }
        let required = required.iter().filter_map(Json::as_str);
        let required: Vec<&str> = required.collect();
        let is_known = |name: &str| fields.iter().any(|field| field == name);
        let missing: Vec<&str> = required
            .iter()
            .copied()
            .filter(|name| !is_known(name))
            .collect();
        let names: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
        let problem = match &*names {
            [] => return None,
            [name] => format!("the header has no {name}"),
            _ => format!("the header has none of {}", names.join(", ")),
        };
        if let [field] = fields
            && let Some(separator) = [';', '\t', '|'].iter().find(|mark| field.contains(**mark))
        {
            let separator = separator.escape_default();
            return Some(format!(
                "{problem} (is `{separator}` the separator? use commas)"
            ));
        }
        let properties = schema.as_json()["properties"].as_object();
        // A field that the pipeline knows is not a misspelt one.
        let others = fields
            .iter()
            .filter(|field| !properties.is_some_and(|known| known.contains_key(*field)));
        let others: Vec<&str> = others.map(String::as_str).collect();
        let renamings: Vec<String> = missing
            .iter()
            .filter_map(|name| Some(format!("`{}` to `{name}`", nearest(name, &others)?)))
            .collect();
        Some(if renamings.is_empty() {
            format!("{problem}; it has `{}`", fields.join("`, `"))
        } else {
            format!("{problem}; rename {}?", renamings.join(", "))
        })
    }

    /// The value of a row that has a cell for every column.
    pub(super) fn to_json(&self, row: Vec<String>) -> Json {
        let mut cells = self.columns.iter().zip(row);
        if self.is_plain {
            let cell = cells.next();
            return cell.map_or(Json::Null, |(column, text)| column.cell.to_json(text));
        }
        let mut object = Map::new();
        for (column, text) in cells {
            // An empty cell of an optional field that is no text says nothing.
            if text.is_empty() && !column.is_required && !column.cell.text {
                continue;
            }
            object.insert(column.name.clone(), column.cell.to_json(text));
        }
        Json::Object(object)
    }
}

/// The name among `known` that `name` was probably written as.
fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = name.to_lowercase();
    known
        .iter()
        .map(|known| (strsim::jaro_winkler(&name, &known.to_lowercase()), *known))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, known)| known)
}

impl Cell {
    fn of(schema: &Json) -> Self {
        let mut cell = Self::default();
        let types: Vec<&str> = match &schema["type"] {
            Json::String(name) => vec![name],
            Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        for name in &types {
            match *name {
                "number" | "integer" => cell.number = true,
                "boolean" => cell.boolean = true,
                "null" => cell.null = true,
                "array" | "object" => cell.nested = true,
                _ => cell.text = true,
            }
        }
        if types.is_empty() {
            cell.text = true;
        }
        cell
    }

    /// The value; a text that is no such value stays a text, which the check
    /// against the pipeline's input then tells.
    fn to_json(self, text: String) -> Json {
        if self.null && text.is_empty() {
            return Json::Null;
        }
        let trimmed = text.trim();
        if self.number
            && let Ok(number) = trimmed.parse::<Number>()
        {
            return Json::Number(number);
        }
        if self.boolean {
            match trimmed.to_ascii_lowercase().as_str() {
                "true" => return Json::Bool(true),
                "false" => return Json::Bool(false),
                _ => {}
            }
        }
        if self.nested
            && let Ok(nested @ (Json::Array(_) | Json::Object(_))) = serde_json::from_str(trimmed)
        {
            return nested;
        }
        Json::String(text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: &Json, fields: &[&str], row: &[&str], expected: &Json) {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let fields: Vec<String> = texts(fields);
        let cells = Cells::new(&fields, &Schema::from_json(schema.clone()));
        assert_eq!(&cells.to_json(texts(row)), expected);
    }

    #[test]
    fn what_the_input_says_decides_what_a_cell_is() {
        let schema = json!({"type": "object", "properties": {
            "name": {"type": "string"}, "stars": {"type": "integer"}, "price": {"type": "number"},
            "open": {"type": "boolean"}, "tags": {"type": "array"}, "note": {"type": ["string", "null"]},
        }, "required": ["name", "stars"]});
        let fields = ["name", "stars", "price", "open", "tags", "note", "more"];
        check(
            &schema,
            &fields,
            &["12", " 5", "1.5", "TRUE", "[1, 2]", "", "7"],
            &json!({"name": "12", "stars": 5, "price": 1.5, "open": true, "tags": [1, 2], "note": null, "more": "7"}),
        );
        check(
            &schema,
            &fields,
            &["", "many", "", "", "", "x", ""],
            &json!({"name": "", "stars": "many", "note": "x", "more": ""}),
        );
    }

    #[test]
    fn a_field_that_is_needed_and_missing_is_told_with_what_it_may_be() {
        let schema = json!({"type": "object", "properties": {
            "subject": {"type": "string"}, "body": {"type": "string"}, "note": {"type": "string"},
        }, "required": ["subject", "body"]});
        let schema = Schema::from_json(schema);
        let check = |fields: &[&str], expected: Option<&str>| {
            let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            let problem = Cells::new(&fields, &schema).missing(&fields, &schema);
            assert_eq!(problem.as_deref(), expected);
        };
        check(&["body", "subject", "more"], None);
        check(
            &["subjct", "body"],
            Some("the header has no `subject`; rename `subjct` to `subject`?"),
        );
        check(
            &["Subject", "Body"],
            Some(
                "the header has none of `subject`, `body`; rename `Subject` to `subject`, `Body` to `body`?",
            ),
        );
        check(
            &["body", "x"],
            Some("the header has no `subject`; it has `body`, `x`"),
        );
        let separator =
            "the header has none of `subject`, `body` (is `;` the separator? use commas)";
        check(&["subject;body"], Some(separator));
        let tab = "the header has none of `subject`, `body` (is `\\t` the separator? use commas)";
        check(&["subject\tbody"], Some(tab));
    }

    #[test]
    fn without_a_type_every_cell_is_text() {
        check(
            &json!(true),
            &["a", "b"],
            &["1", ""],
            &json!({"a": "1", "b": ""}),
        );
        check(&json!(true), &["a"], &["1"], &json!({"a": "1"}));
    }

    #[test]
    fn the_only_cell_is_the_input_of_a_pipeline_that_takes_one_value() {
        check(&json!({"type": "string"}), &["text"], &["1"], &json!("1"));
        check(&json!({"type": "number"}), &["n"], &["1"], &json!(1));
        check(
            &json!({"type": "object"}),
            &["n"],
            &["1"],
            &json!({"n": "1"}),
        );
    }
}
