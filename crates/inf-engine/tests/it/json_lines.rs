//! Inputs from files with one JSON value a line.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use inf_engine::clients::simulated::SimulatedSettings;
use inf_engine::execution::ErrorKind;
use inf_engine::files::{FileErrorKind, JsonLines};
use inf_engine::prelude::*;

#[derive(Serialize, Deserialize, JsonSchema, Record)]
struct Pair {
    a: String,
    b: String,
}

#[tokio::test]
async fn a_pipeline_runs_over_the_lines_of_a_file() {
    #[derive(Module)]
    struct Joined;
    impl Forward for Joined {
        type Input = Pair;
        type Output = String;
        fn forward(&self, pair: Proxy<Pair>) -> Proxy<String> {
            let (a, b) = (pair.a(), pair.b());
            prompt!("{a}-{b}")
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pairs.jsonl");
    let text = r#"{"a": "1", "b": "2"}

        {"a": "3"}
        {"a": "4", "b": "5"}"#;
    fs::write(&path, text).unwrap();
    let resources = ResourceConfig::simulated(["unused"], &SimulatedSettings::default());
    let pipeline = Joined.bind(resources).unwrap();

    let mut results = pipeline.try_stream(JsonLines::open(&path).unwrap());
    let mut outputs = vec![None; 3];
    while let Some(result) = results.next().await {
        outputs[result.index] = Some(result.output);
    }
    let [first, second, third] = outputs.try_into().unwrap();
    assert_eq!(first, Some(Ok("1-2".to_owned())));
    assert_eq!(third, Some(Ok("4-5".to_owned())));
    let error = second.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::InvalidInput);
    let told = format!("{}:3:18: missing field `b`", path.display());
    assert!(error.to_string().contains(&told), "{error}");
}

#[test]
fn a_file_that_can_not_be_opened_is_named() {
    let check = |path: &Path, expected: &str| {
        let error = JsonLines::<Value>::open(path).unwrap_err();
        assert!(matches!(error.kind, FileErrorKind::Read(_)), "{error:?}");
        let expected = format!("{}: can't be read: {expected}", path.display());
        assert_eq!(error.to_string(), expected);
    };
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), "it is a folder");
    check(
        &folder.path().join("none.jsonl"),
        "there is no such file or folder",
    );
}

#[test]
fn a_line_that_never_ends_does_not_fill_the_memory() {
    let mebibyte = 1024 * 1024;
    let endless = io::repeat(b'1').take(65 * mebibyte);
    let mut lines = JsonLines::<u8>::from_reader("stdin", endless.chain(&b"\n2"[..]));
    let error = lines.next().unwrap().unwrap_err();
    assert_eq!(
        error.to_string(),
        "stdin:1: the line is longer than 64 MiB: split it into several inputs"
    );
    assert_eq!(lines.next().unwrap().unwrap(), 2);
    assert!(lines.next().is_none());
}

#[test]
fn a_source_of_inputs_can_be_given_away() {
    fn source<T: Send + 'static>() {}
    source::<JsonLines<Pair>>();
    // Also of a type that could not be sent itself.
    source::<JsonLines<std::rc::Rc<str>>>();
}
