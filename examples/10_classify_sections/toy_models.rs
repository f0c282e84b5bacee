//! Models that need no key and no network, and whose answers depend on their
//! prompts: enough to see an optimization work, and no measure of what one gains.
//!
//! `fast` looks for words that packages of a section often have, and knows only the
//! sections that its system prompt names. `smart` adds sections that it is told of.

use std::collections::HashSet;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use inf_engine::clients::{LlmClient, LlmFuture, LlmRequest, LlmResponse};
use inf_engine::resources::{ResourceConfig, ResourceManager};
use serde_json::json;

const LATENCY: Duration = Duration::from_millis(20);

const AT_ONCE: usize = 16;

/// The sections that a rewrite adds.
const ADDED: usize = 2;

const SECTIONS: [(&str, &[&str]); 12] = [
    ("games", &["game", "games", "player", "puzzle", "arcade"]),
    ("science", &["scientific", "dna", "sequence", "molecular"]),
    ("net", &["network", "protocol", "tcp", "dns", "vpn", "ip"]),
    ("sound", &["audio", "music", "sound", "midi", "playback"]),
    ("graphics", &["image", "images", "photo", "3d", "drawing"]),
    ("mail", &["mail", "email", "imap", "smtp", "spam", "mails"]),
    ("editors", &["editor", "editing", "vim", "emacs", "edit"]),
    ("database", &["database", "sql", "postgresql", "mysql"]),
    ("web", &["web", "http", "browser", "html", "apache"]),
    ("math", &["algebra", "mathematical", "matrix", "numerical"]),
    ("electronics", &["circuit", "pcb", "fpga", "verilog", "avr"]),
    ("hamradio", &["radio", "amateur", "antenna", "morse", "ham"]),
];

/// Both models.
pub fn resources() -> Result<Arc<ResourceManager>, Box<dyn Error>> {
    let resources = ResourceManager::new(&ResourceConfig::new())?
        .with_client("fast", Arc::new(ToyModel(classify)), AT_ONCE)
        .with_client("smart", Arc::new(ToyModel(rewrite)), AT_ONCE);
    Ok(Arc::new(resources))
}

struct ToyModel(fn(&LlmRequest) -> String);

impl LlmClient for ToyModel {
    fn send<'a>(&'a self, request: &'a LlmRequest) -> LlmFuture<'a> {
        Box::pin(async move {
            tokio::time::sleep(LATENCY).await;
            Ok(LlmResponse::from_text((self.0)(request)))
        })
    }
}

fn words(text: &str) -> HashSet<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric());
    words.map(str::to_lowercase).collect()
}

fn classify(request: &LlmRequest) -> String {
    let system = words(&request.system().unwrap_or_default());
    let package = words(&request.prompt());
    let known = SECTIONS.iter().filter(|(name, _)| system.contains(*name));
    let counted = known.map(|(name, signs)| {
        let found = signs.iter().filter(|sign| package.contains(**sign)).count();
        (found, *name)
    });
    match counted.max_by_key(|(found, _)| *found) {
        Some((found, name)) if found > 0 => name.to_owned(),
        _ => "utils".to_owned(),
    }
}

/// The text as it is, and sections that outputs were expected to be and that it
/// does not name.
fn rewrite(request: &LlmRequest) -> String {
    let prompt = request.prompt();
    let (_, after) = prompt.split_once("<current>\n").unwrap_or_default();
    let (current, feedback) = after.split_once("\n</current>").unwrap_or_default();
    let (known, feedback) = (words(current), feedback.to_owned());
    let expected = SECTIONS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !known.contains(*name) && feedback.contains(&format!("expected `{name}`")));
    let rules: Vec<String> = expected
        .take(ADDED)
        .map(|name| format!("There is a section {name}."))
        .collect();
    let text = [&[current.to_owned()], &rules[..]].concat().join("\n");
    json!({ "rules": rules, "text": text }).to_string()
}
