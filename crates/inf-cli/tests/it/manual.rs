//! `inf man`: pages that readers of manual pages can read.

use std::process::Command;

use crate::command::{Workplace, skipped_without};

#[test]
fn there_is_a_page_for_every_command() {
    let workplace = Workplace::new();
    let ended = workplace.inf("man --output pages/man1");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let folder = std::fs::read_dir(workplace.path("pages/man1")).expect("a folder");
    let mut pages: Vec<String> = folder
        .map(|page| {
            page.expect("a page")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    pages.sort();
    for name in ["inf.1", "inf-run.1", "inf-init.1", "inf-journal-export.1"] {
        assert!(pages.iter().any(|page| page == name), "{name} of {pages:?}");
    }
    assert_eq!(
        ended.stderr,
        format!("wrote {} pages to pages/man1\n", pages.len())
    );
    for page in &pages {
        let text = workplace.read(&format!("pages/man1/{page}"));
        let title = page.trim_end_matches(".1");
        let heading = format!(".TH \"{}\" \"1\" \"\" \"inf 0.", title.to_uppercase());
        assert!(text.contains(&heading), "{page}\n{text}");
        // What stands in a text as it is typed, stays so.
        let is_plain = text.lines().all(|line| !line.starts_with('\''));
        assert!(is_plain, "{page}");
        // What it points to is there.
        for named in text.lines().filter_map(|line| line.strip_suffix("(1)")) {
            let named = format!("{}.1", named.replace('\\', ""));
            assert!(pages.contains(&named), "{page} names {named}");
        }
        let lint = Command::new("mandoc")
            .args(["-T", "lint", "-W", "error"])
            .arg(workplace.path(&format!("pages/man1/{page}")))
            .output();
        match lint {
            Ok(lint) => assert!(
                lint.status.success(),
                "{}",
                String::from_utf8_lossy(&lint.stdout)
            ),
            Err(_) => skipped_without("mandoc"),
        }
    }
}

#[test]
fn one_page_goes_to_stdout() {
    let workplace = Workplace::new();
    let page = |line: &str| {
        let ended = workplace.inf(line);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{line}");
        ended.stdout
    };
    assert!(page("man").contains(".TH \"INF\""));
    assert!(page("man run").contains("\\-\\-checkpoint\\-dir"));
    assert!(page("man journal export").contains(".TH \"INF-JOURNAL-EXPORT\""));
    let synopsis = |line: &str| {
        let page = page(line);
        let (_, after) = page.split_once(".SH SYNOPSIS\n").expect("a synopsis");
        let (synopsis, _) = after.split_once("\n.SH ").expect("a next section");
        let plain = ["\\fB", "\\fI", "\\fR", "\\"];
        plain
            .iter()
            .fold(synopsis.to_owned(), |text, mark| text.replace(mark, ""))
    };
    assert_eq!(synopsis("man"), "inf <COMMAND>");
    assert_eq!(
        synopsis("man run"),
        "inf run [OPTIONS] --input <FILE> <PIPELINE>"
    );
    assert_eq!(synopsis("man journal"), "inf journal <DIR> [VIEW]");
    assert_eq!(
        synopsis("man journal export"),
        "inf journal <DIR> export [OPTIONS]"
    );
    let told = |line: &str| workplace.inf(line).stderr;
    assert!(
        told("man rnu").starts_with("error: `inf` has no command `rnu`; there is `init`, `run`")
    );
    assert_eq!(
        told("man run x"),
        "error: `inf run` has no command `x`; it has none at all\n"
    );
}
