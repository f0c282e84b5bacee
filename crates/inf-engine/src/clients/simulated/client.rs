//! One simulated call from start to end.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::super::{
    ClientDescription, ClientErrorKind, DeltaSink, LlmClient, LlmFuture, LlmRequest, LlmResponse,
    Reasoning, Timings, Usage,
};
use super::answer::Answerer;
use super::cut::{cached_tokens, cut, input_tokens};
use super::gate::Gate;
use super::occurrences::Occurrences;
use super::queue::Queue;
use super::request_digest::{Draw, RequestDigest};
use super::thoughts::thoughts;
use super::{InvalidSetting, PlannedCall, SimulatedSettings};

/// A model that is made up: deterministic, in process, with the latency, the
/// quotas and the faults of its [`SimulatedSettings`].
///
/// Needs a tokio runtime with a clock only if a latency is set.
///
/// ```
/// use inf_engine::clients::simulated::{SimulatedClient, SimulatedSettings};
/// use inf_engine::clients::{LlmClient, LlmRequest};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = SimulatedClient::new("tiny", SimulatedSettings::default())?;
/// let request = LlmRequest::from_prompt("Summarize:\nRust is a language. It is fast.");
/// let response = client.send(&request).await?;
/// assert_eq!(response.text, "Simulated answer: Rust is a language.");
/// assert_eq!(client.calls(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SimulatedClient {
    model: String,
    settings: SimulatedSettings,
    answerer: Answerer,
    gate: Option<Gate>,
    queue: Option<Queue>,
    /// Kept only where the occurrence changes anything, which is where faults
    /// or latencies are drawn.
    occurrences: Option<Occurrences>,
    calls: AtomicU64,
    rate_limited: AtomicU64,
    faulted: AtomicU64,
    rejected: AtomicU64,
}

impl SimulatedClient {
    /// A client for the made-up model `model`.
    ///
    /// # Errors
    ///
    /// A setting out of its range, see [`SimulatedSettings::validate`].
    pub fn new(
        model: impl Into<String>,
        settings: SimulatedSettings,
    ) -> Result<Self, InvalidSetting> {
        settings.validate()?;
        let draws = settings.latency.is_drawn() || settings.faults.sum() > 0.0;
        Ok(Self {
            model: model.into(),
            answerer: Answerer::new(&settings.answer)?,
            gate: Gate::new(&settings),
            queue: settings.capacity.map(Queue::new),
            occurrences: draws.then(Occurrences::default),
            settings,
            calls: AtomicU64::new(0),
            rate_limited: AtomicU64::new(0),
            faulted: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
        })
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The settings that the client was made with.
    pub fn settings(&self) -> &SimulatedSettings {
        &self.settings
    }

    /// Calls that were given an answer so far.
    ///
    /// As with every count here, a call counts when it is accepted: one that
    /// its caller gave up while waiting counts too, as a provider charges it.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Calls that a quota refused so far.
    pub fn rate_limited(&self) -> u64 {
        self.rate_limited.load(Ordering::Relaxed)
    }

    /// Calls that failed by [`Faults`](super::Faults) so far.
    pub fn faulted(&self) -> u64 {
        self.faulted.load(Ordering::Relaxed)
    }

    /// Calls refused so far because a schema can't be satisfied, a tool is not
    /// there or they are larger than the whole quota.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Decides what becomes of a call that arrives now, without waiting.
    ///
    /// [`send`](LlmClient::send) is this and a pause of `total`. It counts as a
    /// call and takes from the quota.
    ///
    /// ```
    /// use std::time::Duration;
    /// use inf_engine::clients::LlmRequest;
    /// use inf_engine::clients::simulated::{Latency, SimulatedClient, SimulatedSettings};
    ///
    /// let settings = SimulatedSettings {
    ///     latency: Latency { median_ms: 250.0, ..Latency::default() },
    ///     ..SimulatedSettings::default()
    /// };
    /// let client = SimulatedClient::new("tiny", settings)?;
    /// let call = client.plan(&LlmRequest::from_prompt("Hello."));
    /// assert_eq!(call.total, Duration::from_millis(250));
    /// assert_eq!(call.outcome?.text, "Simulated answer: Hello.");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn plan(&self, request: &LlmRequest) -> PlannedCall {
        // Only who has limits looks at the clock.
        let now = (self.gate.is_some() || self.queue.is_some()).then(Instant::now);
        let mut rate_limits = None;
        let mut admission = None;
        // A call that a quota refuses is no occurrence: who is refused
        // depends on the clock, and nothing that is drawn may.
        if let (Some(gate), Some(now)) = (&self.gate, now) {
            match gate.admit(request, now) {
                Ok((admitted, left)) => {
                    rate_limits = left;
                    admission = Some((gate, admitted));
                }
                Err(error) => {
                    count(match error.kind {
                        ClientErrorKind::RateLimited => &self.rate_limited,
                        _ => &self.rejected,
                    });
                    return PlannedCall::failure(Duration::ZERO, error);
                }
            }
        }
        let mut call = self.answer(request);
        if let (Some(queue), Some(now)) = (&self.queue, now)
            && !call.total.is_zero()
        {
            let line = queue.enter(now, call.total);
            call = call.behind(line);
        }
        if let Some((gate, admission)) = admission {
            let used = call.outcome.as_ref().map_or(0, |response| {
                response.usage.input_tokens + response.usage.output_tokens
            });
            gate.settle(&admission, call.total, used);
        }
        if let Ok(response) = &mut call.outcome {
            response.rate_limits = rate_limits;
        }
        call
    }

    /// What becomes of a call that was let in and begins at once.
    fn answer(&self, request: &LlmRequest) -> PlannedCall {
        let digest = RequestDigest::of(self.settings.seed, &self.model, request);
        let occurrences = self.occurrences.as_ref();
        let occurrence = occurrences.map_or(0, |occurrences| occurrences.next(&digest));
        let latency = &self.settings.latency;
        let first_byte = latency.draw(&mut digest.rng(Draw::Latency(occurrence)));
        let mut fault_rng = digest.rng(Draw::Fault(occurrence));
        if let Some(fault) = self.settings.faults.draw(&mut fault_rng) {
            count(&self.faulted);
            return PlannedCall::failure(fault.after(first_byte), fault.to_error());
        }
        let answer = match self.answerer.answer(request, &self.model, &digest) {
            Ok(said) => cut(thoughts(request), said, request),
            Err(refused) => {
                count(&self.rejected);
                return PlannedCall::failure(Duration::ZERO, refused);
            }
        };
        count(&self.calls);
        let total = first_byte + latency.writing(answer.tokens);
        let mut response = LlmResponse::from_text(answer.text);
        response.tool_calls = answer.tool_calls;
        if !answer.thoughts.is_empty() {
            response.reasoning.push(Reasoning {
                text: answer.thoughts,
                block: None,
            });
        }
        response.finish_reason = answer.finish_reason;
        response.usage = Usage {
            input_tokens: input_tokens(request).into(),
            output_tokens: answer.tokens.into(),
            cached_tokens: cached_tokens(request).into(),
            reasoning_tokens: answer.thought_tokens.into(),
        };
        response.model.clone_from(&self.model);
        response.timings = Timings {
            first_byte,
            total,
            ..Timings::default()
        };
        response.id = Some(digest.call_id(occurrence));
        response.request_id = response.id.clone();
        PlannedCall {
            first_byte,
            total,
            outcome: Ok(response),
            stopped_by: answer.stopped_by,
        }
    }
}

impl LlmClient for SimulatedClient {
    fn description(&self) -> ClientDescription {
        ClientDescription::new("simulated").with_model(&self.model)
    }

    /// Answers after the planned time. The response's timings are those that
    /// were planned, to the microsecond; tokio's clock may add a millisecond.
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let call = self.plan(request);
            if !call.total.is_zero() {
                tokio::time::sleep(call.total).await;
            }
            call.outcome
        })
    }

    /// Tells the answer word by word over the planned time. What it returns is
    /// what [`send`](LlmClient::send) would, and when the first word came.
    fn stream<'a>(&'a self, request: &'a LlmRequest, sink: &'a mut DeltaSink<'_>) -> LlmFuture<'a> {
        Box::pin(async move {
            let arrival = Instant::now();
            self.plan(request).tell(arrival, sink).await
        })
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::super::super::{FinishReason, Message, OutputSchema, Retry, Role};
    use super::super::{Answer, Faults, Latency, Quota, Script, ScriptRule};
    use super::*;

    fn client(settings: SimulatedSettings) -> SimulatedClient {
        SimulatedClient::new("tiny", settings).expect("valid settings")
    }

    fn answering(answer: Answer) -> SimulatedClient {
        client(SimulatedSettings {
            answer,
            ..SimulatedSettings::default()
        })
    }

    fn unreliable(seed: u64) -> SimulatedSettings {
        SimulatedSettings {
            seed,
            answer: Answer::Hash,
            latency: Latency {
                median_ms: 100.0,
                spread: 0.4,
                per_output_token_ms: 2.0,
            },
            faults: Faults {
                error_ratio: 0.1,
                disconnect_ratio: 0.1,
                rate_limited_ratio: 0.1,
            },
            ..SimulatedSettings::default()
        }
    }

    fn number(number: usize) -> LlmRequest {
        LlmRequest::from_prompt(format!("number {number}"))
    }

    fn with_schema(prompt: &str, schema: Value) -> LlmRequest {
        let name = "Thing".to_owned();
        LlmRequest {
            output_schema: Some(Arc::new(OutputSchema { name, schema })),
            ..LlmRequest::from_prompt(prompt)
        }
    }

    fn text(client: &SimulatedClient, request: &LlmRequest) -> String {
        client.plan(request).outcome.expect("an answer").text
    }

    #[test]
    fn each_answer_is_what_its_setting_says() {
        let mut request = LlmRequest::from_prompt("List:\nApples and pears. More.");
        request
            .messages
            .insert(0, Message::new(Role::System, "Be brief."));
        let check = |answer: Answer, expected: &str| {
            assert_eq!(text(&answering(answer), &request), expected);
        };
        check(Answer::default(), "Simulated answer: Apples and pears.");
        check(Answer::Echo, "List:\nApples and pears. More.");
        check(
            Answer::Template("{{{model}}} {system} {excerpt}".into()),
            "{tiny} Be brief. Apples and pears.",
        );
        let rules = vec![ScriptRule::containing("plums", "P")];
        let otherwise = Some("I do not {know}.".to_owned());
        let script = Script { rules, otherwise };
        check(Answer::Script(script), "I do not {know}.");
        check(
            Answer::Script(Script::default()),
            "Simulated answer: Apples and pears.",
        );
        let hash = text(&answering(Answer::Hash), &request);
        assert_eq!(hash.len(), 16);
        check(Answer::Template("{hash}".into()), &hash);
        assert_ne!(hash, text(&answering(Answer::Hash), &number(1)));
    }

    #[test]
    fn a_schema_is_satisfied_unless_a_rule_of_the_script_matches() {
        let schema = json!({
            "type": "object",
            "properties": { "fruit": { "type": "string" }, "count": { "type": "integer" } },
            "required": ["fruit", "count"],
        });
        let request = with_schema("Apples and pears", schema.clone());
        let rules = vec![ScriptRule::containing("plums", "no JSON")];
        let otherwise = Some("Never.".to_owned());
        let scripted = answering(Answer::Script(Script { rules, otherwise }));
        for client in [&answering(Answer::Echo), &scripted] {
            let value: Value = serde_json::from_str(&text(client, &request)).expect("JSON");
            assert!(jsonschema::is_valid(&schema, &value), "{value}");
        }
        assert_eq!(text(&scripted, &with_schema("plums", schema)), "no JSON");

        let refused = scripted
            .plan(&with_schema("pears", json!(false)))
            .outcome
            .expect_err("a failure");
        assert_eq!(
            (refused.kind, refused.retry),
            (ClientErrorKind::Refused, Retry::Never)
        );
        assert_eq!(
            refused.message,
            "the simulated provider can't answer in the schema `Thing`: it allows nothing here"
        );
        assert_eq!((scripted.calls(), scripted.rejected()), (2, 1));
    }

    #[test]
    fn limits_cut_the_answer_and_the_usage_follows() {
        let client = answering(Answer::Echo);
        let mut request = LlmRequest::from_prompt("one two three four");
        request.max_tokens = Some(2);
        let response = client.plan(&request).outcome.expect("an answer");
        assert_eq!(response.text, "one two ");
        assert_eq!(response.finish_reason, FinishReason::Length);
        assert_eq!(
            (response.usage.input_tokens, response.usage.output_tokens),
            (5, 2)
        );
        assert_eq!(response.model, "tiny");
        request.stop = vec!["two".into()];
        let response = client.plan(&request).outcome.expect("an answer");
        assert_eq!(
            (response.text.as_str(), response.finish_reason),
            ("one ", FinishReason::Stop)
        );
    }

    #[test]
    fn what_is_drawn_depends_on_no_order() {
        let (forth, back) = (client(unreliable(7)), client(unreliable(7)));
        // Each request three times, as retries would.
        let all: Vec<_> = (0..600)
            .map(|index| forth.plan(&number(index % 200)))
            .collect();
        let mut reversed = vec![None; 600];
        for repeat in 0..3 {
            for index in (0..200).rev() {
                reversed[repeat * 200 + index] = Some(back.plan(&number(index)));
            }
        }
        assert!(all.iter().map(Some).eq(reversed.iter().map(Option::as_ref)));
        assert_eq!(
            (forth.calls(), forth.faulted()),
            (back.calls(), back.faulted())
        );
        let other = client(unreliable(8));
        assert_ne!(all[0], other.plan(&number(0)));
    }

    #[test]
    fn an_occurrence_has_its_own_latency_and_fault_but_the_same_answer() {
        let client = client(unreliable(7));
        let plans: Vec<_> = (0..100).map(|_| client.plan(&number(1))).collect();
        let answers: Vec<_> = plans
            .iter()
            .filter_map(|plan| plan.outcome.as_ref().ok())
            .collect();
        assert!((50..90).contains(&answers.len()), "{}", answers.len());
        assert!(answers.iter().all(|answer| answer.text == answers[0].text));
        assert_ne!(answers[0].timings, answers[1].timings);
        assert_ne!(answers[0].request_id, answers[1].request_id);
        assert!(
            answers[0]
                .request_id
                .as_ref()
                .expect("an identifier")
                .starts_with("sim-")
        );
    }

    #[test]
    fn faults_come_as_often_as_set_over_many_seeds() {
        let mut kinds = std::collections::HashMap::new();
        for seed in 0..100 {
            let client = client(unreliable(seed));
            for index in 0..200 {
                if let Err(error) = client.plan(&number(index)).outcome {
                    *kinds.entry(error.kind).or_insert(0) += 1;
                }
            }
            assert_eq!(client.calls() + client.faulted(), 200);
        }
        for kind in [
            ClientErrorKind::Server,
            ClientErrorKind::Unreachable,
            ClientErrorKind::RateLimited,
        ] {
            // 2000 are expected; the standard deviation is 42.
            assert!((1850..2150).contains(&kinds[&kind]), "{kinds:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_takes_the_planned_time_on_a_paused_clock() {
        let settings = SimulatedSettings {
            answer: Answer::Echo,
            latency: Latency {
                median_ms: 100.0,
                spread: 0.0,
                per_output_token_ms: 2.0,
            },
            ..SimulatedSettings::default()
        };
        let client = client(settings);
        let start = Instant::now();
        let request = LlmRequest::from_prompt("eight ch");
        let response = client.send(&request).await.expect("an answer");
        let timings = Timings {
            first_byte: Duration::from_millis(100),
            total: Duration::from_millis(104),
            ..Timings::default()
        };
        assert_eq!(response.timings, timings);
        assert_eq!(start.elapsed(), timings.total);
    }

    #[tokio::test(start_paused = true)]
    async fn the_quota_lets_its_rate_through_and_tells_when_to_come_back() {
        let quota = |hint| SimulatedSettings {
            quota: Some(Quota {
                requests_per_second: 50.0,
                burst: 10,
                hint,
            }),
            ..SimulatedSettings::default()
        };
        let client_with_hint = client(quota(true));
        let start = Instant::now();
        while start.elapsed() <= Duration::from_mins(2) {
            // Who asks for too much is refused without waiting.
            while let Ok(_answer) = client_with_hint.send(&number(1)).await {}
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(client_with_hint.calls(), 10 + 50 * 120);
        let refused = client_with_hint
            .send(&number(1))
            .await
            .expect_err("a refusal");
        let Retry::RateLimited { after: Some(after) } = refused.retry else {
            panic!("{refused:?}");
        };
        assert_eq!(refused.kind, ClientErrorKind::RateLimited);
        assert!(after <= Duration::from_millis(20), "{after:?}");

        let silent = client(quota(false));
        while silent.send(&number(1)).await.is_ok() {}
        let refused = silent.send(&number(1)).await.expect_err("a refusal");
        assert_eq!(refused.retry, Retry::RateLimited { after: None });
        assert_eq!((silent.calls(), silent.rate_limited()), (10, 2));
    }

    #[test]
    fn a_refusal_by_quota_is_no_occurrence() {
        let limited = client(SimulatedSettings {
            quota: Some(Quota {
                requests_per_second: 0.001,
                burst: 2,
                hint: false,
            }),
            ..unreliable(7)
        });
        let free = client(unreliable(7));
        assert_eq!(limited.plan(&number(1)), free.plan(&number(1)));
        assert_eq!(limited.plan(&number(2)), free.plan(&number(2)));
        for _ in 0..5 {
            limited.plan(&number(1));
        }
        assert_eq!(limited.rate_limited(), 5);
        let occurrences = limited.occurrences.as_ref().expect("counted");
        let digest = RequestDigest::of(7, "tiny", &number(1));
        assert_eq!(occurrences.next(&digest), 1);
    }

    /// Change these values only with a reason that users are told: they are what
    /// a seed promises.
    #[test]
    fn a_seed_gives_the_same_values_on_every_machine() {
        let client = client(unreliable(7));
        let shown: Vec<_> = (0..4)
            .map(|index| {
                let plan = client.plan(&number(index));
                let outcome = plan.outcome.map(|response| response.text);
                let outcome = outcome.unwrap_or_else(|error| error.kind.as_str().to_owned());
                format!("{} {outcome}", plan.total.as_micros())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "73704 9840ec9c3d4ca013",
                "51144 573a46063587ad53",
                "42590 b6d6cc81e99b637d",
                "139614 871395c9dc4f3856",
            ]
        );
        let schema = json!({ "properties": {
            "name": { "type": "string" },
            "id": { "type": "string", "format": "uuid" },
            "score": { "type": "number" },
            "kinds": { "type": "array", "items": { "enum": ["a", "b", "c"] } },
        } });
        let request = with_schema("Apples, pears, plums and cherries.", schema);
        let steady = answering(Answer::Echo);
        assert_eq!(
            text(&steady, &request),
            r#"{"name":"pears plums","id":"c44e6562-bb07-4840-b633-fdd690a80194","score":45.14,"kinds":["b","c"]}"#
        );
    }

    #[test]
    fn a_client_is_shared_between_threads() {
        fn is_shared<T: Send + Sync + 'static>(_: &T) {}
        let client: Arc<dyn LlmClient> = Arc::new(answering(Answer::Echo));
        is_shared(&client);
    }
}
