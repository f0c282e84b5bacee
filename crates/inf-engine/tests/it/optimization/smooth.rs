//! The smooth task: two steps in a row, eight hidden rules, four for each, a wire
//! format between them, and lapses on one example in twenty, whatever the texts
//! are. The best that can be reached is 0.95.

use std::sync::Arc;

use inf_engine::clients::LlmRequest;
use inf_engine::optimization::{Dataset, Example, Reasoner, VerifierLoss};
use inf_engine::prelude::*;
use serde_json::json;

use super::model::{Model, resources_at};

const RULES: usize = 8;

/// The seeds of the tests that are about all of them: ten, or, where others are
/// wanted, twenty from `OPTIMIZATION_SEED` on, or as many as `OPTIMIZATION_SEEDS` says.
pub(super) fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    match number("OPTIMIZATION_SEED") {
        Some(first) => first..first + number("OPTIMIZATION_SEEDS").unwrap_or(20),
        None => 200..210,
    }
}

/// Prints what was measured, for whoever asks with `--nocapture`.
#[expect(clippy::print_stdout, reason = "it is there to be read")]
pub(super) fn say(measured: &str) {
    println!("{measured}");
}

/// Checks how good the texts are that every seed ended with. The optimum is 0.95, and of
/// 4,000 items as many are lapses give or take.
pub(super) fn check_qualities(qualities: &[f64]) {
    let below = qualities.iter().copied().filter(|quality| *quality < 0.93);
    let below: Vec<f64> = below.collect();
    let count = u32::try_from(qualities.len()).unwrap();
    let mean = qualities.iter().sum::<f64>() / f64::from(count);
    say(&format!(
        "smooth task: mean {mean:.3}, {} of {count} seeds below 0.93",
        below.len()
    ));
    assert!(below.is_empty(), "{below:?} of {count} seeds");
}

#[derive(Module)]
pub(super) struct TwoSteps {
    first: LlmInference,
    second: LlmInference,
}

impl Forward for TwoSteps {
    type Input = String;
    type Output = String;
    fn forward(&self, item: Proxy<String>) -> Proxy<String> {
        let message = self.first.call(item);
        self.second.call(message)
    }
}

/// A number from 0 to 1 that is drawn from `parts`.
pub(super) fn draw(parts: &[&str]) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    // The low bits of this hash are poor: it is mixed once more (splitmix64).
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    f64::from(u32::try_from((hash ^ (hash >> 31)) >> 32).unwrap()) / f64::from(u32::MAX)
}

fn has(text: &str, line: &str) -> bool {
    text.lines().any(|known| known == line)
}

fn first(text: &str, item: usize) -> String {
    let rule = item % RULES;
    if !has(text, "FORMAT wire") {
        return "so to speak".to_owned();
    }
    let is_known = rule >= RULES / 2 || has(text, &format!("RULE r{rule}"));
    format!("wire {item} {is_known}")
}

fn second(text: &str, message: &str) -> String {
    let Some((item, is_known)) = message
        .strip_prefix("wire ")
        .and_then(|rest| rest.split_once(' '))
    else {
        return "the message is garbled".to_owned();
    };
    if !has(text, "FORMAT wire") {
        return "the message can't be read".to_owned();
    }
    let rule = item.parse::<usize>().unwrap() % RULES;
    let is_known = is_known == "true" && (rule < RULES / 2 || has(text, &format!("RULE r{rule}")));
    if !is_known {
        format!("missing r{rule}")
    } else if draw(&[text, message]) < 0.05 {
        "a lapse".to_owned()
    } else {
        "right".to_owned()
    }
}

/// How a proposer errs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proposes {
    /// Seventy of a hundred times it adds a rule, fifteen it forgets one besides, ten
    /// it drifts from the format, and five it changes nothing.
    Imperfectly,
    /// It always drifts from the format.
    Harm,
}

fn between<'t>(text: &'t str, tag: &str) -> &'t str {
    let after = text
        .split_once(&format!("<{tag}>\n"))
        .map_or("", |(_, after)| after);
    after
        .split_once(&format!("\n</{tag}>"))
        .map_or("", |(inside, _)| inside)
}

fn propose(seed: u64, how: Proposes, request: &LlmRequest) -> String {
    let prompt = request.prompt();
    let current = between(&prompt, "current");
    let feedback = prompt
        .rsplit_once("</current>")
        .map_or("", |(_, rest)| rest);
    let own = if between(&prompt, "purpose").contains("first") {
        0..RULES / 2
    } else {
        RULES / 2..RULES
    };
    let missing = own.map(|rule| format!("RULE r{rule}")).find(|rule| {
        let said = rule.replace("RULE", "missing");
        feedback.contains(&said) && !has(current, rule)
    });
    let mut lines: Vec<String> = current.lines().map(str::to_owned).collect();
    let luck = draw(&[&seed.to_string(), &prompt]);
    let is_mute = how == Proposes::Imperfectly && luck >= 0.95;
    if !is_mute {
        if !has(current, "FORMAT wire") {
            lines.push("FORMAT wire".to_owned());
        } else if let Some(rule) = missing {
            lines.push(rule);
        }
        let drifts = how == Proposes::Harm || (0.85..0.95).contains(&luck);
        if drifts {
            lines.retain(|line| line != "FORMAT wire");
            lines.push("Be nice.".to_owned());
        } else if (0.70..0.85).contains(&luck)
            && let Some(place) = lines.iter().position(|line| line.starts_with("RULE"))
        {
            lines.remove(place);
        }
    }
    json!({"rules": [], "text": lines.join("\n")}).to_string()
}

/// The pipeline with texts that it begins with, the model that proposes, and both
/// models.
pub(super) struct Smooth {
    pub(super) pipeline: Pipeline<String, String>,
    pub(super) reasoner: Reasoner,
    pub(super) student: Arc<Model>,
    pub(super) proposer: Arc<Model>,
}

pub(super) const BLANK: &str = "Do your step.\nFORMAT wire";

pub(super) fn smooth(seed: u64, how: Proposes, texts: [&str; 2]) -> Smooth {
    smooth_at(1_000, seed, how, texts)
}

/// The same with room for so many calls at each model at once.
pub(super) fn smooth_at(at_once: usize, seed: u64, how: Proposes, texts: [&str; 2]) -> Smooth {
    let student = Model::new(|request| {
        let (text, prompt) = (request.system().unwrap(), request.prompt());
        match prompt.parse() {
            Ok(item) => first(&text, item),
            Err(_) => second(&text, &prompt),
        }
    });
    let proposer = Model::new(move |request| propose(seed, how, request));
    let resources = resources_at(at_once, [("student", &student), ("proposer", &proposer)]);
    let step = |text: &str, what: &str| {
        let parameter = Parameter::new(text).described(format!("What the {what} step does."));
        LlmInference::new("student").system_prompt(parameter)
    };
    let module = TwoSteps {
        first: step(texts[0], "first"),
        second: step(texts[1], "second"),
    };
    let pipeline = module.bind(Arc::clone(&resources)).unwrap();
    let reasoner = Reasoner::new("proposer", resources).unwrap();
    Smooth {
        pipeline,
        reasoner,
        student,
        proposer,
    }
}

impl Smooth {
    /// How good the texts are on examples that nobody has seen.
    pub(super) fn quality(&self) -> f64 {
        let state = self.pipeline.state_dict();
        let texts =
            ["first.system_prompt", "second.system_prompt"].map(|path| state.get(path).unwrap());
        let items = 10_000..14_000;
        let count = f64::from(u32::try_from(items.len()).unwrap());
        let right = items.filter(|item| second(texts[1], &first(texts[0], *item)) == "right");
        f64::from(u32::try_from(right.count()).unwrap()) / count
    }

    pub(super) fn calls(&self) -> usize {
        self.student.asked().len() + self.proposer.asked().len()
    }
}

/// All rules in both texts.
pub(super) fn perfect() -> [String; 2] {
    [0..RULES / 2, RULES / 2..RULES].map(|own| {
        let rules: Vec<String> = own.map(|rule| format!("RULE r{rule}")).collect();
        format!("{BLANK}\n{}", rules.join("\n"))
    })
}

pub(super) fn items(range: std::ops::Range<usize>) -> Dataset {
    range.map(|item| Example::new(item.to_string())).collect()
}

/// What is not right is wrong, and what the output says is why.
pub(super) fn loss() -> VerifierLoss {
    VerifierLoss::of_output("right", |output: String| {
        if output == "right" {
            Ok(())
        } else {
            Err(output)
        }
    })
}
