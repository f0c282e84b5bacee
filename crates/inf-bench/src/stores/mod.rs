//! `inf-bench stores`: the journal's log against an embedded database.
//!
//! Both write the same records, durable in groups of the same size, and are
//! opened as a run does that goes on: with an index of all inputs in memory. Then
//! their files are harmed, and what is left is counted.

mod log;
mod sqlite;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use inf_engine::Value;
use inf_engine::journal::{CallRecord, InputIdentity};
use serde_json::json;

use crate::Failure;
use crate::figure::Figure;

/// How much is measured.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Records, each of an input of its own.
    #[arg(long, default_value_t = 1_000_000, value_parser = crate::figure::count)]
    records: usize,
    /// Characters of each answer.
    #[arg(long, default_value_t = 400, value_parser = crate::figure::count)]
    answer: usize,
    /// The most records that are made durable together.
    #[arg(long, default_value_t = 1024, value_parser = crate::figure::count)]
    group: usize,
    /// How often each figure is measured.
    #[arg(long, default_value_t = 3, value_parser = crate::figure::count)]
    repeats: usize,
    /// Where the files are; the disk is what is measured.
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

/// A way to keep records.
trait Store {
    /// For the names of figures.
    const NAME: &'static str;
    /// Writes `records` into `folder`, durably.
    fn write(
        folder: &Path,
        records: &mut dyn Iterator<Item = CallRecord>,
        group: usize,
    ) -> Result<(), Failure>;
    /// Opens what is in `folder` and counts the inputs that can be found.
    fn open(folder: &Path) -> Result<usize, Failure>;
    /// The files that hold records, the one that grows last.
    fn files(folder: &Path) -> Vec<PathBuf>;
}

pub(crate) fn run(options: &Options) -> Result<Vec<Figure>, Failure> {
    let mut figures = measure::<log::Log>(options)?;
    figures.extend(measure::<sqlite::Sqlite>(options)?);
    Ok(figures)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^52"
)]
fn measure<S: Store>(options: &Options) -> Result<Vec<Figure>, Failure> {
    let folder = options.folder.join(format!("stores-{}", S::NAME));
    let harmed = options.folder.join(format!("stores-{}-harmed", S::NAME));
    let count = options.records as f64;
    let (mut writes, mut opens) = (Vec::new(), Vec::new());
    for _ in 0..options.repeats {
        clear(&folder)?;
        let mut records = records(options);
        let began = Instant::now();
        S::write(&folder, &mut records, options.group)?;
        writes.push(count / began.elapsed().as_secs_f64());
        // The first opening cleans up what is left to be, if anything is.
        S::open(&folder)?;
        let began = Instant::now();
        let found = S::open(&folder)?;
        opens.push(began.elapsed().as_secs_f64());
        if found != options.records {
            return Err(format!("{found} of {count} records were found").into());
        }
    }
    let bytes: u64 = S::files(&folder)
        .iter()
        .map(|file| fs::metadata(file).map_or(0, |found| found.len()))
        .sum();
    let lost = |harm: &dyn Fn(&mut Vec<u8>)| -> Result<f64, Failure> {
        clear(&harmed)?;
        for file in S::files(&folder) {
            fs::copy(&file, harmed.join(file.file_name().unwrap_or_default()))?;
        }
        let file = S::files(&harmed).pop().ok_or("a store has a file")?;
        let mut bytes = fs::read(&file)?;
        harm(&mut bytes);
        fs::write(&file, bytes)?;
        // What can't be opened at all has lost everything.
        Ok(count - S::open(&harmed).unwrap_or(0) as f64)
    };
    let cut = lost(&|bytes| bytes.truncate(bytes.len() - 100))?;
    let flips = (1..=9).map(|tenth| {
        lost(&|bytes| {
            let place = bytes.len() / 10 * tenth + 17;
            bytes[place] ^= 0x10;
        })
    });
    let flips = flips.collect::<Result<Vec<f64>, Failure>>()?;
    clear(&folder)?;
    clear(&harmed)?;
    fs::remove_dir(&folder)?;
    fs::remove_dir(&harmed)?;
    let figure = |name: &str, unit, repeats| {
        Figure::new(format!("stores.{}.{name}", S::NAME), unit, repeats)
            .with("records", options.records)
            .with("group", options.group)
    };
    Ok(vec![
        figure("write", "records/s", writes),
        figure("open", "s", opens),
        figure("size", "bytes", vec![bytes as f64 / count]),
        figure("lost.cut", "records", vec![cut]),
        figure("lost.flip", "records", flips),
    ])
}

fn clear(folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    Ok(fs::create_dir_all(folder)?)
}

fn records(options: &Options) -> impl Iterator<Item = CallRecord> {
    let answer = "The answer is a text as models write it. ".repeat(options.answer / 41 + 1);
    let record = json!({
        "run": 1,
        "input": InputIdentity::of("bench", &Value::Null, 0),
        "path": "compare",
        "turn": 1,
        "request": "00000000000000000000000000000000",
        "alias": "smart",
        "endpoint": "https://api.example.org/v1",
        "model": "model-4-mini",
        "outcome": {"ok": {
            "text": answer[..options.answer],
            "finish_reason": "stop",
            "usage": {"input_tokens": 311, "output_tokens": 102, "cached_tokens": 0},
            "model": "model-4-mini-2026-04-14",
            "timings": {"first_byte_ms": 512.375, "total_ms": 1312.5},
            "id": "chatcmpl-B7kZc0Xq2vQ3mH1dYw5uT8eR9aL4s",
            "request_id": "req_8d1c2f3a4b5c6d7e8f90",
        }},
        "cost": {"usd": 0.000_276_4},
        "began_at": 1_795_666_211_000_u64,
        "waited_ms": 3.25,
        "took_ms": 1312.75,
    });
    let record: CallRecord = serde_json::from_value(record).expect("a record");
    (0..options.records).map(move |number| {
        let mut record = record.clone();
        let number = i64::try_from(number).unwrap_or_default();
        record.input = InputIdentity::of("bench", &Value::from(number), 0);
        record
    })
}
