//! `inf graph`.

use insta::assert_snapshot;

use crate::command::Workplace;

#[test]
fn every_format_goes_to_stdout() {
    let workplace = Workplace::new();
    for format in ["dot", "mermaid", "json", "yaml"] {
        let ended = workplace.inf(&format!("graph pipeline.yaml --format {format}"));
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
        assert_snapshot!(format!("graph_{format}"), ended.stdout);
    }
}

#[test]
fn what_is_written_is_a_pipeline_again() {
    let workplace = Workplace::new();
    let yaml = workplace.inf("graph pipeline.yaml --format yaml").stdout;
    workplace.write(
        "again.json",
        workplace.inf("graph pipeline.yaml --format json").stdout,
    );
    assert_eq!(workplace.inf("graph again.json --format yaml").stdout, yaml);
}

#[test]
fn a_file_that_is_no_pipeline_is_told() {
    let workplace = Workplace::new();
    workplace.write(
        "broken.yaml",
        "version: 1\nname: x\nnodes:\n  n: { lmm: fast, prompt: hi }\noutput: n\n",
    );
    let ended = workplace.inf("graph broken.yaml");
    assert_snapshot!("graph_broken", ended.shown());
}
