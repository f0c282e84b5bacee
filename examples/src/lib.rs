//! Examples of inf-engine. Each folder beside this one is one; `README.md` lists
//! them in the order in which to read them. What they share is here, and it is
//! little: where their files are.

use std::path::{Path, PathBuf};

use inf_engine::files::FileError;
use inf_engine::prelude::*;

/// The path of a file of the examples, wherever a program is started.
pub fn file(name: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The endpoints that an example asks: those of the file that its first argument
/// names, or else the simulated ones.
pub fn resources(example: &str) -> Result<ResourceConfig, FileError> {
    match std::env::args_os().nth(1) {
        Some(file) => ResourceConfig::from_path(file),
        None => simulated(example),
    }
}

/// The simulated endpoints of an example: those of the `resources.yaml` in its folder.
pub fn simulated(example: &str) -> Result<ResourceConfig, FileError> {
    ResourceConfig::from_path(file(example).join("resources.yaml"))
}

/// Checks that the pipeline file of an example is what its program saves. With the
/// environment variable `UPDATE_PIPELINES` it is written before.
pub fn assert_saved(graph: &InferenceGraph, example: &str) {
    let file = file(example).join("pipeline.yaml");
    if std::env::var_os("UPDATE_PIPELINES").is_some() {
        graph.save(&file).expect("a file that can be written");
    }
    let saved = InferenceGraph::load(&file).expect("a pipeline file");
    assert_eq!(&saved, graph, "{} is another pipeline", file.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shell commands in a text: of Markdown, and of the docs of a program.
    fn commands(text: &str) -> Vec<String> {
        let lines = text
            .lines()
            .map(|line| line.trim_start_matches("//!").trim());
        let commands = lines.filter(|line| line.starts_with("cargo run "));
        commands.map(str::to_owned).collect()
    }

    #[test]
    fn the_list_has_each_example_and_its_commands() {
        let list = std::fs::read_to_string(file("README.md")).unwrap();
        let listed = commands(&list);
        let mut folders: Vec<String> = std::fs::read_dir(file(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with(|first: char| first.is_ascii_digit()))
            .collect();
        folders.sort();
        assert_eq!(folders.len(), 10);
        for folder in folders {
            assert!(list.contains(&format!("]({folder}/main.rs)")), "{folder}");
            let program = std::fs::read_to_string(file(&folder).join("main.rs")).unwrap();
            let told = commands(&program);
            let (_, name) = folder.split_once('_').unwrap();
            let first = format!("cargo run -p inf-examples --example {name}");
            assert_eq!(told.first(), Some(&first), "{folder}");
            assert!(listed.contains(&first), "README.md has no `{first}`");
            let file = format!("examples/{folder}/pipeline.yaml");
            let by_command = listed.iter().any(|line| line.contains(&file));
            let has_file = super::file(&folder).join("pipeline.yaml").exists();
            // Tools are code, so that the command can't run that file.
            let is_run = has_file && folder != "06_find_packages";
            assert_eq!(by_command, is_run, "`inf run {file}`");
        }
    }
}
