//! The loopback server: as little HTTP/1.1 as the two clients need.
//!
//! It reads a request by its `content-length`, drops it, and writes the same
//! reply to each. It runs in a process of its own, so that its CPU time is not
//! the client's, and ends when its stdin does: with its parent, however that
//! ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;

use crate::Failure;

/// The answer to every call, of a usual size, as it stands in JSON.
const ANSWER: &str = r"It reads JSON and writes JSON.\nIt works without the standard library.\nIt derives code for structs and enums.";

/// The most that a request may hold.
const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// A server process, ended when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    base_url: String,
}

impl Server {
    /// Starts this program once more, as a server that answers after so many
    /// milliseconds.
    pub(super) fn start(answer_after: usize) -> Result<Self, Failure> {
        let child = Command::new(std::env::current_exe()?)
            .args(["serve", "--answer-after", &answer_after.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut server = Self {
            child,
            base_url: String::new(),
        };
        let stdout = server
            .child
            .stdout
            .take()
            .ok_or("the server has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.is_empty() {
            return Err("the server ended before it said where it is".into());
        }
        server.base_url = format!("http://{}/v1", line.trim());
        Ok(server)
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How the server behaves.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeOptions {
    /// Milliseconds after which it answers.
    #[arg(long, default_value_t = 0)]
    answer_after: u64,
}

/// Serves until stdin ends.
pub(crate) fn serve(options: &ServeOptions) -> Result<(), Failure> {
    let answer_after = Duration::from_millis(options.answer_after);
    std::thread::spawn(|| {
        let mut ignored = [0; 64];
        while std::io::stdin()
            .read(&mut ignored)
            .is_ok_and(|read| read > 0)
        {}
        std::process::exit(0);
    });
    Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                tokio::spawn(async move {
                    // A client that goes away is no error.
                    let _ = answer_all(stream, answer_after).await;
                });
            }
        })
}

async fn answer_all(mut stream: TcpStream, after: Duration) -> std::io::Result<()> {
    let reply = reply(ANSWER);
    let mut received = Vec::with_capacity(4096);
    loop {
        while let Some(length) = request_length(&received) {
            received.drain(..length);
            if !after.is_zero() {
                tokio::time::sleep(after).await;
            }
            stream.write_all(&reply).await?;
        }
        if stream.read_buf(&mut received).await? == 0 || received.len() > MAX_REQUEST_BYTES {
            return Ok(());
        }
    }
}

/// The reply that says `answer`, which is written as in JSON.
pub(crate) fn reply(answer: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","created":1767225600,"model":"bench-2026-01-01","choices":[{{"index":0,"message":{{"role":"assistant","content":"{answer}","refusal":null}},"logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":27,"completion_tokens":29,"total_tokens":56,"prompt_tokens_details":{{"cached_tokens":0}}}},"system_fingerprint":"fp_0123456789"}}"#
    );
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         x-request-id: req_0123456789abcdef\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The bytes of the first request, if all of it has been received.
pub(crate) fn request_length(received: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    let head = received
        .windows(END.len())
        .position(|window| window == END)?;
    let mut lines = received[..head].split(|&byte| byte == b'\n');
    let body = lines.find_map(content_length).unwrap_or(0);
    let length = head + END.len() + body;
    (received.len() >= length).then_some(length)
}

fn content_length(line: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length:";
    let (name, value) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    std::str::from_utf8(value).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_where_it_says() {
        let check = |received: &str, expected| {
            assert_eq!(request_length(received.as_bytes()), expected, "{received}");
        };
        check("", None);
        check("POST / HTTP/1.1\r\nContent-Length: 2\r\n", None);
        check("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{", None);
        check("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", Some(40));
        check(
            "POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}POST",
            Some(40),
        );
        check("GET / HTTP/1.1\r\n\r\n", Some(18));
    }
}
