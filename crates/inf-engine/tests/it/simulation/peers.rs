//! The providers of a scenario: what becomes of a call follows from what it
//! asks and how often that was asked before, never from when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::clients::{
    ClientError, ClientErrorKind, LlmClient, LlmFuture, LlmRequest, LlmResponse, Retry, Usage,
};
use inf_engine::conversation::{Role, ToolCall};
use tokio::time::Instant;

/// The aliases that calls go to.
pub(super) const ALIASES: [&str; 3] = ["a", "b", "c"];

/// How often what goes wrong, in percent, and how slow the slow ones are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Temper {
    pub(super) seed: u64,
    pub(super) refusals: u64,
    pub(super) failures: u64,
    pub(super) limits: u64,
    /// First requests that take longer than an endpoint waits.
    pub(super) hangs: u64,
    /// The usual latency.
    pub(super) usual_ms: u64,
    /// How many times as long one of ten takes.
    pub(super) tail: u64,
}

/// What happens to a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    Answer(String),
    Refuse,
    Fail,
    Hang,
    Limit(Option<Duration>),
}

/// What an answer says that a conversation comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Says {
    /// It calls so many tools.
    Calls(u64),
    /// What was not asked for.
    Nonsense,
    Text(String),
    Number(u64),
}

/// How the conversation goes that begins with a prompt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course {
    /// Turns in which tools are called.
    tools: u64,
    /// Turns after that in which something else is said than was asked for.
    nonsense: u64,
    is_number: bool,
}

impl Course {
    pub(super) fn of(prompt: &str, has_tools: bool, is_number: bool) -> Self {
        let drawn = hash(&[prompt, "course"]);
        Self {
            tools: if has_tools { drawn % 4 } else { 0 },
            nonsense: match drawn / 4 % 8 {
                0 if is_number => 2,
                1 | 2 if is_number => 1,
                _ => 0,
            },
            is_number,
        }
    }

    /// The turns that it takes at most.
    pub(super) fn turns(self) -> u64 {
        self.tools + self.nonsense + 1
    }

    /// Whether it comes to what was asked for; a model is asked again once.
    pub(super) fn is_good(self) -> bool {
        self.nonsense < 2
    }

    /// What turn `turn`, from 0, says where it is answered with `answer`.
    pub(super) fn says(self, turn: u64, answer: String) -> Says {
        if turn < self.tools {
            Says::Calls(1 + hash(&[&answer]) % 3)
        } else if turn < self.tools + self.nonsense {
            Says::Nonsense
        } else if self.is_number {
            // So many that no two are the same: they end in other prompts.
            Says::Number(hash(&[&answer]) % 1_000_000_000_000)
        } else {
            Says::Text(answer)
        }
    }
}

/// What a turn of a conversation is known by; the first one by its prompt.
pub(super) fn turn_key(prompt: &str, turn: u64) -> String {
    match turn {
        0 => prompt.to_owned(),
        turn => format!("{prompt}#{turn}"),
    }
}

/// FNV-1a with a finish, which is the same everywhere.
pub(super) fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}

impl Says {
    fn to_response(&self) -> LlmResponse {
        match self {
            Self::Text(text) => LlmResponse::from_text(text),
            Self::Nonsense => LlmResponse::from_text("no"),
            Self::Number(number) => LlmResponse::from_text(format!("{{\"value\": {number}}}")),
            Self::Calls(count) => {
                let call = |place: u64| ToolCall {
                    id: place.to_string(),
                    // Some models see tools that are not there.
                    name: if place == 2 { "listen" } else { "look" }.to_owned(),
                    arguments: format!("{{\"what\": {}}}", place + count),
                };
                let mut response = LlmResponse::from_text("");
                response.tool_calls = (0..*count).map(call).collect();
                response
            }
        }
    }
}

impl Temper {
    /// After so many occurrences a call is answered, unless it is refused.
    pub(super) const OCCURRENCES: u32 = 4;

    pub(super) fn fate(&self, alias: &str, prompt: &str, occurrence: u32) -> Fate {
        let asked = hash(&[&self.seed.to_string(), alias, prompt]);
        if asked % 100 < self.refusals {
            return Fate::Refuse;
        }
        let drawn = hash(&[&asked.to_string(), &occurrence.to_string()]);
        let chance = drawn % 100;
        if occurrence == 0 && drawn / 100 % 100 < self.hangs {
            Fate::Hang
        } else if occurrence < 2 && chance < self.failures {
            Fate::Fail
        } else if occurrence < Self::OCCURRENCES - 1
            && (self.failures..self.failures + self.limits).contains(&chance)
        {
            let after = Duration::from_millis(drawn / 1000 % 3_000);
            Fate::Limit(drawn.is_multiple_of(2).then_some(after))
        } else {
            Fate::Answer(format!("{alias}{asked:x}"))
        }
    }

    fn latency(&self, alias: &str, prompt: &str, occurrence: u32) -> Duration {
        let asked = [
            &self.seed.to_string(),
            alias,
            prompt,
            &occurrence.to_string(),
            "took",
        ];
        let drawn = hash(&asked);
        let mut took = drawn % (2 * self.usual_ms + 1);
        if (drawn / 10_000).is_multiple_of(10) {
            took = (took * self.tail).min(100_000);
        }
        Duration::from_millis(took)
    }

    /// What an answer costs.
    pub(super) fn usage(prompt: &str, answer: &str) -> Usage {
        let mut usage = Usage::new(prompt.len() as u64, answer.len() as u64);
        usage.cached_tokens = hash(&[prompt]) % 5;
        usage
    }
}

/// How a call ended, as its provider sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Answered(Usage),
    Failed,
    Limited,
    /// The other side hung up.
    GivenUp,
}

/// A call, as its provider sees it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) alias: usize,
    pub(super) prompt: String,
    pub(super) began: Duration,
    /// `None` while it is on its way.
    pub(super) ended: Option<(Duration, Ended)>,
}

/// What all providers have seen.
#[derive(Default)]
pub(super) struct Log {
    pub(super) calls: Vec<Seen>,
    asked: HashMap<(usize, String), u32>,
}

/// One provider.
pub(super) struct Peer {
    pub(super) alias: usize,
    pub(super) temper: Temper,
    pub(super) start: Instant,
    pub(super) log: Arc<Mutex<Log>>,
}

/// A call on its way; one that is dropped before its end was given up.
struct OnItsWay<'p> {
    peer: &'p Peer,
    place: usize,
    ended: Ended,
}

impl Drop for OnItsWay<'_> {
    fn drop(&mut self) {
        let at = self.peer.start.elapsed();
        self.peer.log.lock().unwrap().calls[self.place].ended = Some((at, self.ended));
    }
}

impl Peer {
    fn begin(&self, prompt: &str) -> (OnItsWay<'_>, u32) {
        let mut log = self.log.lock().unwrap();
        let place = log.calls.len();
        log.calls.push(Seen {
            alias: self.alias,
            prompt: prompt.to_owned(),
            began: self.start.elapsed(),
            ended: None,
        });
        let occurrence = log
            .asked
            .entry((self.alias, prompt.to_owned()))
            .or_default();
        *occurrence += 1;
        let call = OnItsWay {
            peer: self,
            place,
            ended: Ended::GivenUp,
        };
        (call, *occurrence - 1)
    }
}

impl LlmClient for Peer {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            let said = |role| {
                request
                    .messages
                    .iter()
                    .filter(move |said| said.role == role)
            };
            let first = said(Role::User).next().unwrap().text();
            let turn = said(Role::Assistant).count() as u64;
            let is_number = request.output_schema.is_some();
            let course = Course::of(&first, !request.tools.is_empty(), is_number);
            let prompt = &*turn_key(&first, turn);
            let alias = ALIASES[self.alias];
            let (mut call, occurrence) = self.begin(prompt);
            let fate = self.temper.fate(alias, prompt, occurrence);
            let took = match fate {
                Fate::Hang => Duration::from_hours(1),
                _ => self.temper.latency(alias, prompt, occurrence),
            };
            tokio::time::sleep(took).await;
            let (ended, outcome) = match fate {
                Fate::Answer(answer) => {
                    let usage = Temper::usage(prompt, &answer);
                    let mut response = course.says(turn, answer).to_response();
                    response.usage = usage;
                    (Ended::Answered(usage), Ok(response))
                }
                Fate::Refuse => {
                    let error = ClientError::new(ClientErrorKind::Refused, "no");
                    (Ended::Failed, Err(error))
                }
                Fate::Fail | Fate::Hang => {
                    let error = ClientError::new(ClientErrorKind::Server, "later");
                    (Ended::Failed, Err(error))
                }
                Fate::Limit(after) => {
                    let error = ClientError::new(ClientErrorKind::RateLimited, "full");
                    let error = error.with_retry(Retry::RateLimited { after });
                    (Ended::Limited, Err(error))
                }
            };
            call.ended = ended;
            outcome
        })
    }
}
