//! [`TokenEstimate`]: how many tokens a call will cost, before it is made.

use super::request_tokens;
use crate::clients::{LlmRequest, Usage};

/// What a call costs, judged by its length and by the calls before it.
///
/// What its characters are taken for, and the length of answers so far: that is
/// quick, where counting tokens exactly would take longer than the rest of a
/// call. Both are corrected by what calls were charged, so that texts in another
/// script or by another tokenizer are judged right after a few answers.
#[derive(Debug)]
pub(super) struct TokenEstimate {
    /// Tokens that are charged for each one that is counted.
    charged: f64,
    /// Tokens of an answer; `None` before the first.
    output: Option<f64>,
}

impl TokenEstimate {
    /// Before anything is known of answers.
    const OUTPUT: f64 = 256.0;
    /// More tokens than any model takes.
    const MOST: u64 = 100_000_000;
    /// What an answer adds to what is known.
    const SHARE: f64 = 1.0 / 32.0;

    pub(super) fn new() -> Self {
        Self {
            charged: 1.0,
            output: None,
        }
    }

    /// The tokens of a request and its answer.
    pub(super) fn of(&self, request: &LlmRequest) -> f64 {
        let input = to_f64(request_tokens(request)) * self.charged;
        let most = request.max_tokens.map_or(f64::INFINITY, f64::from);
        let output = self.output.unwrap_or(Self::OUTPUT).min(most);
        (input + output).ceil().max(1.0)
    }

    /// Learns from what a call was charged.
    pub(super) fn note(&mut self, request: &LlmRequest, usage: Usage) {
        // Servers may say anything.
        let tokens = |count: u64| to_f64(count.min(Self::MOST));
        let (input, output) = (tokens(usage.input_tokens), tokens(usage.output_tokens));
        let counted = to_f64(request_tokens(request));
        if input > 0.0 && counted > 0.0 {
            let charged = (input / counted).clamp(0.04, 40.0);
            self.charged += Self::SHARE * (charged - self.charged);
        }
        if input + output > 0.0 {
            let known = self.output.get_or_insert(output);
            *known += Self::SHARE * (output - *known);
        }
    }
}

/// A number of tokens, which floats hold exactly up to 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "nobody is charged for 2^52 tokens"
)]
pub(super) fn to_f64(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clients::samples::{look, look_call, look_result};
    use crate::clients::{Message, Role};

    #[test]
    fn what_tools_give_and_are_counts_too() {
        let estimate = TokenEstimate::new();
        let mut request = LlmRequest::from_prompt("12345678");
        let plain = estimate.of(&request);
        request.tools.push(look());
        let with_tools = estimate.of(&request);
        assert!(with_tools > plain);
        request
            .messages
            .push(Message::from_parts(Role::Assistant, [look_call()]));
        let given = look_result(&"1234".repeat(1_000), false);
        request
            .messages
            .push(Message::from_parts(Role::Tool, [given]));
        assert!(estimate.of(&request) >= with_tools + 1_000.0);
    }

    #[test]
    fn what_calls_were_charged_corrects_it() {
        let mut estimate = TokenEstimate::new();
        let request = LlmRequest::from_prompt("1234".repeat(96));
        let usage = Usage {
            input_tokens: 300,
            output_tokens: 50,
            ..Usage::default()
        };
        for _ in 0..200 {
            estimate.note(&request, usage);
        }
        let found = estimate.of(&request);
        assert!((345.0..=351.0).contains(&found), "{found}");
    }
}
