//! A loopback server that bears only so much, in this process: what it saw is
//! at hand.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::{Semaphore, oneshot};

use crate::Failure;
use crate::http::{reply, request_length};

/// What it bears.
#[derive(Debug, Clone)]
pub(super) enum Bears {
    /// A token bucket; what is more is refused with 429.
    Quota {
        /// From which second on how many requests a second.
        steps: Vec<(f64, f64)>,
        burst: f64,
        /// Whether it says when to come back (`retry-after-ms`).
        has_hint: bool,
        latency: Duration,
    },
    /// So many at once; the others wait without a word.
    Queue { slots: usize, latency: Duration },
}

/// A request, as the server saw it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Seconds after the server's start at which it was taken or refused, and of a
    /// queue answered.
    pub(super) at: f64,
    /// Seconds until its answer; `None` if it was refused.
    pub(super) took: Option<f64>,
}

/// A server on a thread of its own, which ends when this is dropped.
pub(super) struct Server {
    base_url: String,
    desk: Arc<Desk>,
    _end: oneshot::Sender<()>,
}

/// What all connections share.
struct Desk {
    bears: Bears,
    start: Instant,
    slots: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    level: f64,
    counted: f64,
    seen: Vec<Seen>,
}

impl Server {
    pub(super) fn start(bears: Bears) -> Result<Self, Failure> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let base_url = format!("http://{}/v1", listener.local_addr()?);
        let (slots, level) = match &bears {
            Bears::Quota { burst, .. } => (1, *burst),
            Bears::Queue { slots, .. } => (*slots, 0.0),
        };
        let desk = Arc::new(Desk {
            bears,
            start: Instant::now(),
            slots: Semaphore::new(slots),
            state: Mutex::new(State {
                level,
                ..State::default()
            }),
        });
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let shared = Arc::clone(&desk);
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = serve(listener, shared) => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self {
            base_url,
            desk,
            _end: end,
        })
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What it has seen so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.desk.state().seen.clone()
    }
}

async fn serve(listener: std::net::TcpListener, desk: Arc<Desk>) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let desk = Arc::clone(&desk);
        tokio::spawn(async move {
            // A client that goes away is no error.
            let _ = answer_all(stream, &desk).await;
        });
    }
}

async fn answer_all(mut stream: TcpStream, desk: &Desk) -> std::io::Result<()> {
    let mut received = Vec::with_capacity(4096);
    loop {
        while let Some(length) = request_length(&received) {
            received.drain(..length);
            let reply = desk.reply().await;
            stream.write_all(&reply).await?;
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(());
        }
    }
}

impl Desk {
    async fn reply(&self) -> Vec<u8> {
        let at = self.now();
        match &self.bears {
            Bears::Quota {
                steps,
                burst,
                has_hint,
                latency,
            } => {
                if let Err(wait) = self.take(at, steps, *burst) {
                    return refusal(has_hint.then_some(wait));
                }
                tokio::time::sleep(*latency).await;
            }
            Bears::Queue { latency, .. } => {
                let slot = self.slots.acquire().await;
                tokio::time::sleep(*latency).await;
                drop(slot);
                let now = self.now();
                self.state().seen.push(Seen {
                    at: now,
                    took: Some(now - at),
                });
            }
        }
        reply("An answer.")
    }

    /// Takes a request, or says in how many seconds there is room for it.
    fn take(&self, at: f64, steps: &[(f64, f64)], burst: f64) -> Result<(), f64> {
        let begun = steps.iter().rev().find(|(from, _)| *from <= at);
        let rate = begun.map_or(1.0, |(_, rate)| *rate);
        let mut state = self.state();
        state.level = (state.level + (at - state.counted) * rate).min(burst);
        state.counted = at;
        let missing = 1.0 - state.level;
        if missing > 0.0 {
            state.seen.push(Seen { at, took: None });
            return Err(missing / rate);
        }
        state.level -= 1.0;
        state.seen.push(Seen {
            at,
            took: Some(0.0),
        });
        Ok(())
    }

    fn now(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain numbers are whole whatever panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A 429, with the time to wait if that is said.
fn refusal(wait: Option<f64>) -> Vec<u8> {
    let body = r#"{"error":{"message":"Rate limit reached.","type":"requests","code":"rate_limit_exceeded"}}"#;
    let hint = wait.map_or_else(String::new, |wait| {
        format!("retry-after-ms: {:.0}\r\n", (1000.0 * wait).ceil())
    });
    let length = body.len();
    format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{hint}\r\n{body}"
    )
    .into_bytes()
}
