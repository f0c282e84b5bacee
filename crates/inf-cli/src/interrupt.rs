//! Ctrl-C and the request to terminate.

use std::io;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::command_error::CommandError;
use crate::console::tell;
use crate::exit_code::Exit;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How long inputs that have begun may take to end after the first Ctrl-C.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Asks the command to stop, as Ctrl-C does: for a terminal whose keys are no signals.
#[derive(Debug, Clone)]
pub(crate) struct Asks(mpsc::UnboundedSender<()>);

#[cfg_attr(not(feature = "tui"), expect(dead_code, reason = "nothing reads keys"))]
impl Asks {
    /// Once asks it to stop; the second time ends the program.
    pub(crate) fn stop(&self) {
        // Nobody listens once the command has ended.
        let _ = self.0.send(());
    }
}

/// Resolves at the first Ctrl-C, or when it is asked to; the second one ends the
/// program with `last_words`, whatever it is at, such as a write to a pipe that nobody empties.
pub(crate) fn on_interrupt(
    last_words: Option<&'static str>,
) -> Result<(Asks, oneshot::Receiver<()>), CommandError> {
    let mut interrupts = Interrupts::listen()
        .map_err(|error| CommandError::new(format!("can't listen for Ctrl-C: {error}")))?;
    let (asks, mut asked) = mpsc::unbounded_channel();
    // One that is never dropped, so that the other end is never closed.
    let kept = asks.clone();
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(async move {
        let _kept = kept;
        let mut next = async || {
            tokio::select! {
                () = interrupts.next() => {}
                _ = asked.recv() => {}
            }
        };
        next().await;
        let _ = sender.send(());
        next().await;
        #[cfg(feature = "tui")]
        crate::live::restore();
        if let Some(words) = last_words {
            say(words);
        }
        std::process::exit(Exit::Interrupted.code().into());
    });
    Ok((Asks(asks), receiver))
}

/// Tells it, where it is read: who does not may not hold up the end.
fn say(words: &'static str) {
    let (said, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tell(words);
        let _ = said.send(());
    });
    let _ = heard.recv_timeout(Duration::from_millis(200));
}

/// Listens for Ctrl-C (SIGINT) and requests to terminate (SIGTERM), both of
/// which stop a command in an orderly way. From the moment this is made they no
/// longer end the process by themselves.
#[derive(Debug)]
pub(crate) struct Interrupts {
    #[cfg(unix)]
    interrupt: Signal,
    #[cfg(unix)]
    terminate: Signal,
}

impl Interrupts {
    /// Starts to listen; needs a tokio runtime.
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Starts to listen; needs a tokio runtime.
    #[cfg(not(unix))]
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {})
    }

    /// The next one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// The next one.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    }
}
