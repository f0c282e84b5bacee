//! What runs may spend: rates that are declared, and budgets.

use std::time::Duration;

use inf_engine::execution::ErrorKind;

use super::Check;
use crate::simulation::peers::Ended;
use crate::simulation::record::Got;

impl Check<'_> {
    /// No minute has more requests than all endpoints of an alias may have.
    pub(super) fn declared_rates_are_kept(&mut self) {
        let minute = Duration::from_mins(1);
        for (alias, group) in self.scenario.groups.iter().enumerate() {
            let Some((group, most)) = group.and_then(|it| Some((it, it.requests_per_minute?)))
            else {
                continue;
            };
            let most = most as usize * group.endpoints;
            let calls = self.record.calls.iter().filter(|call| call.alias == alias);
            let mut began: Vec<Duration> = calls.map(|call| call.began).collect();
            began.sort_unstable();
            for (place, from) in began.iter().enumerate() {
                let within = began[place..].iter().take_while(|at| **at < *from + minute);
                let count = within.count();
                ensure!(
                    self,
                    count <= most,
                    "{count} calls of {alias} in the minute from {from:?} on, and {most} may be"
                );
            }
        }
    }

    /// Every call is paid for once, nothing stays reserved, and nobody is told that
    /// a budget is used up before it is.
    pub(super) fn budgets_are_kept(&mut self) {
        for (place, budget) in self.record.budgets.iter().enumerate() {
            let (limits, spent, left) = (budget.limits(), budget.spent(), budget.remaining());
            let of_it = |run: usize| self.scenario.runs[run].budgets.contains(&place);
            let calls = self.record.calls.iter();
            let calls = calls.filter(|call| self.asker(call).is_some_and(|it| of_it(it.run)));
            let made = calls.clone().count() as u64;
            let limited = calls.filter(|call| matches!(call.ended, Some((_, Ended::Limited))));
            // A refusal that comes in the moment in which its call is given up.
            let least = made - limited.count() as u64;
            ensure!(
                self,
                (least..=made).contains(&spent.calls),
                "of {least} to {made} calls {spent:?} were paid from budget {place}"
            );
            ensure!(
                self,
                limits.calls.is_none_or(|most| spent.calls <= most),
                "budget {place}, {limits:?}, paid {spent:?}"
            );
            let is_left = left.calls == limits.calls.map(|most| most.saturating_sub(spent.calls))
                && left.tokens == limits.tokens.map(|most| most.saturating_sub(spent.tokens))
                && left.dollars
                    == limits
                        .dollars
                        .map(|most| most.saturating_sub(spent.cost.known));
            ensure!(
                self,
                is_left,
                "budget {place} has {left:?} of {limits:?} after {spent:?}"
            );
            for (run, part, record) in self.parts() {
                let refused = |got: &Got| matches!(&got.output, Err((_, ErrorKind::Budget, _)));
                let is_alone = part.budgets == [place];
                let is_refused = is_alone && record.results.iter().any(refused);
                ensure!(
                    self,
                    !is_refused || limits.calls.is_none_or(|most| spent.calls == most),
                    "run {run} is out of budget {place}, {limits:?}, after {spent:?}"
                );
            }
        }
    }
}
