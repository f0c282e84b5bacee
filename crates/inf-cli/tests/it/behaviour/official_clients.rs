//! The providers' own clients against `inf simulate`, if they are there.
//!
//! The other checks run our clients against our server, which could make the
//! same mistake twice. `INF_TEST_SERVERS` names the folder that CONTRIBUTING.md
//! says how to fill.

use std::process::Command;

use super::independent::in_folder;
use super::subject::MODEL;
use crate::command::{Server, Workplace};

const LOOK: &str = r#"
answer:
  script:
    rules:
      - contains: Look
        answer: "I look."
        tool_calls: [{ name: look, arguments: { n: 7 } }]
"#;

#[test]
fn the_providers_own_clients_understand_every_answer() {
    let Some(python) = in_folder("clients/bin/python") else {
        return;
    };
    let workplace = Workplace::new();
    workplace.write("look.yaml", LOOK);
    let file = workplace.path("look.yaml");
    let server = Server::start(&format!("--model {MODEL} --settings {}", file.display()));
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/it/behaviour/official_clients.py"
    );
    let ended = Command::new(python).arg(script).arg(server.root()).output();
    let ended = ended.expect("Python runs");
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (told, errors) = (text(&ended.stdout), text(&ended.stderr));
    assert!(ended.status.success(), "{told}{errors}");
}
