//! Nothing that a page shows or links to is wrong, as far as it can be read.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use inf_engine::graph::InferenceGraph;
use inf_engine::resources::ResourceConfig;

use crate::{AROUND, Block, PAGES, Page};

/// The repository in links of pages to what is not in the book.
const REPOSITORY: &str = "https://github.com/inf-engine/inf-engine/";

/// What the table of contents names, from the guide's folder.
fn contents() -> Vec<String> {
    let summary = Page::read("docs/SUMMARY.md");
    summary.links.into_iter().map(|link| link.target).collect()
}

fn is_decision(path: &str) -> bool {
    path.starts_with("decisions/")
}

fn in_guide(path: &str) -> PathBuf {
    Path::new("docs").join(path)
}

/// The pages whose code runs.
fn pages() -> Vec<Page> {
    let guide = PAGES.iter().map(|path| in_guide(path));
    let around = AROUND.iter().map(PathBuf::from);
    guide.chain(around).map(Page::read).collect()
}

/// Fails with all of `problems`, if there are any.
#[track_caller]
fn none(problems: &str) {
    assert!(problems.is_empty(), "\n{problems}");
}

#[test]
fn the_contents_name_every_page_once() {
    let contents = contents();
    let named: BTreeSet<&str> = contents.iter().map(String::as_str).collect();
    assert_eq!(named.len(), contents.len(), "a page is named twice");
    let guide = named.iter().copied().filter(|path| !is_decision(path));
    let known = PAGES.iter().copied();
    assert_eq!(guide.collect::<BTreeSet<_>>(), known.collect());
    for folder in ["", "decisions/"] {
        let files = std::fs::read_dir(Page::root().join("docs").join(folder)).expect("a folder");
        for file in files {
            let name = file.expect("an entry").file_name();
            let path = format!("{folder}{}", name.to_string_lossy());
            let is_page = Path::new(&path).extension().is_some_and(|end| end == "md");
            if is_page && path != "SUMMARY.md" {
                assert!(named.contains(&*path), "SUMMARY.md does not name {path}");
            }
        }
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut problems = String::new();
    let contents = contents();
    let decisions = contents.iter().filter(|path| is_decision(path));
    let decisions = decisions.map(|path| Page::read(in_guide(path)));
    for page in pages().into_iter().chain(decisions) {
        for link in &page.links {
            if let Some(problem) = wrong_link(&page, &link.target) {
                let at = page.at(link.line);
                let _ = writeln!(problems, "{at}: `{}` {problem}", link.target);
            }
        }
    }
    none(&problems);
}

fn wrong_link(page: &Page, target: &str) -> Option<String> {
    if let Some(inside) = target.strip_prefix(REPOSITORY) {
        let path = inside.split_once('/').and_then(|(kind, rest)| {
            let branch = matches!(kind, "blob" | "tree").then_some(rest)?;
            branch.strip_prefix("main/")
        });
        let is_there = path.is_none_or(|path| Page::root().join(path).exists());
        return (!is_there).then(|| "is not in the repository".to_owned());
    }
    if target.contains("://") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() {
        page.path.clone()
    } else {
        normal(&page.path.with_file_name(path))
    };
    let is_in_book = |path: &Path| path.starts_with("docs");
    if is_in_book(&page.path) && !is_in_book(&file) {
        let link = format!("{REPOSITORY}blob/main/{}", file.display());
        return Some(format!("leaves the book: write `{link}`"));
    }
    if !Page::root().join(&file).exists() {
        return Some("is not there".to_owned());
    }
    if anchor.is_empty() {
        return None;
    }
    let anchors = Page::read(&file).anchors;
    (!anchors.contains(anchor)).then(|| format!("has no such heading; there are {anchors:?}"))
}

/// The path without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path {
        if part == ".." {
            normal.pop();
        } else {
            normal.push(part);
        }
    }
    normal
}

#[test]
fn every_block_says_what_it_is() {
    let mut problems = String::new();
    for page in pages() {
        for block in &page.blocks {
            let words: &[&str] = match &*block.language {
                "rust" => &["no_run", "compile_fail", "should_panic"],
                "sh" => &["no_run", "exit", "needs", "background"],
                "text" => &["output", "file"],
                "yaml" | "json" | "jsonl" | "csv" | "toml" => &["file", "broken"],
                "python" | "dot" | "mermaid" => &["file"],
                _ => {
                    let at = page.at(block.line);
                    let _ = writeln!(problems, "{at}: `{}` is no language", block.language);
                    continue;
                }
            };
            for word in block.words().filter(|word| !words.contains(word)) {
                let at = page.at(block.line);
                let _ = writeln!(
                    problems,
                    "{at}: `{word}` says nothing of {}",
                    block.language
                );
            }
        }
    }
    none(&problems);
}

#[test]
fn data_is_what_it_says_that_it_is() {
    let mut problems = String::new();
    for page in pages() {
        for block in page.blocks.iter().filter(|block| !block.is("broken")) {
            if let Err(problem) = read(block) {
                let _ = writeln!(problems, "{}: {problem}", page.at(block.line));
            }
        }
    }
    none(&problems);
}

fn read(block: &Block) -> Result<(), String> {
    let text = &*block.text;
    let json = |text: &str| {
        let read: Result<serde_json::Value, _> = serde_json::from_str(text);
        read.map_err(|error| error.to_string())
    };
    match &*block.language {
        "json" => json(text).map(drop),
        "jsonl" => text.lines().try_for_each(|line| json(line).map(drop)),
        "toml" => {
            let read: Result<toml::Table, _> = toml::from_str(text);
            read.map(drop).map_err(|error| error.to_string())
        }
        "yaml" => {
            let read: Result<serde_json::Value, _> = serde_saphyr::from_str(text);
            let value = read.map_err(|error| error.to_string())?;
            if value.get("version").is_some() && value.get("nodes").is_some() {
                let graph = InferenceGraph::from_text(text);
                graph.map(drop).map_err(|error| error.to_string())
            } else if value.get("endpoints").is_some() {
                let resources = ResourceConfig::from_text(text);
                resources.map(drop).map_err(|error| error.to_string())
            } else {
                Ok(())
            }
        }
        "python" => compile_python(text),
        _ => Ok(()),
    }
}

/// Has Python, where it is there, read a program.
fn compile_python(text: &str) -> Result<(), String> {
    const COMPILE: &str = "import sys; compile(sys.argv[1], 'the page', 'exec')";
    let mut python = Command::new("python3");
    let python = python.args(["-c", COMPILE, text]).stdin(Stdio::null());
    match python.output() {
        Ok(ended) if ended.status.success() => Ok(()),
        Ok(ended) => Err(String::from_utf8_lossy(&ended.stderr).into_owned()),
        // Python is not there.
        Err(_) => Ok(()),
    }
}
