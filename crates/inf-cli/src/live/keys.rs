//! [`Keys`]: what is typed while a run is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::interrupt::Asks;

/// Reads keys on a thread of its own, so that they are heard whatever the run is at.
#[derive(Debug)]
pub(super) struct Keys {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    has_ended: AtomicBool,
    with_help: AtomicBool,
}

/// What a key is for.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Stop,
    Help,
    NoHelp,
}

impl Keys {
    /// How long nothing may be typed before it is looked whether the run has ended.
    const PATIENCE: Duration = Duration::from_millis(50);

    /// Reads keys until it is dropped; those for stopping are `asks`.
    pub(super) fn read(asks: Asks) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("keys".to_owned());
        let thread = thread.spawn(move || {
            while !theirs.has_ended.load(Ordering::Relaxed) {
                let wish = match event::poll(Self::PATIENCE) {
                    Ok(false) => continue,
                    Ok(true) => event::read().map(|event| wish(&event)),
                    Err(error) => Err(error),
                };
                match wish {
                    Ok(Some(Wish::Stop)) => asks.stop(),
                    Ok(Some(Wish::Help)) => {
                        theirs.with_help.fetch_xor(true, Ordering::Relaxed);
                    }
                    Ok(Some(Wish::NoHelp)) => theirs.with_help.store(false, Ordering::Relaxed),
                    Ok(None) => {}
                    // Nobody can type any more; signals are heard all the same.
                    Err(_) => return,
                }
            }
        });
        Self {
            shared,
            thread: thread.ok(),
        }
    }

    /// Whether the help is wanted.
    pub(super) fn with_help(&self) -> bool {
        self.shared.with_help.load(Ordering::Relaxed)
    }
}

impl Drop for Keys {
    /// Waits for the thread: what is typed from here on is for somebody else.
    fn drop(&mut self) {
        self.shared.has_ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn wish(event: &Event) -> Option<Wish> {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind,
        ..
    }) = event
    else {
        return None;
    };
    if *kind == KeyEventKind::Release {
        return None;
    }
    match (code, modifiers.contains(KeyModifiers::CONTROL)) {
        (KeyCode::Char('q' | 'Q'), false) | (KeyCode::Char('c'), true) => Some(Wish::Stop),
        (KeyCode::Char('?' | 'h'), false) => Some(Wish::Help),
        (KeyCode::Esc, _) => Some(Wish::NoHelp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_what_they_are_for() {
        let check = |code, modifiers, expected| {
            let event = Event::Key(KeyEvent::new(code, modifiers));
            assert_eq!(wish(&event), expected, "{event:?}");
        };
        let none = KeyModifiers::NONE;
        check(KeyCode::Char('q'), none, Some(Wish::Stop));
        check(KeyCode::Char('c'), KeyModifiers::CONTROL, Some(Wish::Stop));
        check(KeyCode::Char('c'), none, None);
        check(KeyCode::Char('?'), KeyModifiers::SHIFT, Some(Wish::Help));
        check(KeyCode::Esc, none, Some(Wish::NoHelp));
        check(KeyCode::Char('h'), KeyModifiers::CONTROL, None);
        let resized = Event::Resize(80, 24);
        assert_eq!(wish(&resized), None);
    }
}
