//! [`Spending`]: what a run may spend and does. What a call may take is
//! reserved before it is sent, and settled when it ends.

use std::sync::Arc;

use super::Run;
use crate::clients::{ClientErrorKind, LlmRequest, LlmResponse, Usage};
use crate::execution::observation::TaskOutcome;
use crate::execution::scheduling::bound::Bound;
use crate::execution::scheduling::evaluate::Failure;
use crate::execution::scheduling::scheduler::Board;
use crate::execution::scheduling::task::Outcome;
use crate::execution::settings::{Amount, Need, Shortage, Spent};
use crate::execution::{Budget, ErrorKind};
use crate::graph::NodeRef;
use crate::journal::Charged;
use crate::resources::{Cost, Price, Waiter, request_tokens};

/// What a run may spend and does.
pub(super) struct Spending {
    /// Without any, nothing is done but noting costs.
    budgets: Vec<Budget>,
    /// Which of them has no room for the next call, and how many calls had
    /// ended under it then.
    waits_for: Option<(usize, u64)>,
    /// Why no more calls are made.
    refusal: Option<(ErrorKind, String)>,
    /// By node, the tokens of its longest answer.
    longest: Vec<Option<u64>>,
}

/// Why a call was not sent.
pub(super) enum NotSent {
    /// It can't be put together.
    Failed(Failure),
    /// It costs so many tokens, and the endpoint does not have as many.
    WaitsForTokens(u32),
    /// A budget may have room for it later.
    WaitsForBudget,
    /// A budget has no room for it.
    OutOfBudget(String),
}

impl From<Failure> for NotSent {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What is charged for an attempt that is under way. One that is dropped
/// before it is settled was given up, and may have to be paid for.
#[derive(Debug, Default)]
pub(crate) struct Charge {
    price: Option<Price>,
    /// What was reserved under each budget.
    held: Vec<(Budget, Amount)>,
    /// What was expected of it.
    expected: Amount,
    cost: Cost,
    /// What was charged, if nobody said what was taken.
    assumed: Option<Charged>,
}

impl Spending {
    pub(super) fn new(budgets: &[Budget], nodes: usize, waiter: &Arc<Waiter>) -> Self {
        for budget in budgets {
            budget.register(waiter);
        }
        Self {
            budgets: budgets.to_vec(),
            waits_for: None,
            refusal: None,
            longest: if budgets.is_empty() {
                Vec::new()
            } else {
                vec![None; nodes]
            },
        }
    }

    /// Whether a call may have room.
    pub(super) fn may_call(&self) -> bool {
        let is_the_same = |(place, endings): (usize, u64)| self.budgets[place].endings() == endings;
        !self.waits_for.is_some_and(is_the_same)
    }

    /// Why a run of `bound` can't keep its budgets, if it can't.
    pub(super) fn impossible(&self, bound: &Bound) -> Option<String> {
        let budget = self.budgets.iter().find(|budget| budget.needs_prices())?;
        let mut endpoints = bound.endpoints.iter();
        let unpriced = endpoints.find(|endpoint| endpoint.price().is_none())?;
        Some(unknown_price(budget, unpriced.alias()))
    }

    /// Reserves what `request` may take.
    pub(super) fn reserve(
        &mut self,
        node: NodeRef,
        price: Option<&Price>,
        request: &LlmRequest,
    ) -> Result<Charge, NotSent> {
        let mut charge = Charge::at(price.copied());
        if self.budgets.is_empty() {
            return Ok(charge);
        }
        if let Some((_, why)) = &self.refusal {
            return Err(NotSent::OutOfBudget(why.clone()));
        }
        self.waits_for = None;
        let need = self.need(node, price, request);
        charge.expected = need.whole;
        match Budget::reserve(&self.budgets, &need) {
            Ok(granted) => {
                charge.held = self.budgets.iter().cloned().zip(granted).collect();
                Ok(charge)
            }
            Err((place, Shortage::ForNow(endings))) => {
                self.waits_for = Some((place, endings));
                Err(NotSent::WaitsForBudget)
            }
            Err((_, Shortage::ForGood(why))) => Err(NotSent::OutOfBudget(why)),
        }
    }

    /// What a call may take.
    fn need(&self, node: NodeRef, price: Option<&Price>, request: &LlmRequest) -> Need {
        let input_tokens = request_tokens(request);
        let amount = |output_tokens: u64| {
            let usage = Usage {
                input_tokens,
                output_tokens,
                ..Usage::default()
            };
            Amount {
                dollars: price.map(|price| price.of(&usage)).unwrap_or_default(),
                tokens: input_tokens.saturating_add(output_tokens),
                calls: 1,
            }
        };
        let assumed = || self.longest[node.index()].unwrap_or(Budget::ASSUMED_ANSWER);
        match request.max_tokens {
            Some(most) => {
                let whole = amount(most.into());
                Need {
                    whole,
                    least: whole,
                }
            }
            None => Need {
                whole: amount(assumed()),
                // An answer has a token at least.
                least: amount(1),
            },
        }
    }

    /// Notes a call that is not made, because a journal has its answer.
    pub(super) fn note_recalled(&self, spent: Spent) {
        for budget in &self.budgets {
            budget.note_recalled(spent);
        }
    }

    /// Learns how long answers of `node` are.
    pub(super) fn note_answer(&mut self, node: NodeRef, usage: &Usage) {
        if let Some(longest) = self.longest.get_mut(node.index()) {
            *longest = (*longest).max(Some(usage.output_tokens));
        }
    }

    /// Why no more calls are made, if that is so.
    pub(super) fn refusal(&self) -> Option<Failure> {
        let (kind, why) = self.refusal.as_ref()?;
        Some(Failure::new(*kind, why.clone()))
    }
}

fn unknown_price(budget: &Budget, alias: &str) -> String {
    format!(
        "a budget of {budget} needs the price of every model that is called, and that of the endpoint \
         `{alias}` is not known: write `price: {{ input: …, output: … }}`, in dollars for a million tokens, \
         for it in the resources"
    )
}

impl Charge {
    fn at(price: Option<Price>) -> Self {
        Self {
            price,
            held: Vec::new(),
            expected: Amount::default(),
            cost: Cost::default(),
            assumed: None,
        }
    }

    /// What the attempt cost, once it is settled.
    pub(crate) fn cost(&self) -> Cost {
        self.cost
    }

    /// What budgets were charged, once it is settled, if nobody said what was taken.
    pub(crate) fn assumed(&self) -> Option<Charged> {
        self.assumed
    }

    /// Notes what came of the attempt.
    pub(crate) fn settle(&mut self, outcome: &Outcome) {
        let Outcome::Called(outcome) = outcome else {
            return;
        };
        let spent = match outcome {
            Ok((response, _)) => {
                self.cost = Cost::of_answer(self.price.as_ref(), &response.usage);
                self.spent_on(response)
            }
            Err(error) => match error.kind {
                ClientErrorKind::RateLimited => Spent::default(),
                // The answer may have been written.
                ClientErrorKind::Timeout | ClientErrorKind::MalformedReply => self.assume(),
                _ => Spent {
                    calls: 1,
                    ..Spent::default()
                },
            },
        };
        self.pay(spent);
    }

    fn spent_on(&mut self, response: &LlmResponse) -> Spent {
        let usage = &response.usage;
        let tokens = usage.input_tokens.saturating_add(usage.output_tokens);
        if tokens == 0 {
            return self.assume();
        }
        Spent {
            cost: self.cost,
            tokens,
            calls: 1,
        }
    }

    /// Notes that all that was expected is charged, where it is.
    fn assume(&mut self) -> Spent {
        let spent = self.all_expected();
        if !self.held.is_empty() {
            self.assumed = Some(Charged {
                tokens: spent.tokens,
                cost: spent.cost,
            });
        }
        spent
    }

    fn all_expected(&self) -> Spent {
        let known = self.expected.dollars;
        Spent {
            cost: Cost {
                known,
                unknown: u64::from(self.price.is_none()),
            },
            tokens: self.expected.tokens,
            calls: 1,
        }
    }

    fn pay(&mut self, spent: Spent) {
        for (budget, held) in self.held.drain(..) {
            budget.settle(&held, spent);
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if !self.held.is_empty() {
            self.pay(self.all_expected());
        }
    }
}

impl Run {
    /// Makes no more calls, because a budget does not allow them or what is
    /// finished can't be kept. What is in flight goes on; inputs that wait to make
    /// a call end.
    pub(super) fn make_no_more_calls(&mut self, board: &mut Board, kind: ErrorKind, why: String) {
        self.ended_by.get_or_insert(kind);
        self.spans.tell_stopped(kind, &why);
        let never = format!("not begun, because {why}");
        self.spending.refusal = Some((kind, why));
        self.stop_taking(board, kind, never);
        self.clear_queues(board);
        let mut all: Vec<_> = self.executions.keys().copied().collect();
        all.sort_unstable();
        for id in all {
            let Some(mut execution) = self.executions.remove(&id) else {
                continue;
            };
            // The journal may have its end, or what it would call for.
            if execution.awaits_recall() {
                self.executions.insert(id, execution);
                continue;
            }
            // The first failure cancels the others.
            if let Some(node) = execution.state.first_pending()
                && let Some(failure) = self.spending.refusal()
            {
                execution.state.start(node);
                let error = execution.fail(&self.bound.plan, node, failure);
                self.tell_inline(board, &execution, node, TaskOutcome::Failed(&error));
            }
            self.settle(board, execution);
        }
    }
}
