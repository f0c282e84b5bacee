//! [`PerSchema`]: what is made once for each schema.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clients::OutputSchema;

/// What was made of the schemas that were used last.
///
/// A node of a graph shares one schema among all of its calls, so that a schema
/// is known by its address; holding it keeps the address from being reused.
#[derive(Debug)]
pub(crate) struct PerSchema<T> {
    known: Mutex<VecDeque<(Arc<OutputSchema>, Arc<T>)>>,
}

impl<T> Default for PerSchema<T> {
    fn default() -> Self {
        Self {
            known: Mutex::default(),
        }
    }
}

impl<T> PerSchema<T> {
    /// More than the nodes of one graph usually ask of one endpoint.
    const MOST_KNOWN: usize = 64;

    /// What `make` makes of `schema`, or made of it before.
    pub(crate) fn of(
        &self,
        schema: &Arc<OutputSchema>,
        make: impl FnOnce(&OutputSchema) -> T,
    ) -> Arc<T> {
        // Nothing can panic halfway through a change, so that a poisoned list
        // is as good as any.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, made)) = known.iter().find(|(known, _)| Arc::ptr_eq(known, schema)) {
            return Arc::clone(made);
        }
        let made = Arc::new(make(schema));
        if known.len() == Self::MOST_KNOWN {
            known.pop_front();
        }
        known.push_back((Arc::clone(schema), Arc::clone(&made)));
        made
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn made_once_per_schema_and_no_end_of_schemas() {
        let all = PerSchema::default();
        let schema = || {
            Arc::new(OutputSchema {
                name: "it".to_owned(),
                schema: json!({"type": "object"}),
            })
        };
        let first = schema();
        let name = |schema: &OutputSchema| schema.name.clone();
        assert!(Arc::ptr_eq(&all.of(&first, name), &all.of(&first, name)));
        for _ in 0..200 {
            all.of(&schema(), name);
        }
        let known = all.known.lock().expect("no panic");
        assert_eq!(known.len(), PerSchema::<String>::MOST_KNOWN);
    }
}
