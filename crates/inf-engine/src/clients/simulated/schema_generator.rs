//! The walk through a JSON schema that makes a value of it.
//!
//! It follows the keywords that shape a value and leaves the others (`not`,
//! `if`, `pattern`, …) to whoever checks the result against the schema.

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use serde_json::{Map, Value};

use super::schema_merge::{merge, types, without};
use super::schema_number::{integer, number};
use super::schema_text::{text, word};

/// Schemas that one walk may visit: enough for any that people write, and an
/// end to those whose choices multiply.
const MOST_STEPS: u32 = 20_000;
/// How deep one schema may lie in others, references and choices included;
/// deeper ones could overflow the stack of a thread.
const DEEPEST: u32 = 96;
/// From this depth on only what must be there is made.
const LEAN_FROM: u32 = 32;

/// How to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    /// Take values from `examples`.
    pub(super) examples: bool,
    /// Take values from `default`.
    pub(super) defaults: bool,
    /// Make only what must be there.
    pub(super) lean: bool,
}

/// Makes one value.
pub(super) struct SchemaGenerator<'a> {
    root: &'a Value,
    words: &'a [&'a str],
    rng: Pcg64,
    style: Style,
    /// The references that are being resolved: one that is here already is a
    /// recursive one, and from there on the walk is lean.
    open: Vec<String>,
    path: Vec<String>,
    steps: u32,
    depth: u32,
}

type Keywords = Map<String, Value>;

impl<'a> SchemaGenerator<'a> {
    pub(super) fn new(root: &'a Value, words: &'a [&'a str], rng: Pcg64, style: Style) -> Self {
        Self {
            root,
            words,
            rng,
            style,
            open: Vec::new(),
            path: Vec::new(),
            steps: 0,
            depth: 0,
        }
    }

    /// A value for the whole schema, or a sentence that says why not.
    pub(super) fn generate(mut self) -> Result<Value, String> {
        self.value(self.root)
    }

    fn value(&mut self, schema: &Value) -> Result<Value, String> {
        self.steps += 1;
        if self.steps > MOST_STEPS || self.depth > DEEPEST {
            return Err(self.problem("it never ends, or is too large"));
        }
        self.depth += 1;
        let lean_before = self.style.lean;
        self.style.lean |= self.depth > LEAN_FROM;
        let made = match schema {
            Value::Object(keywords) => self.choose(keywords),
            Value::Bool(true) => self.choose(&Keywords::new()),
            Value::Bool(false) => Err(self.problem("it allows nothing here")),
            _ => Err(self.problem("a schema is an object or a boolean")),
        };
        self.style.lean = lean_before;
        self.depth -= 1;
        made
    }

    /// Resolves one keyword that stands for other schemas, and goes on with
    /// what is left; without any, makes a value.
    fn choose(&mut self, keywords: &Keywords) -> Result<Value, String> {
        if let Some(reference) = keywords.get("$ref") {
            return self.referenced(keywords, reference);
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(Value::Array(alternatives)) = keywords.get(keyword) {
                let rest = without(keywords, keyword);
                return self.first_that_works(&rest, alternatives);
            }
        }
        if let Some(Value::Array(parts)) = keywords.get("allOf") {
            let mut all = Value::Object(without(keywords, "allOf"));
            for part in parts {
                all = match all {
                    Value::Object(all) => merge(all, part),
                    _ => None,
                }
                .ok_or_else(|| self.problem("the parts of `allOf` exclude each other"))?;
            }
            return self.value(&all);
        }
        self.plain(keywords)
    }

    fn referenced(&mut self, keywords: &Keywords, reference: &Value) -> Result<Value, String> {
        let root = self.root;
        let target = reference
            .as_str()
            .and_then(|reference| reference.strip_prefix('#'))
            .and_then(|pointer| root.pointer(pointer))
            .ok_or_else(|| self.problem(&format!("the reference {reference} leads nowhere")))?;
        let both = merge(without(keywords, "$ref"), target)
            .ok_or_else(|| self.problem(&format!("{reference} excludes its neighbours")))?;
        let reference = reference.to_string();
        let lean_before = self.style.lean;
        self.style.lean |= self.open.contains(&reference) || std::ptr::eq(target, root);
        self.open.push(reference);
        let made = self.value(&both);
        self.open.pop();
        self.style.lean = lean_before;
        made
    }

    fn first_that_works(&mut self, rest: &Keywords, schemas: &[Value]) -> Result<Value, String> {
        let mut alternatives: Vec<&Value> = schemas.iter().collect();
        alternatives.shuffle(&mut self.rng);
        let lean = self.style.lean;
        alternatives.sort_by_key(|schema| weight(schema, lean));
        let mut problem = None;
        for alternative in alternatives {
            let made = match merge(rest.clone(), alternative) {
                Some(both) => self.value(&both),
                None => continue,
            };
            match made {
                Ok(made) => return Ok(made),
                Err(why) => problem = Some(why),
            }
        }
        Err(problem.unwrap_or_else(|| self.problem("no alternative is possible")))
    }

    fn plain(&mut self, keywords: &Keywords) -> Result<Value, String> {
        if let Some(value) = keywords.get("const") {
            return Ok(value.clone());
        }
        if let Some(value) = keywords.get("default").filter(|_| self.style.defaults) {
            return Ok(value.clone());
        }
        let examples = keywords.get("examples").filter(|_| self.style.examples);
        if let Some(value) = examples.and_then(|examples| self.pick(examples, keywords)) {
            return Ok(value);
        }
        if let Some(values) = keywords.get("enum") {
            return self
                .pick(values, keywords)
                .ok_or_else(|| self.problem("no value of `enum` is possible"));
        }
        let mut kinds = match keywords.get("type") {
            Some(kinds) => types(kinds),
            None => vec![likely_type(keywords)],
        };
        kinds.shuffle(&mut self.rng);
        let lean = self.style.lean;
        kinds.sort_by_key(|kind| type_weight(kind, lean));
        let mut problem = self.problem("`type` names no type");
        for kind in kinds {
            match self.of_type(kind, keywords) {
                Ok(made) => return Ok(made),
                Err(why) => problem = why,
            }
        }
        Err(problem)
    }

    /// One of the list `values` that has an allowed type; null only at last.
    fn pick(&mut self, values: &Value, keywords: &Keywords) -> Option<Value> {
        let kinds = keywords.get("type").map(types);
        let allowed = |value: &&Value| {
            let kind = type_of(value);
            let allows = |name: &&str| *name == kind || (*name == "number" && kind == "integer");
            kinds.as_ref().is_none_or(|kinds| kinds.iter().any(allows))
        };
        let values: Vec<&Value> = values.as_array()?.iter().filter(allowed).collect();
        let (nulls, others): (Vec<&Value>, Vec<&Value>) =
            values.into_iter().partition(|value| value.is_null());
        let from = if others.is_empty() { nulls } else { others };
        if from.is_empty() {
            return None;
        }
        let index = self.rng.random_range(0..from.len());
        Some(from[index].clone())
    }

    fn of_type(&mut self, kind: &str, keywords: &Keywords) -> Result<Value, String> {
        let made = match kind {
            "null" => Ok(Value::Null),
            "boolean" => Ok(Value::Bool(self.rng.random())),
            "integer" => integer(keywords, &mut self.rng),
            "number" => number(keywords, &mut self.rng),
            "string" => text(keywords, self.words, &mut self.rng).map(Value::String),
            "array" => return self.array(keywords),
            "object" => return self.object(keywords),
            unknown => Err(format!("`{unknown}` is no type of JSON")),
        };
        made.map_err(|why| self.problem(&why))
    }

    fn array(&mut self, keywords: &Keywords) -> Result<Value, String> {
        let anything = Value::Bool(true);
        let count_of = |key| keywords.get(key).and_then(Value::as_u64);
        let first = keywords.get("prefixItems").and_then(Value::as_array);
        let first = first.map_or(&[][..], Vec::as_slice);
        let items = keywords.get("items").unwrap_or(&anything);
        let contains = keywords.get("contains");
        let wanted = if contains.is_some() {
            count_of("minContains").unwrap_or(1)
        } else {
            0
        };
        let least = count_of("minItems").unwrap_or(0).max(wanted);
        let mut most = count_of("maxItems").unwrap_or(u64::MAX);
        if items == &Value::Bool(false) {
            most = most.min(first.len() as u64);
        }
        if least > most {
            return Err(self.problem("an array can't have that many items"));
        }
        let count = if self.style.lean {
            least
        } else if !first.is_empty() {
            (first.len() as u64).clamp(least, most)
        } else {
            self.rng.random_range(1..=3_u64).clamp(least, most)
        };
        let unique = keywords.get("uniqueItems") == Some(&Value::Bool(true));
        let mut made: Vec<Value> = Vec::new();
        while (made.len() as u64) < count {
            let at = made.len();
            let both;
            let schema = match (first.get(at), contains) {
                (Some(schema), _) => schema,
                (None, Some(contains)) if ((at - first.len()) as u64) < wanted => {
                    both = serde_json::json!({ "allOf": [items, contains] });
                    &both
                }
                _ => items,
            };
            match self.item(schema, unique.then_some(&made)) {
                Ok(item) => made.push(item),
                Err(_) if at as u64 >= least => break,
                Err(why) => return Err(why),
            }
        }
        Ok(Value::Array(made))
    }

    /// An item that is not in `others`.
    fn item(&mut self, schema: &Value, others: Option<&Vec<Value>>) -> Result<Value, String> {
        for _ in 0..20 {
            let index = others.map_or_else(|| "items".to_owned(), |made| made.len().to_string());
            let item = self.below(index, schema)?;
            if others.is_none_or(|others| !others.contains(&item)) {
                return Ok(item);
            }
        }
        Err(self.problem("there are not enough different items"))
    }

    fn object(&mut self, keywords: &Keywords) -> Result<Value, String> {
        let anything = Value::Bool(true);
        let required = keywords.get("required").map(types).unwrap_or_default();
        let count_of = |key| keywords.get(key).and_then(Value::as_u64);
        let least = count_of("minProperties").unwrap_or(0);
        let most = count_of("maxProperties").unwrap_or(u64::MAX);
        let mut room = most.saturating_sub(required.len() as u64);
        let mut made = Keywords::new();
        let properties = keywords.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            let needed = required.contains(&name.as_str());
            if !needed && (self.style.lean || room == 0) {
                continue;
            }
            match self.below(name.clone(), schema) {
                Ok(value) => {
                    made.insert(name.clone(), value);
                    room -= u64::from(!needed);
                }
                // It is left out, which is allowed.
                Err(_) if !needed => {}
                Err(why) => return Err(why),
            }
        }
        let others = keywords.get("additionalProperties").unwrap_or(&anything);
        for name in required {
            if !made.contains_key(name) {
                let value = self.below(name.to_owned(), others)?;
                made.insert(name.to_owned(), value);
            }
        }
        // A map: no names are given, but what the values are.
        let is_map = properties.is_none() && others.is_object() && !self.style.lean;
        let entries = if is_map {
            self.rng.random_range(1..=3_u64)
        } else {
            0
        };
        let names = keywords.get("propertyNames");
        for _ in 0..entries.max(least).saturating_mul(10).min(1000) {
            let count = made.len() as u64;
            if count >= entries.max(least).min(most) {
                break;
            }
            let name = match names {
                Some(schema) => match merge(string(), schema).map(|schema| self.value(&schema)) {
                    Some(Ok(Value::String(name))) => name,
                    _ => break,
                },
                None => word(self.words, &mut self.rng).to_lowercase(),
            };
            match self.below(name.clone(), others) {
                Ok(value) => made.insert(name, value),
                Err(_) if count >= least => break,
                Err(why) => return Err(why),
            };
        }
        Ok(Value::Object(made))
    }

    fn below(&mut self, step: String, schema: &Value) -> Result<Value, String> {
        self.path.push(step);
        let made = self.value(schema);
        self.path.pop();
        made
    }

    fn problem(&self, why: &str) -> String {
        match self.path.as_slice() {
            [] => why.to_owned(),
            path => format!("at `/{}`: {why}", path.join("/")),
        }
    }
}

/// The keywords of any string.
fn string() -> Keywords {
    let mut keywords = Keywords::new();
    keywords.insert("type".to_owned(), Value::from("string"));
    keywords
}

/// Which alternatives to try first: null last, as models fill what they can,
/// but first where a recursion has to end.
fn weight(schema: &Value, lean: bool) -> u8 {
    match schema.get("type").map(types).as_deref() {
        Some([kind]) => type_weight(kind, lean),
        _ if lean && schema.get("$ref").is_some() => 3,
        _ => u8::from(lean),
    }
}

fn type_weight(kind: &str, lean: bool) -> u8 {
    match (kind, lean) {
        ("null", false) => 1,
        ("null", true) | (_, false) => 0,
        ("array" | "object", true) => 2,
        (_, true) => 1,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The type that a schema without `type` is probably about: of the others its
/// keywords say nothing.
fn likely_type(keywords: &Keywords) -> &'static str {
    let has = |names: &[&str]| names.iter().any(|name| keywords.contains_key(*name));
    if has(&[
        "properties",
        "required",
        "additionalProperties",
        "minProperties",
        "propertyNames",
    ]) {
        "object"
    } else if has(&["items", "prefixItems", "minItems", "contains"]) {
        "array"
    } else if has(&[
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
    ]) {
        "number"
    } else {
        "string"
    }
}
