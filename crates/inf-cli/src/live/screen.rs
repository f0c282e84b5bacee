//! [`Screen`]: the terminal, which is given back whatever happens.

use std::io::{self, BufWriter, Stderr};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};

/// Whether the terminal is ours.
static IS_OURS: AtomicBool = AtomicBool::new(false);

/// Held while something is drawn, so that nothing is once the terminal was given back.
static DRAWING: Mutex<()> = Mutex::new(());

/// The terminal behind stderr, whole: stdout is for results.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stderr>>>,
}

impl Screen {
    /// Takes the terminal. It is given back when this is dropped, by [`restore`], and by a
    /// panic of any thread.
    pub(super) fn open() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let next = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                // Without waiting: it may be what draws that panics.
                let _drawing = DRAWING.try_lock();
                give_back();
                next(panic);
            }));
        });
        enable_raw_mode()?;
        IS_OURS.store(true, Ordering::SeqCst);
        let entered = execute!(io::stderr(), EnterAlternateScreen, Hide);
        let backend = CrosstermBackend::new(BufWriter::new(io::stderr()));
        let opened = entered.and_then(|()| Terminal::new(backend));
        opened
            .map(|terminal| Self { terminal })
            .inspect_err(|_| restore())
    }

    /// Draws a picture, as long as the terminal is ours. One that can't be drawn is left
    /// out: the next one may be.
    pub(super) fn draw(&mut self, picture: impl FnOnce(&mut Frame)) {
        let _drawing = drawing();
        if IS_OURS.load(Ordering::SeqCst) {
            let _ = self.terminal.draw(picture);
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back as it was, if it is ours: before an exit that drops nothing.
pub(crate) fn restore() {
    let _drawing = drawing();
    give_back();
}

fn drawing() -> MutexGuard<'static, ()> {
    DRAWING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn give_back() {
    // Once: leaving what was left already would move the cursor.
    if IS_OURS.swap(false, Ordering::SeqCst) {
        // Whatever is still there of the terminal.
        let _ = execute!(io::stderr(), LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
    }
}

/// Gives the terminal back at the signals that end the program and are no request to stop,
/// which have their own way.
#[cfg(unix)]
pub(super) fn restore_on_signals() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    for kind in [SignalKind::hangup(), SignalKind::quit()] {
        let mut signal = signal(kind)?;
        tokio::spawn(async move {
            signal.recv().await;
            restore();
            std::process::exit(128 + kind.as_raw_value());
        });
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::env;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use super::*;

    /// What the test below runs on a terminal.
    #[test]
    #[ignore = "takes the terminal that it runs on"]
    fn panics_while_it_draws() {
        let mut screen = Screen::open().expect("a terminal");
        screen.draw(|_| ());
        screen.draw(|_| panic!("in the middle of a picture"));
    }

    #[test]
    #[expect(
        clippy::print_stderr,
        reason = "what was not tested should be seen to be so"
    )]
    fn a_panic_gives_the_terminal_back() {
        if Command::new("tmux").arg("-V").output().is_err() {
            eprintln!("skipped: there is no tmux here");
            return;
        }
        let folder = tempfile::tempdir().expect("a temporary directory");
        let tmux = |arguments: &[&str]| {
            let mut tmux = Command::new("tmux");
            tmux.args(["-f", "/dev/null", "-S"]);
            tmux.arg(folder.path().join("tmux")).args(arguments);
            let output = tmux.env_remove("TMUX").output().expect("tmux runs");
            String::from_utf8_lossy(&output.stdout).into_owned()
        };
        let test = env::current_exe().expect("a path");
        let name = "live::screen::tests::panics_while_it_draws";
        let line = format!(
            "RUST_BACKTRACE=0 {} --ignored --exact {name} --nocapture >/dev/null; \
             stty -a | grep -ow -e '-*icanon' -e '-*echo'; echo over; read wait",
            test.display()
        );
        tmux(&["new-session", "-d", "-x", "80", "-y", "24", &line]);
        let began = Instant::now();
        let mut seen = String::new();
        while !seen.contains("\nover") && began.elapsed() < Duration::from_mins(1) {
            seen = tmux(&["capture-pane", "-p"]);
            std::thread::yield_now();
        }
        let flags = tmux(&["display-message", "-p", "#{alternate_on} #{cursor_flag}"]);
        tmux(&["kill-server"]);
        assert!(seen.contains("in the middle of a picture"), "{seen}");
        assert!(seen.contains("\nicanon\necho\n"), "{seen}");
        assert_eq!(flags.trim(), "0 1");
    }
}
