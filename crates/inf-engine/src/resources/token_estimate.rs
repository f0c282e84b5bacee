//! [`TokenEstimate`]: how many tokens a call will cost, before it is made.

use crate::clients::{LlmRequest, Part, Usage};

/// What a call costs, judged by its length and by the calls before it.
///
/// Characters over characters a token, and the length of answers so far: that
/// is a few additions, where counting tokens exactly would take longer than the
/// rest of a call. Both are learnt from what calls were charged, so that texts in
/// another script or by another tokenizer are judged right after a few answers.
#[derive(Debug)]
pub(super) struct TokenEstimate {
    /// Bytes of a request for each of its tokens.
    bytes_a_token: f64,
    /// Tokens of an answer; `None` before the first.
    output: Option<f64>,
}

impl TokenEstimate {
    /// Usual for English.
    const BYTES_A_TOKEN: f64 = 4.0;
    /// Before anything is known of answers.
    const OUTPUT: f64 = 256.0;
    /// More tokens than any model takes.
    const MOST: u64 = 100_000_000;
    /// What an answer adds to what is known.
    const SHARE: f64 = 1.0 / 32.0;

    pub(super) fn new() -> Self {
        Self {
            bytes_a_token: Self::BYTES_A_TOKEN,
            output: None,
        }
    }

    /// The tokens of a request and its answer.
    pub(super) fn of(&self, request: &LlmRequest) -> f64 {
        let input = size(request) / self.bytes_a_token;
        let most = request.max_tokens.map_or(f64::INFINITY, f64::from);
        let output = self.output.unwrap_or(Self::OUTPUT).min(most);
        (input + output).ceil().max(1.0)
    }

    /// Learns from what a call was charged.
    pub(super) fn note(&mut self, request: &LlmRequest, usage: Usage) {
        // Servers may say anything.
        let tokens = |count: u64| to_f64(count.min(Self::MOST));
        let (input, output) = (tokens(usage.input_tokens), tokens(usage.output_tokens));
        if input > 0.0 {
            let bytes = (size(request) / input).clamp(0.1, 100.0);
            self.bytes_a_token += Self::SHARE * (bytes - self.bytes_a_token);
        }
        if input + output > 0.0 {
            let known = self.output.get_or_insert(output);
            *known += Self::SHARE * (output - *known);
        }
    }
}

/// The bytes of a request's texts; an image counts as a page of text.
fn size(request: &LlmRequest) -> f64 {
    const IMAGE: usize = 4_000;
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    let bytes = parts.map(|part| match part {
        Part::Text(text) => text.len(),
        Part::Image(_) => IMAGE,
        _ => 0,
    });
    let bytes: usize = bytes.sum();
    to_f64(bytes as u64)
}

/// A number of tokens, which floats hold exactly up to 2^52.
#[expect(
    clippy::cast_precision_loss,
    reason = "nobody is charged for 2^52 tokens"
)]
pub(super) fn to_f64(count: u64) -> f64 {
    count as f64
}
