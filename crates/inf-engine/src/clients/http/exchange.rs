//! One call, from the request to the answer: the same for every format.

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;
use tokio::time::Instant;

use super::line_splitter::LineSplitter;
use super::rate_limit_headers::rate_limits;
use super::server_sent_events::Events;
use super::wire_format::Framing;
use super::{ErrorContext, HttpPeer, HttpReply};
use crate::clients::structured::{AnswerForm, Substitutes};
use crate::clients::{ClientError, Delta, DeltaSink, LlmRequest, LlmResponse, StructuredOutput};

/// What a provider's client has to say: how its format is written and read.
pub(crate) trait Exchange: Sync {
    /// Puts an answer together from its pieces.
    type Draft: Draft;

    /// The server.
    fn peer(&self) -> &HttpPeer;

    /// What stands for schemas that are not sent natively.
    fn substitutes(&self) -> &Substitutes;

    /// How the answer to this request is made to fit its schema.
    fn structured_output(&self, _request: &LlmRequest) -> StructuredOutput {
        self.peer().structured_output
    }

    /// Whether a request can force the model to call a tool.
    fn may_force(&self, _request: &LlmRequest) -> bool {
        true
    }

    /// The body of a request.
    fn write(&self, request: &LlmRequest, is_streamed: bool) -> Result<Bytes, ClientError>;

    /// The answer in a reply that is a success. What its headers say is added by
    /// the caller.
    fn read(&self, reply: &HttpReply) -> Result<LlmResponse, ClientError>;
}

/// An answer that comes in pieces.
pub(crate) trait Draft: Default + Send {
    /// Reads one piece and gives what is new in it to `sink`.
    fn add(&mut self, data: &[u8], sink: &mut DeltaSink<'_>) -> Result<Progress, Fault>;

    /// The whole answer after the last piece, or nothing if there have to be
    /// more.
    fn finish(self) -> Option<LlmResponse>;
}

/// Whether more is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// As far as is known.
    More,
    /// This was the last piece.
    Done,
}

/// What can be wrong with a piece.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server failed in the middle and says how.
    Reported(Value),
    /// It can't be read.
    Unreadable(serde_json::Error),
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// Sends one request and reads its answer.
pub(crate) async fn send<E: Exchange>(
    exchange: &E,
    request: &LlmRequest,
) -> Result<LlmResponse, ClientError> {
    let peer = exchange.peer();
    let call = async {
        let (body, form) = prepare(exchange, request, false)?;
        let reply = peer.post(body).await?;
        let response = exchange.read(&reply)?;
        Ok(form.read(with_head(response, &reply, &peer.context)))
    };
    call.await.map_err(|error| peer.without_secrets(error))
}

/// Sends one request and gives the pieces of its answer to `sink`.
pub(crate) async fn stream<E: Exchange>(
    exchange: &E,
    request: &LlmRequest,
    sink: &mut DeltaSink<'_>,
) -> Result<LlmResponse, ClientError> {
    let peer = exchange.peer();
    let call = async {
        let (body, form) = prepare(exchange, request, true)?;
        let mut first = None;
        let mut sink = |delta: Delta<'_>| {
            first.get_or_insert_with(Instant::now);
            if !(form.hides_text() && matches!(delta, Delta::Text(_))) {
                sink(delta);
            }
        };
        let stream = peer.open(body).await?;
        let sent = stream.sent();
        let mut response = if is_of(stream.headers(), b"application/json") {
            // The server does not stream, or says so for an error.
            let reply = stream.into_reply().await?;
            let response = exchange.read(&reply)?;
            tell(&response, &mut sink);
            with_head(response, &reply, &peer.context)
        } else {
            read_pieces::<E::Draft>(stream, &peer.context, &mut sink).await?
        };
        response.timings.first_token = first.map(|first| first.duration_since(sent));
        Ok((form.hides_text(), form.read(response)))
    };
    let outcome: Result<(bool, LlmResponse), ClientError> = call.await;
    let (is_untold, response) = outcome.map_err(|error| peer.without_secrets(error))?;
    if is_untold && !response.text.is_empty() {
        sink(Delta::Text(&response.text));
    }
    Ok(response)
}

/// The body of a request, and how its answer is read: all that is kept while the
/// answer is awaited.
fn prepare<E: Exchange>(
    exchange: &E,
    request: &LlmRequest,
    is_streamed: bool,
) -> Result<(Bytes, AnswerForm), ClientError> {
    let mode = exchange.structured_output(request);
    let may_force = exchange.may_force(request);
    let substitute = exchange.substitutes().of(request, mode, may_force);
    let body = exchange.write(&substitute.request, is_streamed)?;
    Ok((body, substitute.form))
}

/// Puts what the reply's head says into the answer.
fn with_head(mut response: LlmResponse, reply: &HttpReply, context: &ErrorContext) -> LlmResponse {
    let request_id = reply.header(&context.format.request_id);
    response.request_id = request_id.map(str::to_owned);
    // These end in traces; what the model said is the user's own.
    let names = [&mut response.request_id, &mut response.id];
    let names = names.into_iter().flatten().chain([&mut response.model]);
    names.for_each(|name| context.redaction.clean(name));
    response.rate_limits = rate_limits(&reply.headers);
    response.timings = reply.timings;
    response
}

fn is_of(headers: &HeaderMap, kind: &[u8]) -> bool {
    let content_type = headers.get(CONTENT_TYPE);
    content_type.is_some_and(|content_type| content_type.as_bytes().starts_with(kind))
}

fn tell(response: &LlmResponse, sink: &mut DeltaSink<'_>) {
    for reasoning in &response.reasoning {
        if !reasoning.text.is_empty() {
            sink(Delta::Reasoning(&reasoning.text));
        }
    }
    if !response.text.is_empty() {
        sink(Delta::Text(&response.text));
    }
}

/// Of a body that is no stream, so much is kept for a message.
const MOST_OPENING: usize = 1024;

async fn read_pieces<D: Draft>(
    mut stream: super::ReplyStream<'_>,
    context: &ErrorContext,
    sink: &mut DeltaSink<'_>,
) -> Result<LlmResponse, ClientError> {
    let mut draft = D::default();
    let mut frames = Frames::new(context.format.framing);
    let mut progress = Progress::More;
    // What comes while there is no piece, in case that there never is one.
    let mut opening = Some(Vec::new());
    while progress == Progress::More {
        let piece = stream.next().await?;
        let is_end = piece.is_none();
        match piece {
            Some(piece) => {
                if let Some(opening) = &mut opening {
                    let room = MOST_OPENING.saturating_sub(opening.len());
                    opening.extend_from_slice(&piece[..room.min(piece.len())]);
                }
                frames.add(&piece);
            }
            None => frames.end(),
        }
        while let Some(data) = frames.next() {
            let is_first = opening.take().is_some();
            progress = draft.add(&data, sink).map_err(|fault| match fault {
                Fault::Reported(error) => context.reported(&stream.reply_with(data), &error),
                // Half of a piece, and no more to come.
                Fault::Unreadable(error) if is_end && (error.is_eof() || !is_first) => {
                    context.cut_off(&stream.reply_with(data))
                }
                Fault::Unreadable(error) => context.unreadable(&stream.reply_with(data), &error),
            })?;
            if progress == Progress::Done {
                break;
            }
        }
        if is_end {
            break;
        }
    }
    let opening = opening.filter(|opening| !opening.trim_ascii().is_empty());
    if let Some(opening) = opening.filter(|_| !is_of(stream.headers(), b"text/event-stream")) {
        return Err(context.malformed(&stream.reply_with(opening), "is no stream of pieces"));
    }
    let head = stream.reply_with(Bytes::new());
    let Some(response) = draft.finish() else {
        return Err(context.cut_off(&head));
    };
    let response = with_head(response, &head, context);
    stream.finish();
    Ok(response)
}

/// The pieces of an answer out of the pieces of a body.
enum Frames {
    Events { events: Events, is_ended: bool },
    Lines { lines: LineSplitter, is_ended: bool },
}

impl Frames {
    fn new(framing: Framing) -> Self {
        match framing {
            Framing::Events => Self::Events {
                events: Events::default(),
                is_ended: false,
            },
            Framing::Lines => Self::Lines {
                lines: LineSplitter::default(),
                is_ended: false,
            },
        }
    }

    fn add(&mut self, piece: &[u8]) {
        match self {
            Self::Events { events, .. } => events.add(piece),
            Self::Lines { lines, .. } => lines.add(piece),
        }
    }

    fn end(&mut self) {
        match self {
            Self::Events { is_ended, .. } | Self::Lines { is_ended, .. } => *is_ended = true,
        }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        match self {
            Self::Events { events, is_ended } => match events.next_data() {
                None if std::mem::take(is_ended) => events.rest(),
                data => data,
            },
            Self::Lines { lines, is_ended } => {
                while let Some(line) = lines.next_line() {
                    if !line.trim_ascii().is_empty() {
                        return Some(line.to_vec());
                    }
                }
                let rest = lines.rest();
                let is_rest = std::mem::take(is_ended) && !rest.trim_ascii().is_empty();
                is_rest.then(|| rest.to_vec())
            }
        }
    }
}
