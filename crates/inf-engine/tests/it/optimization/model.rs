//! A model that is a function of what it is asked.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use inf_engine::clients::{ClientError, LlmClient, LlmFuture, LlmRequest, LlmResponse};
use inf_engine::resources::{ResourceConfig, ResourceManager};

type Answer = dyn Fn(&LlmRequest) -> Result<String, ClientError> + Send + Sync;

/// A model that answers what a function says, after a second.
pub(super) struct Model {
    answer: Box<Answer>,
    asked: Mutex<Vec<String>>,
    answered: AtomicUsize,
    is_uneven: AtomicBool,
}

impl Model {
    pub(super) fn new(answer: impl Fn(&LlmRequest) -> String + Send + Sync + 'static) -> Arc<Self> {
        Self::fallible(move |request| Ok(answer(request)))
    }

    pub(super) fn fallible(
        answer: impl Fn(&LlmRequest) -> Result<String, ClientError> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            answer: Box::new(answer),
            asked: Mutex::default(),
            answered: AtomicUsize::new(0),
            is_uneven: AtomicBool::new(false),
        })
    }

    /// Has some answers take longer than others, up to seven seconds, so that they come in
    /// another order than they were asked for.
    pub(super) fn make_uneven(&self) {
        self.is_uneven.store(true, Ordering::Relaxed);
    }

    /// How many calls came to their answer.
    pub(super) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// The prompts so far, sorted: those of one batch come in any order.
    pub(super) fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

impl LlmClient for Model {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        self.asked
            .lock()
            .unwrap()
            .push(request.prompt().into_owned());
        let answer = (self.answer)(request);
        let sum = request.prompt().bytes().map(u64::from).sum::<u64>();
        let is_uneven = self.is_uneven.load(Ordering::Relaxed);
        let seconds = if is_uneven { 1 + sum % 7 } else { 1 };
        Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let mut response = LlmResponse::from_text(answer?);
            self.answered.fetch_add(1, Ordering::Relaxed);
            // A token of a provider that says what it took.
            response.usage.input_tokens = 1;
            response.usage.output_tokens = 1;
            Ok(response)
        })
    }
}

/// Resources with these models, each with room for 1,000 calls at once.
pub(super) fn resources<const N: usize>(models: [(&str, &Arc<Model>); N]) -> Arc<ResourceManager> {
    resources_at(1_000, models)
}

/// Resources with these models, each with room for so many calls at once.
pub(super) fn resources_at<const N: usize>(
    at_once: usize,
    models: [(&str, &Arc<Model>); N],
) -> Arc<ResourceManager> {
    let mut resources = ResourceManager::new(&ResourceConfig::new()).unwrap();
    for (alias, model) in models {
        let model: Arc<dyn LlmClient> = Arc::clone(model) as _;
        resources = resources.with_client(alias, model, at_once);
    }
    Arc::new(resources)
}
