//! What a reviewer would say twice, said by a test. To add a rule: a function that takes a file and
//! returns findings, a line in [`RULES`], and two samples in its own test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A file of the repository, by its path from the root.
struct File {
    path: String,
    text: String,
}

/// One thing to mend: line counted from 1, and what is wrong.
type Finding = (usize, String);

/// Judges one file.
type Rule = fn(&File) -> Vec<Finding>;

/// The rules by name.
const RULES: &[(&str, Rule)] = &[
    ("lines fit", lines_fit),
    ("functions fit a screen", functions_fit),
    ("money is never a float", no_floats),
    ("nothing is left to do", nothing_left_to_do),
    ("no absolute paths", no_absolute_paths),
    ("one title per document", one_title),
];

const LINE_CHARACTERS_MAX: usize = 100;
const FUNCTION_LINES_MAX: usize = 70;

/// Where money and counts of people are handled.
const MONEY: &[&str] = &[
    "ledger/",
    "reconciliation/",
    "bank-adapters/src/",
    "migrations/",
];
/// Cells of spreadsheets are floats in the format itself; here they become text or are refused.
const FLOATS_ALLOWED: &[&str] = &["bank-adapters/src/sheet/"];

#[test]
fn the_repository_is_tidy() {
    let mut findings = Vec::new();
    for file in files() {
        for (rule, judge) in RULES {
            for (line, finding) in judge(&file) {
                findings.push(format!("{}:{line}: {rule}: {finding}", file.path));
            }
        }
    }
    assert!(
        findings.is_empty(),
        "{} findings:\n{}",
        findings.len(),
        findings.join("\n")
    );
}

#[test]
fn links_resolve() {
    let root = root();
    let mut broken = Vec::new();
    for file in files().iter().filter(|file| file.path.ends_with(".md")) {
        let directory = root
            .join(&file.path)
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        for (line, target) in links(&file.text) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !directory.join(path).exists() {
                broken.push(format!("{}:{line}: no {target}", file.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn migrations_are_twins_and_embedded() {
    let names = |engine: &str| -> Vec<String> {
        let directory = root().join("migrations").join(engine);
        let entries = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let names = entries.filter(|path| path.extension().is_some_and(|ending| ending == "sql"));
        let mut names: Vec<_> = names
            .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    };
    let embedded: Vec<_> = migrations::ALL
        .iter()
        .map(|migration| migration.name)
        .collect();
    assert_eq!(names("sqlite"), embedded);
    assert_eq!(names("postgres"), embedded);
}

#[test]
fn problem_codes_are_unique() {
    let mut seen = BTreeSet::new();
    for kind in ledger::problem::Kind::ALL {
        assert!(seen.insert(kind.code()), "{} is given twice", kind.code());
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every text file that belongs to the repository.
fn files() -> Vec<File> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found);
    assert!(found.len() > 20, "the repository was not found");
    found
}

fn collect(directory: &Path, prefix: &str, found: &mut Vec<File>) {
    const ENDINGS: &[&str] = &[
        "rs", "md", "toml", "sql", "sh", "py", "yml", "yaml", "html", "txt",
    ];
    const ELSEWHERE: &[&str] = &["target", ".git", "huimin-demo"];
    let entries = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap());
    let entries: BTreeMap<_, _> = entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry))
        .collect();
    for (name, entry) in entries {
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !ELSEWHERE.contains(&name.as_str()) {
            collect(&entry.path(), &format!("{path}/"), found);
        }
        let ending = name.rsplit_once('.').map(|(_, ending)| ending);
        let wanted = ending.is_some_and(|ending| ENDINGS.contains(&ending)) || name == "run";
        // Bank files in other encodings are data, not text of ours.
        if let (true, true, Ok(text)) = (kind.is_file(), wanted, read(&entry.path())) {
            found.push(File { path, text });
        }
    }
}

fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// Code lines keep to the width; a string that cannot be cut is let pass, as by rustfmt.
fn lines_fit(file: &File) -> Vec<Finding> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let long = numbered(&file.text).filter_map(|(number, line)| {
        let width = line.chars().count();
        (width > LINE_CHARACTERS_MAX && !line.contains('"'))
            .then(|| (number, format!("{width} characters")))
    });
    long.collect()
}

/// A function ends at the first `}` with the indentation of its `fn`: the code is formatted. A test
/// may be longer, since its table of cases is data.
fn functions_fit(file: &File) -> Vec<Finding> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let lines: Vec<_> = file.text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else {
            continue;
        };
        let indentation = &line[..line.len() - line.trim_start().len()];
        let close = format!("{indentation}}}");
        let length = lines[start..]
            .iter()
            .position(|line| *line == close)
            .map_or(1, |at| at + 1);
        let attributes = lines[..start].iter().rev().take_while(|line| {
            let line = line.trim_start();
            line.starts_with('#') || line.starts_with("//") || line.starts_with("reason")
        });
        let mut attributes = attributes.map(|line| line.trim_start());
        let excused = attributes.any(|line| {
            line.contains("too_many_lines")
                || line == "#[test]"
                || line.starts_with("#[tokio::test")
        });
        if length > FUNCTION_LINES_MAX && !excused && !line.trim_end().ends_with(';') {
            found.push((start + 1, format!("{name} has {length} lines")));
        }
    }
    found
}

/// The name of the function that a line begins.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.trim_start().split_once("fn ")?;
    let modifier = |word: &str| {
        word.starts_with("pub") || matches!(word, "async" | "const" | "unsafe" | "extern" | "\"C\"")
    };
    if !before.split_whitespace().all(modifier) {
        return None;
    }
    let name = after.split(['(', '<']).next()?;
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        .then_some(name)
}

fn no_floats(file: &File) -> Vec<Finding> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| file.path.starts_with(prefix));
    if !file.path.ends_with(".rs") || !starts(MONEY) || starts(FLOATS_ALLOWED) {
        return Vec::new();
    }
    let words = |line: &str| -> bool {
        let code = line.split("//").next().unwrap_or_default();
        code.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .any(|word| matches!(word, "f32" | "f64"))
    };
    let found = numbered(&file.text).filter(|(_, line)| words(line));
    found
        .map(|(number, line)| (number, line.trim().to_owned()))
        .collect()
}

fn nothing_left_to_do(file: &File) -> Vec<Finding> {
    let signs = [
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("FIX", "ME"),
    ];
    let signs = signs
        .into_iter()
        .chain([concat!("TO", "DO"), concat!("XX", "X:")]);
    let signs: Vec<_> = signs.collect();
    let found =
        numbered(&file.text).filter(|(_, line)| signs.iter().any(|sign| line.contains(sign)));
    found
        .map(|(number, line)| (number, line.trim().to_owned()))
        .collect()
}

/// Paths of somebody's machine.
fn no_absolute_paths(file: &File) -> Vec<Finding> {
    let homes = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/Us", "ers/"),
    ];
    let homes = homes
        .into_iter()
        .chain([concat!("/wo", "rk/"), concat!("C:", "\\Users")]);
    let homes: Vec<_> = homes.collect();
    let begins = |line: &str, home: &str| {
        line.match_indices(home).any(|(at, _)| {
            !line[..at]
                .ends_with(|before: char| before.is_alphanumeric() || "._-/}".contains(before))
        })
    };
    let found =
        numbered(&file.text).filter(|(_, line)| homes.iter().any(|home| begins(line, home)));
    found
        .map(|(number, line)| (number, line.trim().to_owned()))
        .collect()
}

fn one_title(file: &File) -> Vec<Finding> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let titles: Vec<_> = prose(&file.text)
        .filter(|(_, line)| line.starts_with("# "))
        .map(|(line, _)| line)
        .collect();
    match titles.as_slice() {
        [_] => Vec::new(),
        [] => vec![(1, "no title".to_owned())],
        [_, second, ..] => vec![(*second, format!("{} titles", titles.len()))],
    }
}

/// The lines of a Markdown text outside its code blocks.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    numbered(text).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        in_code ^= fence;
        !in_code && !fence
    })
}

/// The relative targets of links and pictures in a Markdown text.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for (at, _) in line.match_indices("](") {
            let target = line[at + 2..].split([')', ' ']).next().unwrap_or_default();
            let elsewhere = ["http:", "https:", "mailto:"];
            if !elsewhere.iter().any(|scheme| target.starts_with(scheme)) {
                found.push((number, target));
            }
        }
    }
    found
}

/// Each rule finds what it looks for, and nothing in a good file.
#[test]
fn rules_find_what_they_look_for() {
    let long_function = format!("fn long() {{\n{}}}\n", "    let a = 1;\n".repeat(70));
    let excused = format!("#[expect(clippy::too_many_lines, reason = \"x\")]\n{long_function}");
    let table = format!("#[test]\n{long_function}");
    for (path, text, expected) in [
        ("ledger/src/a.rs", "let a = 1;".to_owned(), vec![]),
        (
            "ledger/src/a.rs",
            "x".repeat(101),
            vec!["1: 101 characters"],
        ),
        (
            "ledger/src/a.rs",
            long_function,
            vec!["1: long has 72 lines"],
        ),
        ("ledger/src/a.rs", excused, vec![]),
        ("ledger/src/a.rs", table, vec![]),
        (
            "ledger/src/a.rs",
            "let a: f64 = b;".to_owned(),
            vec!["1: let a: f64 = b;"],
        ),
        ("ledger/src/a.rs", "// no f64".to_owned(), vec![]),
        ("api/src/a.rs", "let a: f64 = b;".to_owned(), vec![]),
        (
            "bank-adapters/src/sheet/a.rs",
            "a as f64".to_owned(),
            vec![],
        ),
        (
            "a.rs",
            concat!("to", "do!()").to_owned(),
            vec![concat!("1: to", "do!()")],
        ),
        (
            "a.toml",
            concat!("x = \"/ho", "me/a\"").to_owned(),
            vec![concat!("1: x = \"/ho", "me/a\"")],
        ),
        (
            "a.rs",
            concat!("get(\"/api/ho", "me/a\")").to_owned(),
            vec![],
        ),
        ("a.md", "# A\n```\n# b\n```\n".to_owned(), vec![]),
        ("a.md", "# A\n# B".to_owned(), vec!["2: 2 titles"]),
        ("a.md", "A".to_owned(), vec!["1: no title"]),
    ] {
        let file = File {
            path: path.to_owned(),
            text,
        };
        let found = RULES.iter().flat_map(|(_, judge)| judge(&file));
        let found: Vec<_> = found
            .map(|(line, finding)| format!("{line}: {finding}"))
            .collect();
        assert_eq!(found, expected, "{path} {}", file.text);
    }
    let text = "[a](b.md#c) ![d](e.png \"f\") [g](https://h)\n```\n[i](j)\n```";
    assert_eq!(links(text), [(1, "b.md#c"), (1, "e.png")]);
}
