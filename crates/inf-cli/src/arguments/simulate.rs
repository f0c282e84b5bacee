//! The arguments of `inf simulate`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use clap::Args;
use inf_engine::clients::simulated::Answer;

use super::heading;

/// Serve a simulated model over HTTP, in the formats of OpenAI, Anthropic and Ollama.
///
/// OpenAI's chat completions are at /v1/chat/completions and its responses at /v1/responses,
/// Anthropic's messages at /v1/messages, and Ollama's chat at /api/chat.
///
/// Answers are made up from the request alone: the same request gets the same
/// answer. Where a request asks for a JSON schema, the answer satisfies it, and where it requires a
/// tool to be called, one is. `GET /stats` tells how many calls there were.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  inf simulate --port 8080
  inf simulate --port 8080 --latency 300 --latency-spread 0.4 --quota 50 --burst 10 --faults 0.01
  inf simulate --port 8080 --latency 300 --capacity 32      # a server that queues and never refuses
  curl http://127.0.0.1:8080/v1/chat/completions \\
    -d '{\"model\": \"any\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello!\"}]}'

Ctrl-C ends it.")]
pub(crate) struct SimulateArguments {
    /// The address to listen on; only this machine can reach the default one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1", value_parser = host, help_heading = heading::SERVING)]
    pub(crate) host: IpAddr,

    /// The port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 0, help_heading = heading::SERVING)]
    pub(crate) port: u16,

    /// The only model that is served; by default every name is
    #[arg(long, value_name = "NAME", help_heading = heading::SERVING)]
    pub(crate) model: Option<String>,

    /// How long a call takes in the median
    #[arg(long, value_name = "MILLISECONDS", allow_negative_numbers = true, help_heading = heading::SERVING)]
    pub(crate) latency: Option<f64>,

    /// How much the latency varies: the deviation of its logarithm, commonly 0.3 to 0.6
    #[arg(long, value_name = "SIGMA", allow_negative_numbers = true, help_heading = heading::SERVING)]
    pub(crate) latency_spread: Option<f64>,

    /// How many calls are accepted in the long run; whatever is more gets status 429
    #[arg(long, value_name = "CALLS_PER_SECOND", allow_negative_numbers = true, help_heading = heading::QUOTAS)]
    pub(crate) quota: Option<f64>,

    /// How many calls are accepted at once after a pause
    #[arg(long, value_name = "N", help_heading = heading::QUOTAS)]
    pub(crate) burst: Option<u32>,

    /// How many tokens, of requests and answers, are worked on in the long run; whatever is more gets
    /// status 429. A token is four characters
    #[arg(long, value_name = "TOKENS_PER_MINUTE", allow_negative_numbers = true, help_heading = heading::QUOTAS)]
    pub(crate) token_quota: Option<f64>,

    /// How many calls are worked on at once; the others wait in line and are never refused
    #[arg(long, value_name = "N", help_heading = heading::QUOTAS)]
    pub(crate) capacity: Option<u32>,

    /// Refuse without saying how long to wait, and say nothing of the quotas in other answers
    #[arg(long, help_heading = heading::QUOTAS)]
    pub(crate) no_retry_hint: bool,

    /// The share of calls that fail with status 500, from 0 to 1
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true, help_heading = heading::FAULTS)]
    pub(crate) faults: Option<f64>,

    /// The share of calls whose connection is dropped, from 0 to 1; that of a stream after it began
    #[arg(long, value_name = "RATIO", allow_negative_numbers = true, help_heading = heading::FAULTS)]
    pub(crate) disconnects: Option<f64>,

    /// What is answered: `echo`, `hash`, or a text with {prompt}, {system}, {excerpt}, {model}, {hash}
    #[arg(long, value_name = "ANSWER", value_parser = answer, help_heading = heading::ANSWERS)]
    pub(crate) answer: Option<Answer>,

    /// More settings, as in the `simulated:` section of a resources file; the other options go first
    #[arg(long, value_name = "FILE", help_heading = heading::ANSWERS)]
    pub(crate) settings: Option<PathBuf>,

    /// Everything that is drawn is drawn from this number
    #[arg(long, value_name = "N", help_heading = heading::ANSWERS)]
    pub(crate) seed: Option<u64>,
}

fn host(text: &str) -> Result<IpAddr, String> {
    if text == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let address = text.parse();
    address.map_err(|_| "it is no IP address such as 127.0.0.1".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "clap wants a result")]
fn answer(text: &str) -> Result<Answer, String> {
    Ok(match text {
        "echo" => Answer::Echo,
        "hash" => Answer::Hash,
        template => Answer::Template(template.to_owned()),
    })
}
