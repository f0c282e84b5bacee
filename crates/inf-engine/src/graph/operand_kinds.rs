//! Whether a [`Compute`] can work on what it is given, as far as schemas and constants
//! say what that is.

use serde_json::Value as Json;

use super::node_schemas::NodeSchemas;
use super::{Compute, Shape};
use crate::value::{Schema, Value};

/// Of a schema with more alternatives nothing is said: they may be of each other, and
/// have no end.
const MOST_PARTS: usize = 1_000;

/// Whether values of a schema may be of the type `name`.
pub(super) fn may_be(schema: &Schema, name: &str) -> bool {
    let schema = schema.as_json();
    Kinds::of_schema(schema, schema).may_be(Kinds::of_name(name))
}

/// The kinds that a value may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kinds(u8);

impl Kinds {
    const NULL: Self = Self(1);
    const BOOLEAN: Self = Self(2);
    const NUMBER: Self = Self(4);
    const TEXT: Self = Self(8);
    const LIST: Self = Self(16);
    const MAP: Self = Self(32);
    const ANY: Self = Self(63);

    /// As [`Value::kind`] calls them.
    const NAMES: [(Self, &'static str); 6] = [
        (Self::NULL, "null"),
        (Self::BOOLEAN, "a boolean"),
        (Self::NUMBER, "a number"),
        (Self::TEXT, "a string"),
        (Self::LIST, "a list"),
        (Self::MAP, "a map"),
    ];

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    const fn may_be(self, other: Self) -> bool {
        self.and(other).0 != 0
    }

    fn of_name(name: &str) -> Self {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" | "number" => Self::NUMBER,
            "string" => Self::TEXT,
            "array" => Self::LIST,
            "object" => Self::MAP,
            _ => Self::ANY,
        }
    }

    fn of_json(value: &Json) -> Self {
        match value {
            Json::Null => Self::NULL,
            Json::Bool(_) => Self::BOOLEAN,
            Json::Number(_) => Self::NUMBER,
            Json::String(_) => Self::TEXT,
            Json::Array(_) => Self::LIST,
            Json::Object(_) => Self::MAP,
        }
    }

    fn of_value(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::TEXT,
            Value::List(_) => Self::LIST,
            Value::Map(_) => Self::MAP,
        }
    }

    /// Those of the values of a schema, which is a part of `root`.
    fn of_schema(schema: &Json, root: &Json) -> Self {
        let mut kinds = Self(0);
        let mut parts = 0;
        let mut next = vec![schema];
        while let Some(schema) = next.pop() {
            parts += 1;
            if parts > MOST_PARTS {
                return Self::ANY;
            }
            let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
            let refers = schema.get("$ref").and_then(Json::as_str);
            let refers = refers.and_then(|name| root.pointer(name.strip_prefix('#')?));
            if let Some(Json::String(name)) = schema.get("type") {
                kinds = kinds.or(Self::of_name(name));
            } else if let Some(Json::Array(names)) = schema.get("type") {
                let names = names.iter().filter_map(Json::as_str);
                kinds = names.map(Self::of_name).fold(kinds, Self::or);
            } else if let Some(Json::Array(values)) = schema.get("enum") {
                kinds = values.iter().map(Self::of_json).fold(kinds, Self::or);
            } else if let Some(value) = schema.get("const") {
                kinds = kinds.or(Self::of_json(value));
            } else if let Some(Json::Array(alternatives)) = alternatives {
                next.extend(alternatives);
            } else if let Some(found) = refers {
                next.push(found);
            } else {
                return Self::ANY;
            }
        }
        // Where there can be no value at all, nothing is known of one.
        if kinds == Self(0) { Self::ANY } else { kinds }
    }

    /// As in `a string or null`.
    fn named(self) -> String {
        let names = Self::NAMES.iter().filter(|(kind, _)| self.may_be(*kind));
        let names: Vec<&str> = names.map(|(_, name)| *name).collect();
        names.join(" or ")
    }
}

/// What a function is given.
struct Given {
    whole: Kinds,
    /// Of its elements, if it is a list: each, or all of them if it is not known
    /// how many there are.
    elements: Result<Vec<Kinds>, Kinds>,
}

impl Given {
    fn new(schemas: &NodeSchemas<'_>, shape: &Shape) -> Self {
        let of_shape = |shape: &Shape| match shape {
            Shape::Constant(value) => Kinds::of_value(value),
            other => {
                let schema = schemas.of_shape(other);
                Kinds::of_schema(schema.as_json(), schema.as_json())
            }
        };
        let elements = match shape {
            Shape::List(elements) => Ok(elements.iter().map(of_shape).collect()),
            Shape::Constant(Value::List(elements)) => {
                Ok(elements.iter().map(Kinds::of_value).collect())
            }
            Shape::Reference(_) => {
                let schema = schemas.of_shape(shape);
                let root = schema.as_json();
                let items = root
                    .get("items")
                    .filter(|_| root.get("prefixItems").is_none());
                Err(items.map_or(Kinds::ANY, |items| Kinds::of_schema(items, root)))
            }
            _ => Err(Kinds::ANY),
        };
        Self {
            whole: of_shape(shape),
            elements,
        }
    }

    fn each(&self) -> &[Kinds] {
        match &self.elements {
            Ok(elements) => elements,
            Err(all) => std::slice::from_ref(all),
        }
    }
}

/// Why `function` can never work on what `input` will be.
pub(super) fn operand_problem(
    function: Compute,
    input: &Shape,
    schemas: &NodeSchemas<'_>,
) -> Option<String> {
    let given = Given::new(schemas, input);
    wrong(function, &given).err()
}

fn wrong(function: Compute, given: &Given) -> Result<(), String> {
    let name = function.name();
    let needs = |what: &str, got: Kinds, wanted: Kinds| {
        if got.may_be(wanted) {
            Ok(())
        } else {
            Err(format!("`{name}` needs {what} and gets {}", got.named()))
        }
    };
    let whole = |what: &str, wanted: Kinds| needs(what, given.whole, wanted);
    let each = |what: &str, wanted: Kinds| {
        whole(what, Kinds::LIST)?;
        let mut elements = given.each().iter();
        elements.try_for_each(|one| needs(what, *one, wanted))
    };
    let pair = || {
        whole("a list of two values", Kinds::LIST)?;
        match &given.elements {
            Ok(elements) => match elements[..] {
                [first, second] => Ok((first, second)),
                _ => Err(format!(
                    "`{name}` needs a list of two values and gets one of {}",
                    elements.len()
                )),
            },
            Err(all) => Ok((*all, *all)),
        }
    };
    let two = |what: &str, wanted: (Kinds, Kinds)| {
        let (first, second) = pair()?;
        if first.may_be(wanted.0) && second.may_be(wanted.1) {
            Ok(())
        } else {
            let (first, second) = (first.named(), second.named());
            Err(format!(
                "`{name}` needs {what} and gets {first} and {second}"
            ))
        }
    };
    let holds = Kinds::TEXT.or(Kinds::LIST).or(Kinds::MAP);
    match function {
        Compute::Keys | Compute::Values | Compute::Items => whole("a map", Kinds::MAP),
        Compute::Equal | Compute::NotEqual => pair().map(drop),
        Compute::Less | Compute::LessOrEqual | Compute::Greater | Compute::GreaterOrEqual => {
            let (first, second) = pair()?;
            let both = first.and(second);
            // Two numbers, or two texts, and never one of each.
            let wanted = if both.may_be(Kinds::NUMBER.or(Kinds::TEXT)) {
                Kinds::ANY
            } else {
                Kinds(0)
            };
            two("two numbers or two texts", (wanted, wanted))
        }
        Compute::Contains => {
            let (first, second) = pair()?;
            needs("a text, a list or a map to look in", first, holds)?;
            // A list may hold anything.
            if first.may_be(Kinds::LIST) {
                Ok(())
            } else {
                needs("a text to look for", second, Kinds::TEXT)
            }
        }
        Compute::StartsWith | Compute::EndsWith => two("two texts", (Kinds::TEXT, Kinds::TEXT)),
        Compute::IsEmpty => whole("a text, a list or a map", holds.or(Kinds::NULL)),
        Compute::Length => whole("a text, a list or a map", holds),
        Compute::And | Compute::Or => each("a list of booleans", Kinds::BOOLEAN),
        Compute::Not => whole("a boolean", Kinds::BOOLEAN),
        Compute::Add | Compute::Subtract | Compute::Multiply | Compute::Divide => {
            two("two numbers", (Kinds::NUMBER, Kinds::NUMBER))
        }
        Compute::Zip => each("lists", Kinds::LIST),
        Compute::Join => two("a list and a text", (Kinds::LIST, Kinds::TEXT)),
        Compute::Chunks => two("a text and a whole number", (Kinds::TEXT, Kinds::NUMBER)),
        Compute::Trim | Compute::Lowercase => whole("a text", Kinds::TEXT),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::graph::{GraphBuilder, GraphNode, Operation};

    /// Whether a graph may have `function` on a constant.
    fn is_allowed(function: Compute, input: &Value) -> bool {
        let mut builder = GraphBuilder::new("constant", Schema::any());
        let input = Shape::Constant(input.clone());
        let node = builder.add(GraphNode::new("n", Operation::Compute { function, input }));
        builder.finish(node.into()).is_ok()
    }

    #[test]
    fn what_works_is_never_refused() {
        let simple = [
            json!(null),
            json!(true),
            json!(2),
            json!("a"),
            json!([]),
            json!([1]),
            json!([true, false]),
            json!([true, "a"]),
            json!([[1], ["a"]]),
            json!({}),
            json!({"a": 1}),
        ];
        let pairs = simple
            .iter()
            .flat_map(|first| simple.iter().map(move |second| json!([first, second])));
        let mut refused = 0;
        for input in simple.iter().cloned().chain(pairs) {
            let input = Value::from(input);
            for function in Compute::ALL {
                let works = function.apply(&input);
                let is_allowed = is_allowed(function, &input);
                assert!(
                    is_allowed || works.is_err(),
                    "{} {input:?}",
                    function.name()
                );
                refused += usize::from(!is_allowed);
            }
        }
        assert!(refused > 1_000, "{refused}");
    }
}
