//! [`Budget`]: what runs may spend together.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::document::counted;
use crate::journal::{CallRecord, Charged, JournalError, JournalErrorKind, JournalReader, Record};
use crate::resources::{Cost, Dollars, Waiter};

/// What runs may spend together: dollars, tokens, calls, or several of them.
///
/// It is a handle and cheap to clone; all clones are the same budget. Give it to
/// runs with
/// [`ExecutionSettings::with_budget`](super::ExecutionSettings::with_budget):
/// all that have it share it, and so do runs that begin inside of their host
/// functions. Where several budgets hold for a run, every one of them does.
///
/// Before a call is made, what it may take is reserved: the tokens of its
/// request, about, and those of its answer: `max_tokens` where that is set,
/// otherwise those of the longest answer that the node had in the run, or
/// [`ASSUMED_ANSWER`](Self::ASSUMED_ANSWER) before it had any. What it took is
/// spent when it ends, and the rest is free again. What is spent and reserved
/// together never is more than the budget, so that
///
/// * the number of calls is kept exactly;
/// * dollars and tokens are exceeded only by as much as the calls that are in
///   flight at the end take more than was reserved for them: where `max_tokens`
///   is set, by the error of the estimate of the requests. A call whose answer
///   nothing bounds is made while its request fits, and then alone.
///
/// A request that was refused for a limit costs nothing. One that failed is a
/// call; it is charged tokens, namely all that was reserved, if its answer may
/// have been written: when it timed out, was given up or could not be read. So
/// is an answer whose provider does not say what it charged.
///
/// When a call does not fit any more and none is in flight that may leave room
/// for it, the run makes no other one: what is in flight ends, inputs that need
/// no more calls have their output, and all others fail as
/// [`Budget`](crate::execution::ErrorKind::Budget). A budget in dollars needs
/// models whose price is known: a run that calls any other one ends before its
/// first call.
///
/// ```
/// use inf_engine::execution::{Budget, ErrorKind, ExecutionSettings};
/// use inf_engine::prelude::*;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let resources = ResourceConfig::simulated(["fast"], &Default::default());
/// let pipeline = LlmInference::new("fast").bind(resources)?;
/// let budget = Budget::calls(3).and_tokens(100_000);
/// let pipeline = pipeline.with_settings(ExecutionSettings::default().with_budget(&budget));
///
/// let results = pipeline.run_batch((0..5).map(|n| format!("Question {n}"))).await;
/// let (good, bad): (Vec<_>, Vec<_>) = results.iter().partition(|result| result.output.is_ok());
/// assert_eq!(good.len(), 3);
/// for result in bad {
///     assert_eq!(result.output.as_ref().unwrap_err().kind, ErrorKind::Budget);
/// }
/// assert_eq!(budget.spent().calls, 3);
/// assert_eq!(budget.remaining().calls, Some(0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Budget(Arc<Inner>);

struct Inner {
    limits: Remaining,
    ledger: Mutex<Ledger>,
}

/// What a budget was spent on.
///
/// ```
/// use inf_engine::execution::{Budget, Spent};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// // Ten dollars a night, also if the program is started three times.
/// let before = Spent::recorded_in(folder)?;
/// let budget = Budget::dollars(10.0).and_calls(5_000).and_already_spent(before);
/// assert_eq!(budget.spent().calls, before.calls);
/// assert_eq!(budget.remaining().calls, Some(5_000 - before.calls));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spent {
    /// Dollars, as far as prices are known.
    pub cost: Cost,
    /// Tokens, those of requests and of answers.
    pub tokens: u64,
    /// Calls that were made; requests that were refused for a limit are none.
    pub calls: u64,
}

impl Spent {
    /// What a call took that a journal holds, with what was assumed where nobody said it.
    pub(crate) fn of_record(call: &CallRecord) -> Self {
        let mut spent = call.charged.map_or_else(
            || Self {
                cost: call.cost,
                tokens: call.outcome.as_ref().map_or(0, |answer| {
                    let usage = answer.usage;
                    usage.input_tokens.saturating_add(usage.output_tokens)
                }),
                calls: 0,
            },
            Self::of_charged,
        );
        let earlier = call.earlier.iter().filter_map(|sent| sent.charged);
        for charged in earlier {
            spent.add(Self::of_charged(charged));
        }
        spent.calls = 1 + call.attempts.len() as u64;
        spent
    }

    fn of_charged(charged: Charged) -> Self {
        Self {
            cost: charged.cost,
            tokens: charged.tokens,
            calls: 0,
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.cost += other.cost;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.calls += other.calls;
    }

    /// What was spent after `before`, which is what was spent then.
    pub(crate) fn since(self, before: Self) -> Self {
        let mut cost = self.cost;
        cost.known = cost.known.saturating_sub(before.cost.known);
        cost.unknown = cost.unknown.saturating_sub(before.cost.unknown);
        Self {
            cost,
            tokens: self.tokens.saturating_sub(before.tokens),
            calls: self.calls.saturating_sub(before.calls),
        }
    }

    /// What was spent on the calls that the journal in `folder` holds, which is
    /// read for it; nothing if there is no journal.
    ///
    /// Where a provider did not say what a call took, it is what a budget was charged then; a run
    /// without a budget has nothing noted, and then its tokens count as 0. A call that was in
    /// flight when its program was killed may have been charged for and is not there, and
    /// neither is the slower one of two that were sent for the same answer.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn recorded_in(folder: impl AsRef<Path>) -> Result<Self, JournalError> {
        let mut spent = Self::default();
        let reader = match JournalReader::open(folder) {
            Ok(reader) => reader,
            Err(error) if error.kind == JournalErrorKind::NoJournal => return Ok(spent),
            Err(error) => return Err(error),
        };
        reader.read(|record| {
            if let Record::Call(call) = record {
                spent.add(Self::of_record(&call));
            }
        })?;
        Ok(spent)
    }
}

/// What a budget has left; nothing is said of what it does not limit.
///
/// [`Budget::remaining`] gives it; [`Budget`] shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remaining {
    /// Dollars.
    pub dollars: Option<Dollars>,
    /// Tokens, those of requests and of answers.
    pub tokens: Option<u64>,
    /// Calls.
    pub calls: Option<u64>,
}

/// Held while something is reserved.
static RESERVING: Mutex<()> = Mutex::new(());

#[derive(Default)]
struct Ledger {
    spent: Spent,
    /// What calls had taken that were not made, because a journal had their answers.
    recalled: Spent,
    reserved: Amount,
    /// Counts what ends, so that who waits can tell.
    endings: u64,
    /// Who may wait for calls of others to end.
    waiters: Vec<Weak<Waiter>>,
    /// Whether anyone found no room since a call ended.
    is_awaited: bool,
}

/// What one call may take or has taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) dollars: Dollars,
    pub(crate) tokens: u64,
    pub(crate) calls: u64,
}

/// What a call may take, before it is made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    /// All that is expected.
    pub(crate) whole: Amount,
    /// What will do for a call that is alone, if that is less: its answer is not
    /// bounded, and what is expected of it no more than a guess.
    pub(crate) least: Amount,
}

/// Why a call may not be made.
pub(crate) enum Shortage {
    /// Calls are in flight that may leave room for it: it is to be tried again
    /// when [`Budget::endings`] is another number.
    ForNow(u64),
    /// There is not enough left, which this sentence says.
    ForGood(String),
}

impl Budget {
    /// The tokens that are reserved for an answer of which nothing is known:
    /// neither `max_tokens` nor how long others were.
    pub const ASSUMED_ANSWER: u64 = 1_000;

    /// A budget of so many US dollars; less than 0 counts as 0.
    pub fn dollars(dollars: f64) -> Self {
        Self::of(Remaining::default()).and_dollars(dollars)
    }

    /// A budget of so many tokens, those of requests and of answers.
    pub fn tokens(tokens: u64) -> Self {
        Self::of(Remaining::default()).and_tokens(tokens)
    }

    /// A budget of so many calls.
    pub fn calls(calls: u64) -> Self {
        Self::of(Remaining::default()).and_calls(calls)
    }

    /// A budget like this one, of which nothing is spent, that holds no more
    /// than so many US dollars.
    #[must_use]
    pub fn and_dollars(self, dollars: f64) -> Self {
        let dollars = Some(Dollars::new(dollars));
        Self::of(Remaining {
            dollars,
            ..self.0.limits
        })
    }

    /// A budget like this one, of which nothing is spent, that holds no more
    /// than so many tokens.
    #[must_use]
    pub fn and_tokens(self, tokens: u64) -> Self {
        let tokens = Some(tokens);
        Self::of(Remaining {
            tokens,
            ..self.0.limits
        })
    }

    /// A budget like this one, of which nothing is spent, that holds no more
    /// than so many calls.
    #[must_use]
    pub fn and_calls(self, calls: u64) -> Self {
        let calls = Some(calls);
        Self::of(Remaining {
            calls,
            ..self.0.limits
        })
    }

    /// A budget like this one, of which so much is spent already: by earlier runs,
    /// as [`Spent::recorded_in`] their journal.
    ///
    /// ```
    /// use inf_engine::execution::{Budget, Spent};
    ///
    /// let mut before = Spent::default();
    /// before.calls = 30;
    /// let budget = Budget::calls(100).and_already_spent(before);
    /// assert_eq!(budget.remaining().calls, Some(70));
    /// ```
    #[must_use]
    pub fn and_already_spent(self, spent: Spent) -> Self {
        let budget = Self::of(self.0.limits);
        budget.ledger().spent = spent;
        budget
    }

    fn of(limits: Remaining) -> Self {
        Self(Arc::new(Inner {
            limits,
            ledger: Mutex::default(),
        }))
    }

    /// What it was spent on so far; of calls in flight nothing is.
    pub fn spent(&self) -> Spent {
        self.ledger().spent
    }

    /// What calls under it had taken that were not made, because a journal had their
    /// answers.
    pub(crate) fn recalled(&self) -> Spent {
        self.ledger().recalled
    }

    /// Notes calls that were not made, because a journal had their answers.
    pub(crate) fn note_recalled(&self, spent: Spent) {
        self.ledger().recalled.add(spent);
    }

    /// What is neither spent nor reserved for calls in flight.
    pub fn remaining(&self) -> Remaining {
        self.0.remaining(&self.ledger())
    }

    /// What it holds.
    pub fn limits(&self) -> Remaining {
        self.0.limits
    }

    /// Whether it is a budget in dollars, which needs known prices.
    pub(crate) fn needs_prices(&self) -> bool {
        self.0.limits.dollars.is_some()
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Registers who may have to wait for calls of others.
    pub(crate) fn register(&self, waiter: &Arc<Waiter>) {
        let waiters = &mut self.ledger().waiters;
        waiters.retain(|known| known.strong_count() > 0);
        let is_same = |known: &Weak<Waiter>| std::ptr::eq(known.as_ptr(), Arc::as_ptr(waiter));
        if !waiters.iter().any(is_same) {
            waiters.push(Arc::downgrade(waiter));
        }
    }

    /// How many calls have ended.
    pub(crate) fn endings(&self) -> u64 {
        self.ledger().endings
    }

    /// Takes aside under every one of `budgets` what a call may take, and says how
    /// much that is under each; or which of them has too little.
    pub(crate) fn reserve(budgets: &[Self], need: &Need) -> Result<Vec<Amount>, (usize, Shortage)> {
        // One call after the other: what is taken aside under one budget and
        // given back, because another one has too little, would be seen by others
        // that wait for it.
        let _turn = RESERVING.lock().unwrap_or_else(PoisonError::into_inner);
        let granted = budgets.iter().enumerate().map(|(place, budget)| {
            let granted = budget.0.grant(&mut budget.ledger(), need);
            granted.map_err(|shortage| (place, shortage))
        });
        let granted = granted.collect::<Result<Vec<Amount>, _>>()?;
        for (budget, amount) in budgets.iter().zip(&granted) {
            budget.ledger().reserved.add(amount);
        }
        Ok(granted)
    }

    /// Gives back what was taken aside for a call, and notes what it took.
    pub(crate) fn settle(&self, reserved: &Amount, spent: Spent) {
        let mut ledger = self.ledger();
        ledger.reserved.subtract(reserved);
        ledger.spent.add(spent);
        ledger.endings += 1;
        if std::mem::take(&mut ledger.is_awaited) {
            for waiter in ledger.waiters.iter().filter_map(Weak::upgrade) {
                waiter.wake();
            }
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Numbers are whole after every statement, also if one panicked.
        self.0.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// What is granted to a call, if there is enough.
    fn grant(&self, ledger: &mut Ledger, need: &Need) -> Result<Amount, Shortage> {
        let remaining = self.remaining(ledger);
        let Some(what) = remaining.lacks(&need.whole) else {
            return Ok(need.whole);
        };
        let is_alone = ledger.reserved.calls == 0;
        if !is_alone {
            ledger.is_awaited = true;
            Err(Shortage::ForNow(ledger.endings))
        } else if remaining.lacks(&need.least).is_none() {
            Ok(remaining.at_most(&need.whole))
        } else {
            Err(Shortage::ForGood(self.shortage(ledger, what, need)))
        }
    }

    fn remaining(&self, ledger: &Ledger) -> Remaining {
        let (spent, reserved) = (&ledger.spent, &ledger.reserved);
        let dollars = spent.cost.known + reserved.dollars;
        let tokens = spent.tokens.saturating_add(reserved.tokens);
        let calls = spent.calls + reserved.calls;
        let Remaining {
            dollars: most_dollars,
            tokens: most_tokens,
            calls: most_calls,
        } = self.limits;
        Remaining {
            dollars: most_dollars.map(|most| most.saturating_sub(dollars)),
            tokens: most_tokens.map(|most| most.saturating_sub(tokens)),
            calls: most_calls.map(|most| most.saturating_sub(calls)),
        }
    }

    /// Says that there is too little left of `what`.
    fn shortage(&self, ledger: &Ledger, what: Unit, need: &Need) -> String {
        let Spent {
            cost,
            tokens,
            calls,
        } = ledger.spent;
        let Need { whole, least } = need;
        let (most, spent, is_bounded, next) = match what {
            Unit::Calls => {
                let most = counted(self.limits.calls.unwrap_or_default(), "call");
                return format!("the budget of {most} is used up");
            }
            Unit::Dollars => (
                self.limits.dollars.unwrap_or_default().to_string(),
                cost.known.to_string(),
                whole.dollars == least.dollars,
                least.dollars.to_string(),
            ),
            Unit::Tokens => (
                counted(self.limits.tokens.unwrap_or_default(), "token"),
                counted(tokens, "token"),
                whole.tokens == least.tokens,
                counted(least.tokens, "token"),
            ),
        };
        // Of a guess it is not said that it will be taken.
        let may_take = if is_bounded {
            "may take up to"
        } else {
            "takes at least"
        };
        let calls = counted(calls, "call");
        format!(
            "the budget of {most} does not allow another call: {spent} were spent on {calls}, and the next \
             one {may_take} {next}"
        )
    }
}

/// What a budget may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Dollars,
    Tokens,
    Calls,
}

impl Remaining {
    /// What of this is too little for `amount`, if anything is.
    fn lacks(&self, amount: &Amount) -> Option<Unit> {
        let too_few = |left: Option<u64>, wanted: u64| left.is_some_and(|left| left < wanted);
        if too_few(self.calls, amount.calls) {
            Some(Unit::Calls)
        } else if self.dollars.is_some_and(|left| left < amount.dollars) {
            Some(Unit::Dollars)
        } else {
            too_few(self.tokens, amount.tokens).then_some(Unit::Tokens)
        }
    }

    fn at_most(&self, amount: &Amount) -> Amount {
        Amount {
            dollars: self
                .dollars
                .map_or(amount.dollars, |left| left.min(amount.dollars)),
            tokens: self
                .tokens
                .map_or(amount.tokens, |left| left.min(amount.tokens)),
            calls: amount.calls,
        }
    }
}

impl Amount {
    fn add(&mut self, other: &Self) {
        self.dollars += other.dollars;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.calls += other.calls;
    }

    fn subtract(&mut self, other: &Self) {
        self.dollars = self.dollars.saturating_sub(other.dollars);
        self.tokens = self.tokens.saturating_sub(other.tokens);
        self.calls = self.calls.saturating_sub(other.calls);
    }
}

impl fmt::Display for Budget {
    /// What it holds: `$5.00 and 1000 calls`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Remaining {
            dollars,
            tokens,
            calls,
        } = self.0.limits;
        let parts = [
            dollars.map(|dollars| dollars.to_string()),
            tokens.map(|tokens| counted(tokens, "token")),
            calls.map(|calls| counted(calls, "call")),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        formatter.write_str(&parts.join(" and "))
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Budget")
            .field("limits", &self.0.limits)
            .field("spent", &self.spent())
            .finish_non_exhaustive()
    }
}
