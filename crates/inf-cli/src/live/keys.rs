//! [`Keys`]: what is typed while a run is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

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
    /// Typed by this key.
    Stop(KeyCode),
    Help,
    NoHelp,
}

impl Keys {
    /// How long nothing may be typed before it is looked whether the run has ended.
    const PATIENCE: Duration = Duration::from_millis(50);

    /// The same key after less is one that is held down: its first repetition comes after half a
    /// second or so, and the others faster.
    const HELD: Duration = Duration::from_millis(700);

    /// Reads keys until it is dropped; those for stopping are `asks`.
    pub(super) fn read(asks: Asks) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("keys".to_owned());
        let thread = thread.spawn(move || {
            let mut last = None;
            while !theirs.has_ended.load(Ordering::Relaxed) {
                let wish = match event::poll(Self::PATIENCE) {
                    Ok(false) => continue,
                    Ok(true) => event::read().map(|event| wish(&event)),
                    Err(error) => Err(error),
                };
                match wish {
                    Ok(Some(Wish::Stop(key))) => {
                        let typed = (key, Instant::now());
                        if !is_held(last, typed) {
                            asks.stop();
                        }
                        last = Some(typed);
                    }
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

/// Whether what was typed comes from the key that was typed `last`, held down: it comes again and
/// again then, and to stop a second time gives up what is paid for.
fn is_held(last: Option<(KeyCode, Instant)>, (key, at): (KeyCode, Instant)) -> bool {
    last.is_some_and(|(known, before)| known == key && at.duration_since(before) < Keys::HELD)
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
    if *kind != KeyEventKind::Press {
        return None;
    }
    // With Alt it is another key, and so is what follows Escape at once.
    let is_plain = modifiers.difference(KeyModifiers::SHIFT).is_empty();
    match code {
        KeyCode::Char('q' | 'Q') if is_plain => Some(Wish::Stop(*code)),
        KeyCode::Char('c') if *modifiers == KeyModifiers::CONTROL => Some(Wish::Stop(*code)),
        KeyCode::Char('?' | 'h') if is_plain => Some(Wish::Help),
        KeyCode::Esc => Some(Wish::NoHelp),
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
        let (q, c) = (KeyCode::Char('q'), KeyCode::Char('c'));
        check(q, none, Some(Wish::Stop(q)));
        check(c, KeyModifiers::CONTROL, Some(Wish::Stop(c)));
        check(KeyCode::Char('c'), none, None);
        check(KeyCode::Char('?'), KeyModifiers::SHIFT, Some(Wish::Help));
        check(KeyCode::Esc, none, Some(Wish::NoHelp));
        check(KeyCode::Char('h'), KeyModifiers::CONTROL, None);
        check(q, KeyModifiers::ALT, None);
        let mut repeated = KeyEvent::new(q, none);
        repeated.kind = KeyEventKind::Repeat;
        assert_eq!(wish(&Event::Key(repeated)), None);
        let resized = Event::Resize(80, 24);
        assert_eq!(wish(&resized), None);
    }

    #[test]
    fn a_key_that_is_held_down_is_typed_once() {
        let first = Instant::now();
        let after = |key, milliseconds| {
            let typed = first + Duration::from_millis(milliseconds);
            (KeyCode::Char(key), typed)
        };
        assert!(!is_held(None, after('q', 0)));
        assert!(is_held(Some(after('q', 0)), after('q', 500)));
        assert!(is_held(Some(after('q', 500)), after('q', 533)));
        assert!(!is_held(Some(after('q', 0)), after('q', 900)));
        assert!(!is_held(Some(after('c', 0)), after('q', 10)));
    }
}
