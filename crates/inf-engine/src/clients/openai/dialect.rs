//! [`Dialect`]: where servers of the format differ.

/// Where servers of the format differ.
///
/// ```
/// use inf_engine::clients::openai::Dialect;
///
/// assert_eq!(Dialect::of_base_url("https://api.openai.com/v1"), Dialect::OpenAi);
/// assert_eq!(Dialect::of_base_url("http://localhost:8000/v1"), Dialect::Compatible);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// `OpenAI` itself: the answer's bound is `max_completion_tokens`, and its
    /// reasoning models refuse the older name.
    OpenAi,
    /// Everyone else (vLLM, TGI, llama.cpp, `LiteLLM`, …): the bound is
    /// `max_tokens`, which all of them know.
    Compatible,
}

impl Dialect {
    /// `OpenAi` if the address is one of its own, else `Compatible`.
    pub fn of_base_url(base_url: &str) -> Self {
        let host = url::Url::parse(base_url)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default();
        let is_own = host == "openai.com"
            || host.ends_with(".openai.com")
            || host.ends_with(".openai.azure.com");
        if is_own {
            Self::OpenAi
        } else {
            Self::Compatible
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_suggests_the_dialect() {
        let check = |base_url, expected| assert_eq!(Dialect::of_base_url(base_url), expected);
        check("https://api.openai.com/v1", Dialect::OpenAi);
        check("https://eu.api.openai.com/v1", Dialect::OpenAi);
        check("https://mine.openai.azure.com/openai/v1", Dialect::OpenAi);
        check("https://api.openai.com.example/v1", Dialect::Compatible);
        check("https://notopenai.com/v1", Dialect::Compatible);
        check("http://localhost:8000/v1", Dialect::Compatible);
        check("not a url", Dialect::Compatible);
    }
}
