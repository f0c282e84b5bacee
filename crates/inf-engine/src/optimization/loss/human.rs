//! [`HumanLoss`]: a person who judges.

use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};

use super::wording::shown;
use super::{BatchLossFuture, Loss, LossError, LossFuture, Sample};
use crate::parameter::{Feedback, FeedbackType};

/// Somebody who can be shown a text and answers with a line. The library prints
/// nothing by itself: a program says where people are. [`Terminal`] is one; another
/// place to ask people is written so:
///
/// ```
/// use std::io;
/// use std::sync::mpsc::{Receiver, Sender, channel};
///
/// use inf_engine::optimization::{Example, HumanLoss, Loss, Person, Sample};
///
/// /// Who is shown what a window has, and types into it.
/// struct Window { shows: Sender<String>, typed: Receiver<String> }
///
/// impl Person for Window {
///     fn ask(&mut self, question: &str) -> io::Result<String> {
///         let closed = |_| io::Error::other("the window was closed");
///         self.shows.send(question.to_owned()).map_err(|_| closed(()))?;
///         self.typed.recv().map_err(|_| closed(()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let ((shows, shown), (types, typed)) = (channel(), channel());
/// types.send("7 too long".to_owned())?; // somebody types that, some day
/// let loss = HumanLoss::new(Window { shows, typed });
/// let said = loss.evaluate(&Sample::new(&Example::new("Hi!"), "Good day to you!")).await?;
/// assert!(shown.recv()?.contains("Good day to you!"));
/// assert_eq!((said.score, &*said.text), (Some(0.7), "too long"));
/// # Ok(())
/// # }
/// ```
pub trait Person: Send + 'static {
    /// Shows `question` and waits for a line. It may block.
    fn ask(&mut self, question: &str) -> io::Result<String>;
}

/// A person at the other end of a reader and a writer, such as stdin and stderr.
/// [`HumanLoss`] shows how.
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
            let problem = "nobody answers: the input has ended";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, problem));
        }
        Ok(answer)
    }
}

/// Asks a person, one output after the other, in the order of the examples and when all
/// outputs are there.
///
/// An answer begins with a score from 0 to 10, and what to change may follow: `7 too long`,
/// `7/10: too long`, `10`. What does not begin with a number is words alone, without a
/// score. An empty line, and a number that is no score (`11`, `70%`, `3/5`), is asked for
/// again, twice.
///
/// ```
/// use inf_engine::optimization::{Example, HumanLoss, Loss, Sample, Terminal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // In a program: `Terminal::new(BufReader::new(stdin()), stderr())`.
/// let person = Terminal::new(&b"7/10 too long\nWhich Paris?\n"[..], std::io::sink());
/// let loss = HumanLoss::new(person);
/// let outputs = ["The capital of France is the city of Paris.", "Paris."];
/// let example = Example::new("What is the capital of France?");
/// let verdicts = loss.evaluate_batch(&outputs.map(|output| Sample::new(&example, output))).await;
/// let [Ok(first), Ok(second)] = &verdicts[..] else { panic!("both are answered") };
/// assert_eq!((first.score, &*first.text), (Some(0.7), "too long"));
/// assert_eq!((second.score, &*second.text), (None, "Which Paris?"));
/// # Ok(())
/// # }
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

/// `7 too long` or `7/10: too long` as a score of 0.7 and the words; `None` of an empty line,
/// and of a number that is no score.
fn read(answer: &str) -> Option<Feedback> {
    let answer = answer.trim();
    let words = || Some(Feedback::new(FeedbackType::Human, answer)).filter(|_| !answer.is_empty());
    let unsigned = answer.trim_start_matches(['+', '-']);
    let digits = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.');
    let sign = answer.len() - unsigned.len();
    let (number, rest) = answer.split_at(sign + digits.unwrap_or(unsigned.len()));
    let Ok(number) = number.trim_end_matches('.').parse::<f64>() else {
        return words();
    };
    let of_ten = rest.trim_start().strip_prefix('/');
    let of_ten = of_ten.and_then(|rest| rest.trim_start().strip_prefix("10"));
    if of_ten.is_none() && rest.starts_with(char::is_alphabetic) {
        return words(); // `3rd sentence`
    }
    let rest = of_ten.unwrap_or(rest);
    let rest = rest.trim_start_matches([':', ';', ',', ')', '.', '!', '-', '–']);
    if rest.trim_start().starts_with(['/', '%']) || rest.starts_with(|c: char| c.is_ascii_digit()) {
        return None; // `3/5`, `70 %`, `7,5`, `7/100`, `8-9`
    }
    let is_score = (0.0..=10.0).contains(&number);
    is_score.then(|| Feedback::new(FeedbackType::Human, rest.trim()).with_score(number / 10.0))
}

impl Loss for HumanLoss {
    fn evaluate<'a>(&'a self, sample: &'a Sample) -> LossFuture<'a> {
        let person = Arc::clone(&self.person);
        let question = format!(
            "\n{}score 0-10 and what to change, as in `7 too long`: ",
            shown(sample)
        );
        Box::pin(async move {
            let asking = tokio::task::spawn_blocking(move || {
                let mut person = person.lock().unwrap_or_else(PoisonError::into_inner);
                let mut asked = Ok(None);
                for time in 0..TIMES {
                    let again = "that is no score from 0 to 10; which is it, and what to change, as in \
                                 `7 too long`: ";
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

    /// One after the other: a person sees outputs in their order.
    fn evaluate_batch<'a>(&'a self, samples: &'a [Sample]) -> BatchLossFuture<'a> {
        Box::pin(async move {
            let mut verdicts = Vec::with_capacity(samples.len());
            for sample in samples {
                verdicts.push(self.evaluate(sample).await);
            }
            verdicts
        })
    }

    /// In the order in which outputs come, answers would be to others every time.
    fn takes_batches(&self) -> bool {
        true
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
        check("7/10 too long", Some(0.7), "too long");
        check("7.5 / 10: too long", Some(0.75), "too long");
        check("7.", Some(0.7), "");
        check("10/10!", Some(1.0), "");
        check("7-too long", Some(0.7), "too long");
        check("7:too long", Some(0.7), "too long");
        check("too long", None, "too long");
        check("- too long", None, "- too long");
        check("3rd sentence is wrong", None, "3rd sentence is wrong");
        check("NaN is no answer", None, "NaN is no answer");
        for nothing in [
            "11 much too good",
            "-3",
            "70 %",
            "3/5",
            "7/100",
            "7,5",
            "8-9",
            "\n",
        ] {
            assert_eq!(read(nothing), None, "{nothing}");
        }
    }
}
