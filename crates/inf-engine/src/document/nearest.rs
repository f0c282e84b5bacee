//! The name that was probably meant.

/// The name among `known` that is closest to `name`, if one is close.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let similarity = |candidate: &str| strsim::jaro_winkler(name, candidate);
    known
        .into_iter()
        .map(|candidate| (similarity(candidate), candidate))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
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
