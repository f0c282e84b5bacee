//! Giving up.

use std::time::Duration;

use inf_engine::clients::Delta;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::provider::Feature;
use super::requests::plain;
use super::subject::{MODEL, Subject};

pub(super) async fn who_gives_up_hangs_up(subject: &Subject) {
    if !subject.has(Feature::Connection) || !subject.is_simulated() {
        return;
    }
    for streams in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let client = subject.provider.client(&format!("http://{address}"), MODEL);
        let call = tokio::spawn(async move {
            let request = plain();
            let mut sink = |_: Delta<'_>| {};
            if streams {
                client.stream(&request, &mut sink).await
            } else {
                client.send(&request).await
            }
        });
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut bytes = [0; 1024];
        let count = connection.read(&mut bytes).await.expect("a request");
        assert!(bytes[..count].starts_with(b"POST /"));
        call.abort();
        // What is left of the request, and then the end.
        let hung_up = async { while connection.read(&mut bytes).await.is_ok_and(|n| n > 0) {} };
        let hung_up = tokio::time::timeout(Duration::from_secs(30), hung_up).await;
        hung_up.expect("the connection is closed");
    }
}
