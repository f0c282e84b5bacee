//! A server that no connection can be opened to.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// A server whose queue of connections is full and stays so, because it takes
/// none. The system then leaves everyone else without an answer.
///
/// An address that does not exist would be simpler, but what becomes of that is
/// up to the network of the machine: some refuse it, some answer for it.
pub(crate) struct FullPeer {
    address: SocketAddr,
    _listener: TcpListener,
    _queue: Vec<TcpStream>,
}

impl FullPeer {
    pub(crate) fn start() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(any_port).expect("a port");
        let listener = socket.listen(1).expect("a listener");
        let listener = listener.into_std().expect("a listener");
        let address = listener.local_addr().expect("an address");
        // The system opens a connection of this machine to itself at once, so
        // that one that takes a while is the first that found no room.
        let while_there_is_room =
            || TcpStream::connect_timeout(&address, Duration::from_millis(50));
        let queue: Vec<_> = std::iter::from_fn(|| while_there_is_room().ok())
            .take(100)
            .collect();
        assert!(queue.len() < 100, "the queue is never full");
        Self {
            address,
            _listener: listener,
            _queue: queue,
        }
    }

    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}
