//! What well-known models cost by their providers' public lists.
//!
//! Gathered on 2026-11-26 from copies of these pages and from reports that quote
//! them, in dollars for a million tokens, the standard tier:
//!
//! * OpenAI: <https://developers.openai.com/api/docs/pricing>
//! * Anthropic: <https://platform.claude.com/docs/en/about-claude/pricing>
//!
//! Lists change and contracts differ: a `price` in the resources goes first.
//! Whoever updates a row updates the day.

use super::{Dollars, LongPrompt, Price};

/// The day that the rows are from.
pub(super) const READ_ON: &str = "2026-11-26";

/// A model's name, and its prices of input, cached input and output in
/// hundredths of a cent.
type Row = (&'static str, u64, u64, u64);

/// Models of OpenAI that ask for more for long prompts.
const OPENAI: &[Row] = &[
    ("gpt-6.2-astra", 80_000, 4_000, 400_000),
    ("gpt-6.2-sol", 20_000, 1_000, 100_000),
    ("gpt-6-astra", 100_000, 10_000, 500_000),
    ("gpt-6-sol", 20_000, 2_000, 100_000),
    ("gpt-6-luna", 1_000, 100, 5_000),
    ("gpt-5.6-sol", 40_000, 4_000, 200_000),
    ("gpt-5.6-terra", 20_000, 2_000, 120_000),
    ("gpt-5.6-luna", 2_000, 200, 12_000),
];

/// Models of OpenAI whose prompts cost the same however long they are.
const OPENAI_OLDER: &[Row] = &[
    ("gpt-5", 12_500, 1_250, 100_000),
    ("gpt-5-mini", 2_500, 250, 20_000),
    ("gpt-5-nano", 500, 50, 4_000),
    ("gpt-4.1", 20_000, 5_000, 80_000),
    ("gpt-4.1-mini", 4_000, 1_000, 16_000),
    ("gpt-4.1-nano", 1_000, 250, 4_000),
    ("gpt-4o", 25_000, 12_500, 100_000),
    ("gpt-4o-mini", 1_500, 750, 6_000),
];

const ANTHROPIC: &[Row] = &[
    ("claude-fable-5-1", 100_000, 2_500, 500_000),
    ("claude-opus-5-5", 40_000, 2_000, 200_000),
    ("claude-opus-5", 50_000, 5_000, 250_000),
    ("claude-sonnet-5-5", 20_000, 1_000, 100_000),
    ("claude-sonnet-5", 20_000, 2_000, 100_000),
    ("claude-haiku-4-5", 10_000, 1_000, 50_000),
];

/// Above so many tokens a prompt is a long one for `gpt-5.6` and `gpt-6`: input
/// costs twice as much then, and output half as much again.
const OPENAI_LONG: u64 = 272_000;

/// The one model of Anthropic that asks for more for long prompts: five times
/// as much.
const HAIKU: (Row, u64) = (("claude-haiku-5-5", 1_000, 100, 5_000), 100_000);

/// The list price of `model`, of which a dated snapshot costs the same.
pub(super) fn of(model: &str) -> Option<Price> {
    let model = without_date(model);
    let find = |rows: &[Row]| rows.iter().find(|row| row.0 == model).copied();
    if let Some(row) = find(OPENAI) {
        let (_, input, cached, output) = row;
        let long = (row.0, input * 2, cached * 2, output * 3 / 2);
        return Some(with_long_prompt(row, OPENAI_LONG, long));
    }
    if HAIKU.0.0 == model {
        let (row, above) = HAIKU;
        let (_, input, cached, output) = row;
        return Some(with_long_prompt(
            row,
            above,
            (row.0, input * 5, cached * 5, output * 5),
        ));
    }
    find(OPENAI_OLDER).or_else(|| find(ANTHROPIC)).map(price)
}

fn price((_, input, cached_input, output): Row) -> Price {
    Price {
        input: Dollars::basis_points(input),
        cached_input: Some(Dollars::basis_points(cached_input)),
        output: Dollars::basis_points(output),
        long_prompt: None,
    }
}

fn with_long_prompt(row: Row, above: u64, (_, input, cached_input, output): Row) -> Price {
    Price {
        long_prompt: Some(LongPrompt {
            above,
            input: Dollars::basis_points(input),
            cached_input: Some(Dollars::basis_points(cached_input)),
            output: Dollars::basis_points(output),
        }),
        ..price(row)
    }
}

/// The name without the date of a snapshot: `-2025-08-07` or `-20251001`.
fn without_date(model: &str) -> &str {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let cut = |length: usize| {
        Some((
            model.get(..model.len().checked_sub(length)?)?,
            model.get(model.len() - length..)?,
        ))
    };
    if let Some((name, date)) = cut(9)
        && let Some(day) = date.strip_prefix('-')
        && is_digits(day)
    {
        return name;
    }
    if let Some((name, date)) = cut(11)
        && let Some(date) = date.strip_prefix('-')
        && let [year, month, day] = date.split('-').collect::<Vec<_>>()[..]
        && (year.len(), month.len(), day.len()) == (4, 2, 2)
        && [year, month, day].into_iter().all(is_digits)
    {
        return name;
    }
    model
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_costs_what_its_model_does() {
        assert_eq!(
            of("gpt-5-mini"),
            Some(Price::new(0.25, 2.0).with_cached_input(0.025))
        );
        assert_eq!(of("gpt-5-mini-2025-08-07"), of("gpt-5-mini"));
        assert_eq!(of("claude-haiku-4-5-20251001"), of("claude-haiku-4-5"));
        for unknown in [
            "gpt-5-min",
            "",
            "-20251001",
            "gpt-5-2025-8-07",
            "é-2025-08-07",
            "llama",
        ] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn every_row_says_what_it_should() {
        let rows = [OPENAI, OPENAI_OLDER, ANTHROPIC, &[HAIKU.0]].concat();
        for (index, row) in rows.iter().enumerate() {
            let price = of(row.0).expect("it is in the table");
            let cached = price.cached_input.expect("all have one");
            assert!(
                cached < price.input && price.input < price.output,
                "{}",
                row.0
            );
            if let Some(long) = price.long_prompt {
                assert!(
                    long.input > price.input && long.output > price.output,
                    "{}",
                    row.0
                );
            }
            assert!(
                rows[index + 1..].iter().all(|other| other.0 != row.0),
                "{}",
                row.0
            );
        }
        let long = of("gpt-6-sol")
            .and_then(|price| price.long_prompt)
            .expect("one");
        assert_eq!(
            (long.input, long.output),
            (Dollars::new(4.0), Dollars::new(15.0))
        );
    }
}
