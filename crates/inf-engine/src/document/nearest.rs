//! The name that was probably meant.

/// The name among `known` that is closest to `name`, if one is close.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let similarity = |candidate: &str| strsim::jaro_winkler(name, candidate);
    known
        .into_iter()
        .map(|candidate| (similarity(candidate), candidate))
        .filter(|(similarity, candidate)| *similarity >= 0.8 || is_slip(name, candidate))
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Whether one of two names has one letter more, or two neighbours the other way round: of
/// short names that is much of the name.
fn is_slip(name: &str, candidate: &str) -> bool {
    let lengths = (name.len(), candidate.len());
    let letters = |name: &str| {
        let mut letters: Vec<char> = name.chars().collect();
        letters.sort_unstable();
        letters
    };
    lengths.0.min(lengths.1) >= 2
        && lengths.0.abs_diff(lengths.1) <= 1
        && strsim::osa_distance(name, candidate) == 1
        && (lengths.0 != lengths.1 || letters(name) == letters(candidate))
}

/// `` did you mean `x`? `` or else a list of what there is.
pub(crate) fn did_you_mean<'k>(
    name: &str,
    known: impl IntoIterator<Item = &'k str> + Clone,
) -> String {
    if let Some(name) = nearest(name, known.clone()) {
        return format!("did you mean `{name}`?");
    }
    let known: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    if known.is_empty() {
        "there are none".to_owned()
    } else {
        format!("there is {}", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_of_the_pen_are_found_in_short_names_too() {
        let known = ["llm", "if", "map", "prompt", "max_tokens"];
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(nearest(name, known), expected, "{name}");
        };
        check("lm", Some("llm"));
        check("fi", Some("if"));
        check("mpa", Some("map"));
        check("promt", Some("prompt"));
        check("max_token", Some("max_tokens"));
        check("l", None);
        check("ok", None);
        check("add", None);
    }
}
