//! What a request is, as a number to draw from.

use rand::SeedableRng;
use rand_pcg::Pcg64;

use super::super::{LlmRequest, Role};

/// The hash of a seed, a model and everything that a request asks.
///
/// Fields are hashed with their lengths, so that no two requests look alike,
/// and in one order: the value is the same on every machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestDigest([u8; 32]);

/// What is drawn; each draw has a generator of its own, so that a new setting
/// for one does not change the others.
#[derive(Debug, Clone, Copy)]
pub(super) enum Draw {
    /// The answer: of the request, however often it was asked.
    Answer,
    /// The latency of one occurrence.
    Latency(u32),
    /// The fault of one occurrence.
    Fault(u32),
}

impl RequestDigest {
    /// The digest of `request` to `model` under `seed`.
    pub(super) fn of(seed: u64, model: &str, request: &LlmRequest) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("inf-engine simulated request v1");
        hasher.update(&seed.to_le_bytes());
        update(&mut hasher, model.as_bytes());
        update_count(&mut hasher, request.messages.len());
        for message in &request.messages {
            let role: &[u8] = match message.role {
                Role::System => b"system",
                Role::User => b"user",
                Role::Assistant => b"assistant",
            };
            update(&mut hasher, role);
            update(&mut hasher, message.content.as_bytes());
        }
        update(
            &mut hasher,
            &option(request.temperature.map(f64::to_le_bytes)),
        );
        update(
            &mut hasher,
            &option(request.max_tokens.map(u32::to_le_bytes)),
        );
        update_count(&mut hasher, request.stop.len());
        for stop in &request.stop {
            update(&mut hasher, stop.as_bytes());
        }
        if let Some(schema) = &request.output_schema {
            update(&mut hasher, schema.name.as_bytes());
            update(&mut hasher, schema.schema.to_string().as_bytes());
        }
        Self(hasher.finalize().into())
    }

    /// A generator for one draw.
    pub(super) fn rng(&self, draw: Draw) -> Pcg64 {
        Pcg64::from_seed(self.derive(draw))
    }

    /// Sixteen hexadecimal digits that stand for the answer.
    pub(super) fn hex(&self) -> String {
        hex(self.derive(Draw::Answer))
    }

    /// An identifier of one call, the same whenever it is repeated.
    pub(super) fn call_id(&self, occurrence: u32) -> String {
        format!("sim-{}", hex(self.derive(Draw::Latency(occurrence))))
    }

    /// Enough of the digest to tell requests apart.
    pub(super) fn short(&self) -> u128 {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0[..16]);
        u128::from_le_bytes(bytes)
    }

    fn derive(&self, draw: Draw) -> [u8; 32] {
        let (tag, occurrence) = match draw {
            Draw::Answer => (0_u8, 0),
            Draw::Latency(occurrence) => (1, occurrence),
            Draw::Fault(occurrence) => (2, occurrence),
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&[tag]);
        hasher.update(&occurrence.to_le_bytes());
        hasher.finalize().into()
    }
}

fn hex(bytes: [u8; 32]) -> String {
    blake3::Hash::from_bytes(bytes).to_hex()[..16].to_owned()
}

fn update(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    update_count(hasher, bytes.len());
    hasher.update(bytes);
}

/// Eight bytes on every machine, whatever its `usize`.
fn update_count(hasher: &mut blake3::Hasher, count: usize) {
    hasher.update(&(count as u64).to_le_bytes());
}

/// Nothing is not zero.
fn option<const N: usize>(bytes: Option<[u8; N]>) -> Vec<u8> {
    bytes.map(Vec::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::super::{Message, OutputSchema};
    use super::*;

    #[test]
    fn whatever_is_asked_makes_another_digest() {
        let base = || LlmRequest::from_prompt("a");
        let schema = |name: &str, schema| {
            Some(Arc::new(OutputSchema {
                name: name.into(),
                schema,
            }))
        };
        let with = |change: &dyn Fn(&mut LlmRequest)| {
            let mut request = base();
            change(&mut request);
            RequestDigest::of(0, "m", &request)
        };
        let mut digests = vec![
            RequestDigest::of(0, "m", &base()),
            RequestDigest::of(1, "m", &base()),
            RequestDigest::of(0, "n", &base()),
            with(&|request| request.messages[0].content = "b".into()),
            with(&|request| request.messages[0].role = Role::System),
            with(&|request| request.messages.push(Message::new(Role::User, "a"))),
            with(&|request| request.temperature = Some(0.0)),
            with(&|request| request.max_tokens = Some(0)),
            with(&|request| request.stop = vec!["ab".into()]),
            with(&|request| request.stop = vec!["a".into(), "b".into()]),
            with(&|request| request.output_schema = schema("a", true.into())),
            with(&|request| request.output_schema = schema("b", true.into())),
            with(&|request| request.output_schema = schema("a", false.into())),
        ];
        let count = digests.len();
        digests.sort_by_key(|digest| digest.0);
        digests.dedup();
        assert_eq!(digests.len(), count);
    }

    #[test]
    fn the_values_never_change() {
        let digest = RequestDigest::of(7, "model", &LlmRequest::from_prompt("Hello."));
        assert_eq!(digest.hex(), "7cce57870fe48796");
        assert_eq!(digest.call_id(0), "sim-17d64ab6745dec5b");
    }
}
