//! What older models can't do.
//!
//! Names of models that are older than a feature are all known, and those of
//! newer ones can't be: what is not listed here can do everything. A name may
//! have something before `claude` and a date behind.

/// Whether `model` thinks within a budget of tokens; all since Claude 4.6 think
/// adaptively ([which](https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking)).
pub(super) fn thinks_within_budget(model: &str) -> bool {
    const NEWER: [&str; 3] = ["claude-sonnet-4-5", "claude-opus-4-5", "claude-haiku-4-5"];
    is_first_of_four(model) || NEWER.iter().any(|name| model.contains(name))
}

/// Whether an answer of `model` can be forced into a shape natively; all since
/// Claude 4.5 can
/// ([which](https://platform.claude.com/docs/en/build-with-claude/structured-outputs)).
pub(super) fn enforces_schemas(model: &str) -> bool {
    !is_first_of_four(model)
}

/// Whether `model` is from before Claude 4.5.
fn is_first_of_four(model: &str) -> bool {
    const OLD: [&str; 7] = [
        "claude-2",
        "claude-3",
        "claude-sonnet-4-0",
        "claude-sonnet-4-2025",
        "claude-opus-4-0",
        "claude-opus-4-1",
        "claude-opus-4-2025",
    ];
    OLD.iter().any(|name| model.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_models_can_do_more() {
        let check = |model, budget, schemas| {
            let found = (thinks_within_budget(model), enforces_schemas(model));
            assert_eq!(found, (budget, schemas), "{model}");
        };
        check("claude-3-7-sonnet-20250219", true, false);
        check("us.anthropic.claude-sonnet-4-20250514-v1:0", true, false);
        check("claude-opus-4-1-20250805", true, false);
        check("claude-haiku-4-5", true, true);
        check("claude-sonnet-4-6", false, true);
        check("claude-opus-5-20270101", false, true);
    }
}
