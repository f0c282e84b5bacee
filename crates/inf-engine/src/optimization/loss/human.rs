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

/// Asks a person, one output after the other. An answer begins with a score from
/// 0 to 10, and what to change may follow: `7 too long`. What does not begin with
/// a number is words alone.
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

/// `7 too long` as a score of 0.7 and the words.
fn read(answer: &str) -> Feedback {
    let answer = answer.trim();
    let (first, rest) = answer
        .split_once(char::is_whitespace)
        .unwrap_or((answer, ""));
    let score = first.trim_end_matches([':', ',', ';']).parse().ok();
    match score.filter(|score: &f64| (0.0..=10.0).contains(score)) {
        Some(score) => Feedback::new(FeedbackType::Human, rest.trim()).with_score(score / 10.0),
        None => Feedback::new(FeedbackType::Human, answer),
    }
}

impl Loss for HumanLoss {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        let person = Arc::clone(&self.person);
        let question = format!("\n{}score 0-10 and what to change: ", shown(sample));
        Box::pin(async move {
            let asking = tokio::task::spawn_blocking(move || {
                let mut person = person.lock().unwrap_or_else(PoisonError::into_inner);
                person.ask(&question)
            });
            let answer = asking.await.map_err(|error| failed(&error))?;
            answer
                .map(|answer| read(&answer))
                .map_err(|error| failed(&error))
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
            let read = read(answer);
            assert_eq!((read.score, &*read.text), (score, text), "{answer}");
        };
        check("7 too long\n", Some(0.7), "too long");
        check("10", Some(1.0), "");
        check("0: wrong", Some(0.0), "wrong");
        check("too long", None, "too long");
        check("70 words are too many", None, "70 words are too many");
        check("\n", None, "");
    }
}
