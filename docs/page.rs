//! [`Page`]: what is in a page.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A page, as far as it can be wrong: the code and the data that it shows, where
/// it links to, and what can be linked to.
#[derive(Debug)]
pub struct Page {
    /// Where it is, from the repository's root: `docs/tracing.md`.
    pub path: PathBuf,
    /// What stands between fences, in order.
    pub blocks: Vec<Block>,
    /// The links, in order.
    pub links: Vec<Link>,
    /// The names of its headings, as browsers and GitHub know them.
    pub anchors: BTreeSet<String>,
}

/// What stands between fences. The word after the first fence says what it is;
/// words after commas say what is done with it:
///
/// | words | what is done |
/// |---|---|
/// | `rust` | compiled and run; `no_run` and `compile_fail` are rustdoc's |
/// | `sh` | run in a folder of the page's own |
/// | `sh,no_run` | only read, because it needs a key, a server, minutes |
/// | `sh,exit=1` | run, and ends with this exit code |
/// | `sh,needs=jq` | run where this program is there |
/// | `sh,background` | goes on until the page ends; the next block begins after its first line |
/// | `text,output` | what the block before printed; `…` stands for anything |
/// | `yaml,file=x.yaml` | put into the folder under this name; so is text of any kind |
/// | `yaml,broken` | not what it should be, on purpose |
#[derive(Debug)]
pub struct Block {
    /// The word after the fence.
    pub language: String,
    /// The line of the page on which its text begins, from 1.
    pub line: usize,
    /// What stands between the fences.
    pub text: String,
    words: BTreeMap<String, String>,
}

/// A link.
#[derive(Debug)]
pub struct Link {
    /// The line of the page, from 1.
    pub line: usize,
    /// Where it leads.
    pub target: String,
}

impl Page {
    /// The repository's root.
    pub fn root() -> PathBuf {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR"));
        docs.parent().unwrap_or(docs).to_owned()
    }

    /// Reads the page at `path`, from the repository's root.
    ///
    /// # Panics
    /// If it can't be read.
    pub fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let file = Self::root().join(&path);
        let text =
            fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut page = Self {
            path,
            blocks: Vec::new(),
            links: Vec::new(),
            anchors: BTreeSet::new(),
        };
        page.find_all(&text);
        page
    }

    fn find_all(&mut self, text: &str) {
        let line_at = |place: &Range<usize>| text[..place.start].matches('\n').count() + 1;
        let mut block: Option<Block> = None;
        let mut heading: Option<String> = None;
        let parser = Parser::new_ext(text, Options::ENABLE_TABLES);
        for (event, place) in parser.into_offset_iter() {
            match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let words = match kind {
                        CodeBlockKind::Fenced(words) => words.to_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    block = Some(Block::new(&words, line_at(&place) + 1));
                }
                Event::End(TagEnd::CodeBlock) => self.blocks.extend(block.take()),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let anchor = anchor(&heading.take().unwrap_or_default());
                    self.anchors.insert(anchor);
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    let line = line_at(&place);
                    let target = dest_url.to_string();
                    self.links.push(Link { line, target });
                }
                Event::Text(more) => match (&mut block, &mut heading) {
                    (Some(block), _) => block.text.push_str(&more),
                    (None, Some(heading)) => heading.push_str(&more),
                    (None, None) => {}
                },
                Event::Code(more) => heading.iter_mut().for_each(|text| text.push_str(&more)),
                _ => {}
            }
        }
    }

    /// A place in it, for messages.
    pub fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// The name under which a heading can be linked to.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|character| match character {
        ' ' => Some('-'),
        '-' | '_' => Some(character),
        _ => character.is_alphanumeric().then_some(character),
    });
    kept.flat_map(char::to_lowercase).collect()
}

impl Block {
    fn new(words: &str, line: usize) -> Self {
        let mut words = words.split(',').map(str::trim);
        let language = words.next().unwrap_or_default().to_owned();
        let words = words.map(|word| word.split_once('=').unwrap_or((word, "")));
        Self {
            language,
            line,
            text: String::new(),
            words: words
                .map(|(word, value)| (word.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    /// Whether it has this word.
    pub fn is(&self, word: &str) -> bool {
        self.words.contains_key(word)
    }

    /// What stands behind this word and a `=`.
    pub fn value(&self, word: &str) -> Option<&str> {
        self.words.get(word).map(String::as_str)
    }

    /// All words.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.words.keys().map(String::as_str)
    }
}
