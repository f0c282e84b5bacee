//! A server that answers with exactly the bytes it is told to.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What the peer does with one request.
pub(crate) enum Answer {
    /// Writes the bytes and waits for the next request.
    Bytes(Vec<u8>),
    /// Writes the bytes and closes the connection.
    Close(Vec<u8>),
    /// Writes the bytes and then nothing more.
    Hang(Vec<u8>),
    /// Writes a head at once and then its body, a byte after each pause.
    Drip(Vec<u8>, Duration),
    /// Writes the bytes, then chunks of a body without end.
    Flood(Vec<u8>),
}

impl Answer {
    /// A well-formed answer.
    pub(crate) fn reply(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut bytes = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
        for header in headers {
            bytes.push_str(header);
            bytes.push_str("\r\n");
        }
        bytes.push_str("\r\n");
        Self::Bytes([bytes.as_bytes(), body].concat())
    }

    /// A well-formed answer of status 200.
    pub(crate) fn ok(body: impl AsRef<[u8]>) -> Self {
        Self::reply("200 OK", &["content-type: application/json"], body)
    }
}

/// What the peer has seen, and what it still has to answer.
#[derive(Default)]
struct Shared {
    answers: VecDeque<Answer>,
    requests: Vec<String>,
    connections: usize,
    /// Connections that the client has not closed.
    open: usize,
}

/// The peer. Each request, on whichever connection, gets the next answer; with
/// none left the connection is closed. Dropping the peer ends it.
pub(crate) struct RawPeer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    task: JoinHandle<()>,
}

impl RawPeer {
    pub(crate) async fn start(answers: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Mutex::new(Shared {
            answers: answers.into_iter().collect(),
            ..Shared::default()
        }));
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            task,
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far, each with head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.lock().expect("no panic").requests.clone()
    }

    /// The body of the only request, as JSON.
    pub(crate) fn only_body(&self) -> serde_json::Value {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        let (_, body) = requests[0].split_once("\r\n\r\n").expect("a head");
        serde_json::from_str(body).expect("a JSON body")
    }

    /// Connections that nobody has closed.
    pub(crate) fn open(&self) -> usize {
        self.shared.lock().expect("no panic").open
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.lock().expect("no panic").connections
    }
}

impl Drop for RawPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.lock().expect("no panic").connections += 1;
        connections.spawn(serve(stream, Arc::clone(&shared)));
    }
}

/// Counts a connection while it is open.
struct Open(Arc<Mutex<Shared>>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().expect("no panic").open -= 1;
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    shared.lock().expect("no panic").open += 1;
    let _open = Open(Arc::clone(&shared));
    while let Some(request) = read_request(&mut stream).await {
        let answer = {
            let mut shared = shared.lock().expect("no panic");
            shared.requests.push(request);
            shared.answers.pop_front()
        };
        // A client that hung up is part of some tests.
        match answer {
            Some(Answer::Bytes(bytes)) => {
                let _ = stream.write_all(&bytes).await;
            }
            Some(Answer::Close(bytes)) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Some(Answer::Hang(bytes)) => {
                let _ = stream.write_all(&bytes).await;
                // Ends when the client closes the connection.
                while matches!(stream.read(&mut [0; 1024]).await, Ok(read) if read > 0) {}
                return;
            }
            Some(Answer::Drip(body, pause)) => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(head.as_bytes()).await;
                for byte in body {
                    tokio::time::sleep(pause).await;
                    let _ = stream.write_all(&[byte]).await;
                }
            }
            Some(Answer::Flood(bytes)) => {
                let _ = stream.write_all(&bytes).await;
                let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 0x10_0000], b"\r\n"].concat();
                while stream.write_all(&chunk).await.is_ok() {}
            }
            None => return,
        }
    }
}

/// One request with a `content-length`, or `None` at the connection's end.
async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse::<usize>().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}
