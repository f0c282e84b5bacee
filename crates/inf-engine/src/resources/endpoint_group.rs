//! [`EndpointGroup`]: the endpoints behind an alias, and which of them is asked
//! next.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::Price;
use super::alias_config::Strategy;
use super::asked::Asked;
use super::endpoint::{Ended, Endpoint, Entered};
use super::limiter::Blocked;
use super::resource_metrics::ResourceMetrics;
use super::traffic::{Traffic, Waiter};
use crate::clients::{ClientDescription, ClientError, DeltaSink, LlmRequest, LlmResponse};

/// What is behind an alias: one endpoint or several, live and shared by all
/// runs.
pub(crate) struct EndpointGroup {
    alias: String,
    strategy: Strategy,
    endpoints: Vec<Member>,
    turns: Mutex<Turns>,
    /// The calls of all endpoints of a manager.
    traffic: Arc<Traffic>,
}

/// An endpoint of a group.
pub(super) struct Member {
    pub(super) endpoint: Endpoint,
    /// Its share of the calls.
    pub(super) weight: f64,
}

/// Which of the endpoints is asked next, where they take turns.
#[derive(Debug, Default)]
struct Turns {
    next: usize,
    /// What each is owed.
    credits: Vec<f64>,
    /// Kept to be used again.
    order: Vec<usize>,
}

/// An endpoint, by its place in its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EndpointPlace(usize);

/// What is known of a call before it is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wish {
    /// The tokens that it will cost, from an earlier look; 0 before one.
    pub(crate) tokens: u32,
    /// The endpoint that it failed at last: another one is asked first.
    pub(crate) avoid: Option<EndpointPlace>,
}

/// The right to one call; dropping it gives it back.
pub(crate) struct Permit {
    group: Arc<EndpointGroup>,
    place: EndpointPlace,
    entry: Entered,
    ended: AtomicU8,
    /// What the call waited for it.
    waited: Duration,
    /// Who need not be woken when it is given back.
    own: Option<Arc<Waiter>>,
}

const NOT_SENT: u8 = 0;
const GIVEN_UP: u8 = 1;
const KNOWN: u8 = 2;

impl Permit {
    /// Whom the endpoint asks.
    pub(crate) fn description(&self) -> &ClientDescription {
        self.endpoint().description()
    }

    /// Which of the endpoints behind its alias it is for.
    pub(crate) fn place(&self) -> EndpointPlace {
        self.place
    }

    /// Takes what `request` will cost in tokens, where those are limited.
    /// Otherwise how many they are: the call has to look for room once more, with
    /// this in its [`Wish`].
    pub(crate) fn charge(&mut self, request: &LlmRequest, now: Instant) -> Result<(), u32> {
        let endpoint = &self.group.endpoints[self.place.0].endpoint;
        let charged = endpoint.charge(&mut self.entry, request, now);
        charged.map_err(to_u32)
    }

    /// What the model charges, if that is known.
    pub(crate) fn price(&self) -> Option<&Price> {
        self.endpoint().price()
    }

    /// Notes what the call that it is used for has waited for it.
    pub(crate) fn note_waited(&mut self, waited: Duration) {
        self.waited = waited;
    }

    /// Sends a request and notes what became of it. The pieces of its answer go
    /// to `sink`, if there is one.
    pub(crate) async fn send(
        &self,
        request: &LlmRequest,
        sink: Option<&mut DeltaSink<'_>>,
    ) -> Result<LlmResponse, ClientError> {
        self.ended.store(GIVEN_UP, Ordering::Relaxed);
        let endpoint = self.endpoint();
        let sending = endpoint.send(request, sink, &self.entry, self.waited);
        let outcome = sending.await;
        self.ended.store(KNOWN, Ordering::Relaxed);
        outcome
    }

    /// Gives it back on behalf of `own`, who looks for room next anyway.
    pub(crate) fn give_back(mut self, own: &Arc<Waiter>) {
        self.own = Some(Arc::clone(own));
    }

    fn endpoint(&self) -> &Endpoint {
        &self.group.endpoints[self.place.0].endpoint
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let ended = match self.ended.load(Ordering::Relaxed) {
            NOT_SENT => Ended::NotSent,
            GIVEN_UP => Ended::GivenUp,
            _ => Ended::Known,
        };
        let own = self.own.as_deref();
        self.endpoint().leave(&self.entry, ended, own);
        self.group.traffic.leave(own);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Permit")
            .field("alias", &self.group.alias)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl EndpointGroup {
    pub(super) fn new(
        alias: &str,
        strategy: Strategy,
        endpoints: Vec<Member>,
        traffic: Arc<Traffic>,
    ) -> Self {
        Self {
            alias: alias.to_owned(),
            strategy,
            turns: Mutex::new(Turns {
                next: 0,
                credits: vec![0.0; endpoints.len()],
                order: Vec::with_capacity(endpoints.len()),
            }),
            endpoints,
            traffic,
        }
    }

    /// The most calls at once.
    pub(crate) fn max_concurrent(&self) -> usize {
        let most = self.all().map(|endpoint| endpoint.limits().max_concurrent);
        most.fold(0, usize::saturating_add)
    }

    /// The most retries of any of them.
    pub(crate) fn max_retries(&self) -> u32 {
        let retries = self.all().map(|endpoint| endpoint.limits().max_retries);
        retries.max().unwrap_or(0)
    }

    /// What it is called in the resources.
    pub(crate) fn alias(&self) -> &str {
        &self.alias
    }

    /// What the model charges: of several endpoints the dearest, and nothing is
    /// known if one of them has no price.
    pub(crate) fn price(&self) -> Option<Price> {
        let prices: Option<Vec<Price>> = self.all().map(|one| one.price().copied()).collect();
        prices?
            .into_iter()
            .max_by_key(|price| price.input + price.output)
    }

    /// Whom each of them asks.
    pub(super) fn descriptions(&self) -> impl Iterator<Item = &ClientDescription> {
        self.all().map(Endpoint::description)
    }

    /// Whom each of them asks, for records.
    pub(crate) fn asked(&self) -> impl Iterator<Item = &Asked> {
        self.all().map(Endpoint::asked)
    }

    /// Whom one of them asks.
    pub(crate) fn asked_at(&self, place: EndpointPlace) -> &Asked {
        self.endpoints[place.0].endpoint.asked()
    }

    /// The model, if all of its endpoints have the same.
    pub(crate) fn model(&self) -> Option<&str> {
        let mut models = self.descriptions().map(|asked| asked.model.as_deref());
        let first = models.next()??;
        models.all(|model| model == Some(first)).then_some(first)
    }

    /// The calls that may be in flight at the moment.
    pub(crate) fn limit(&self) -> usize {
        self.all()
            .map(Endpoint::limit)
            .fold(0, usize::saturating_add)
    }

    /// How long the quickest `percentile` of 100 answers took, once there were
    /// `least` of them; of several endpoints that of the quickest.
    pub(crate) fn latency_at(&self, percentile: f64, least: u64) -> Option<Duration> {
        let latencies = self.all().filter_map(|endpoint| {
            let recorder = endpoint.recorder();
            recorder.latency_at(percentile, least)
        });
        latencies.min()
    }

    pub(crate) fn metrics(&self) -> ResourceMetrics {
        let mut all = ResourceMetrics::default();
        for endpoint in self.all() {
            all += &endpoint.metrics();
        }
        all
    }

    /// What each of them did, in the order of the configuration.
    pub(super) fn metrics_of_each(&self) -> Vec<ResourceMetrics> {
        self.all().map(Endpoint::metrics).collect()
    }

    /// Registers a scheduler that may have to wait for room.
    pub(crate) fn register(&self, waiter: &Arc<Waiter>) {
        for endpoint in self.all() {
            endpoint.register(waiter);
        }
    }

    /// Notes that a failed request will be sent again.
    pub(crate) fn note_retry(&self, place: EndpointPlace) {
        self.endpoints[place.0].endpoint.recorder().note_retry();
    }

    /// Notes that a model is asked again for an answer of the asked type.
    pub(crate) fn note_reask(&self, place: EndpointPlace) {
        self.endpoints[place.0].endpoint.recorder().note_reask();
    }

    /// Notes that a request is the second one for a call.
    pub(crate) fn note_hedge(&self, place: EndpointPlace) {
        self.endpoints[place.0].endpoint.recorder().note_hedge();
    }

    /// Whether retry `retry` (from 1) of a call that failed at `place` need not be
    /// waited for: while there are endpoints that it did not ask, and another one
    /// is well. What fails at all of them may pass with time.
    pub(crate) fn has_another(&self, place: EndpointPlace, retry: u32) -> bool {
        let mut all = self.all().enumerate();
        (retry as usize) < self.endpoints.len()
            && all.any(|(other, endpoint)| other != place.0 && endpoint.is_healthy())
    }

    /// The right to a call, if one of the endpoints can take one; otherwise why
    /// not.
    pub(crate) fn try_acquire(
        self: &Arc<Self>,
        wish: Wish,
        asker: &Arc<Waiter>,
        now: Instant,
    ) -> Result<Permit, Blocked> {
        let asker = Arc::as_ptr(asker) as usize;
        let (place, entry) = self.traffic.enter(Blocked::Room, || {
            if self.endpoints.len() == 1 {
                let endpoint = &self.endpoints[0].endpoint;
                let entry = endpoint.try_enter(now, f64::from(wish.tokens), asker, false);
                entry.map(|entry| (0, entry))
            } else {
                self.choose(now, wish, asker)
            }
        })?;
        Ok(Permit {
            group: Arc::clone(self),
            place: EndpointPlace(place),
            entry,
            ended: AtomicU8::new(NOT_SENT),
            waited: Duration::ZERO,
            own: None,
        })
    }

    /// Asks the endpoints in the strategy's order for room.
    fn choose(&self, now: Instant, wish: Wish, asker: usize) -> Result<(usize, Entered), Blocked> {
        let mut turns = self.turns();
        let mut order = std::mem::take(&mut turns.order);
        self.sort(&mut order, &mut turns);
        if let Some(avoid) = wish.avoid {
            // Last, whatever the strategy says.
            order.sort_by_key(|place| *place == avoid.0);
        }
        let mut why: Option<Blocked> = None;
        let mut found = None;
        for &place in &order {
            let endpoint = &self.endpoints[place].endpoint;
            match endpoint.try_enter(now, f64::from(wish.tokens), asker, true) {
                Ok(entry) => {
                    found = Some((place, entry));
                    break;
                }
                Err(blocked) => why = Some(why.map_or(blocked, |why| sooner(why, blocked))),
            }
            // The next one only stands in for one that is ill.
            if self.strategy == Strategy::Priority
                && endpoint.is_healthy()
                && wish.avoid != Some(EndpointPlace(place))
            {
                break;
            }
        }
        if let Some((place, _)) = found {
            self.note_turn(&mut turns, &order, place);
        }
        turns.order = order;
        found.ok_or(why.unwrap_or(Blocked::Room))
    }

    fn sort(&self, order: &mut Vec<usize>, turns: &mut Turns) {
        order.clear();
        let count = self.endpoints.len();
        order.extend(0..count);
        match self.strategy {
            Strategy::Priority => {}
            Strategy::RoundRobin => order.rotate_left(turns.next % count),
            Strategy::LeastLoaded => {
                // One that has not answered yet may be the slowest of all: as long
                // as it is that is not taken for the quickest.
                let slowest = self.all().filter_map(Endpoint::latency);
                let slowest = slowest.max_by(f64::total_cmp).unwrap_or(1.0);
                let load = |place: &usize| self.endpoints[*place].endpoint.load(slowest);
                order.sort_by(|one, other| load(one).total_cmp(&load(other)));
            }
            Strategy::Weighted => {
                // The one that is owed most: a smooth order, as nginx has it.
                let owed = |place: &usize| turns.credits[*place] + self.endpoints[*place].weight;
                order.sort_by(|one, other| owed(other).total_cmp(&owed(one)));
            }
        }
    }

    fn note_turn(&self, turns: &mut Turns, order: &[usize], taken: usize) {
        match self.strategy {
            Strategy::RoundRobin => turns.next = taken + 1,
            Strategy::Weighted => {
                let total: f64 = self.endpoints.iter().map(|member| member.weight).sum();
                for &place in order {
                    turns.credits[place] += self.endpoints[place].weight;
                }
                turns.credits[taken] -= total;
                // One that can't take its share for long is not owed it for ever.
                for credit in &mut turns.credits {
                    *credit = credit.clamp(-total, total);
                }
            }
            Strategy::LeastLoaded | Strategy::Priority => {}
        }
    }

    fn all(&self) -> impl Iterator<Item = &Endpoint> {
        self.endpoints.iter().map(|member| &member.endpoint)
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        // Plain numbers are whole whatever panicked.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is over sooner, of two reasons why a call has to wait: where one of them
/// has no room, calls are in flight that may end at any time, and those that wait
/// are woken then.
fn sooner(one: Blocked, other: Blocked) -> Blocked {
    let Blocked::Until { at, is_rest } = one else {
        return as_space(other);
    };
    let Blocked::Until {
        at: other_at,
        is_rest: is_other_rest,
    } = other
    else {
        return as_space(one);
    };
    Blocked::Until {
        at: at.min(other_at),
        is_rest: is_rest && is_other_rest,
    }
}

/// The same time, at which not everything is at rest.
fn as_space(blocked: Blocked) -> Blocked {
    match blocked {
        Blocked::Room => Blocked::Room,
        Blocked::Until { at, .. } => Blocked::Until { at, is_rest: false },
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of tokens; what is larger than any is cut off"
)]
fn to_u32(tokens: f64) -> u32 {
    tokens as u32
}

impl fmt::Debug for EndpointGroup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EndpointGroup")
            .field("alias", &self.alias)
            .finish_non_exhaustive()
    }
}
