//! [`HumanLoss`]: a person who judges.

use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::wording::shown;
use super::{Loss, LossError, LossFuture, Sample};
use crate::parameter::{Feedback, FeedbackType};

/// Somebody who can be shown a text and answers with a line. The library prints
/// nothing by itself: a program says where people are.
pub trait Person: Send + 'static {
    /// Shows `question` and waits for a line. It may block.
    fn ask(&mut self, question: &str) -> io::Result<String>;
}

/// A person at the other end of a reader and a writer, such as stdin and stderr.
#[derive(Debug)]
pub struct Terminal<R, W> {
    reader: R,
    writer: W,
}

impl<R: BufRead + Send + 'static, W: Write + Send + 'static> Terminal<R, W> {
    /// A person who reads what is written to `writer` and answers into `reader`.
    pub fn new(reader: R, writer: W) -> Self {
        Self { reader, writer }
    }
}

impl<R: BufRead + Send + 'static, W: Write + Send + 'static> Person for Terminal<R, W> {
    fn ask(&mut self, question: &str) -> io::Result<String> {
        self.writer.write_all(question.as_bytes())?;
        self.writer.flush()?;
        let mut answer = String::new();
        if self.reader.read_line(&mut answer)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(answer)
    }
}

/// Asks a person, one output after the other, as they are ready. An answer begins with a
/// score from 0 to 10, and what to change may follow: `7 too long`. What does not begin
/// with a number is words alone; an empty line, and a number that is no score, is asked
/// for again, twice.
///
/// ```
/// use std::io::{BufReader, stderr, stdin};
/// use inf_engine::optimization::{HumanLoss, Terminal};
///
/// let loss = HumanLoss::new(Terminal::new(BufReader::new(stdin()), stderr()));
/// # let _ = loss;
/// ```
pub struct HumanLoss {
    /// Whoever is asked is asked one thing at a time.
    person: Arc<Mutex<dyn Person>>,
}

impl HumanLoss {
    /// Asks `person`.
    pub fn new(person: impl Person) -> Self {
        Self {
            person: Arc::new(Mutex::new(person)),
        }
    }
}

fn failed(problem: &dyn std::error::Error) -> LossError {
    LossError::Failed {
        loss: "human".to_owned(),
        problem: problem.to_string(),
    }
}

/// How often a person is asked about one output.
const TIMES: usize = 3;

/// `7 too long` as a score of 0.7 and the words; `None` of an empty line, and of a number
/// that is no score.
fn read(answer: &str) -> Option<Feedback> {
    let answer = answer.trim();
    let (first, rest) = answer
        .split_once(char::is_whitespace)
        .unwrap_or((answer, ""));
    let number = first.trim_end_matches([':', ',', ';']).parse().ok();
    match number {
        Some(number) if (0.0..=10.0).contains(&number) => {
            Some(Feedback::new(FeedbackType::Human, rest.trim()).with_score(number / 10.0))
        }
        Some(_) => None,
        None if answer.is_empty() => None,
        None => Some(Feedback::new(FeedbackType::Human, answer)),
    }
}

impl Loss for HumanLoss {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        let person = Arc::clone(&self.person);
        let question = format!("\n{}score 0-10 and what to change: ", shown(sample));
        Box::pin(async move {
            let asking = tokio::task::spawn_blocking(move || {
                let mut person = person.lock().unwrap_or_else(PoisonError::into_inner);
                let mut asked = Ok(None);
                for time in 0..TIMES {
                    let again = "that is no score from 0 to 10; which is it, and what to change: ";
                    let answer = person.ask(if time == 0 { &question } else { again });
                    asked = answer.map(|answer| read(&answer));
                    if !matches!(asked, Ok(None)) {
                        break;
                    }
                }
                asked
            });
            let asked = asking.await.map_err(|error| failed(&error))?;
            let read = asked.map_err(|error| failed(&error))?;
            read.ok_or_else(|| LossError::Failed {
                loss: "human".to_owned(),
                problem: "there is no score from 0 to 10, and no words".to_owned(),
            })
        })
    }
}

impl std::fmt::Debug for HumanLoss {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("HumanLoss").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_and_words_or_words_alone() {
        let check = |answer: &str, score: Option<f64>, text: &str| {
            let read = read(answer).expect("it says something");
            assert_eq!((read.score, &*read.text), (score, text), "{answer}");
        };
        check("7 too long\n", Some(0.7), "too long");
        check("10", Some(1.0), "");
        check("0: wrong", Some(0.0), "wrong");
        check("too long", None, "too long");
        for nothing in ["11 much too good", "-3", "NaN", "\n"] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
