//! One copy of the core that holds all its mutants: a variable of the environment chooses one, and nothing is compiled anew.
//!
//! A function becomes a `match` whose arms are its body once for each mutant, and last as it is. What does not compile is left out.
//! What a variable cannot choose, as constants, is built by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::process::capture;
use crate::workspace::{Workspace, empty, read};

pub(super) const SOURCES: &str = "crates/core/src/";
/// `interleavings` are models of locks, which `cargo xtask model` runs.
const LIST: &str = "mutants --no-config --package mastra-auth-cloud-core --all-features --list --json --exclude=**/interleavings.rs";
const BUILD: &str =
    "test --quiet --no-run --package mastra-auth-cloud-core --all-features --message-format=json";
/// The function that says which mutant is chosen, as text.
const CHOSEN: &str = include_str!("chosen.txt");

/// A change of one place, as cargo-mutants lists it.
#[derive(Deserialize)]
pub(super) struct Mutant {
    /// `FILE: WHAT`, which stays the same when lines are added above. Later ones of one name have numbers.
    pub(super) name: String,
    /// Below [`SOURCES`].
    pub(super) file: String,
    replacement: String,
    genre: String,
    span: Span,
    function: Option<Function>,
    #[serde(skip)]
    pub(super) state: State,
}

#[derive(Deserialize)]
struct Function {
    span: Span,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    start: Place,
    end: Place,
}

/// Both count from one, and columns are characters.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    line: usize,
    column: usize,
}

/// What is known of a mutant before a test runs.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    /// It is in this function of the copy.
    Built(usize),
    /// The compiler notices it.
    Unviable,
    /// It is in a constant, or in a function that must stay one expression: it has a build of its own.
    #[default]
    Apart,
}

pub(super) struct Copy {
    folder: PathBuf,
    /// Chosen by their places in this list.
    pub(super) mutants: Vec<Mutant>,
    functions: Vec<Body>,
}

/// A function with mutants that is not within another one.
struct Body {
    file: String,
    name: String,
    head: Range<usize>,
    inner: Range<usize>,
    is_const: bool,
}

/// Which lines of a file belong to what, by their numbers from zero.
type Lines = Vec<(Range<usize>, Part)>;

#[derive(Clone, Copy)]
enum Part {
    Mutant(usize),
    Function(usize),
}

impl Copy {
    /// Copies what is committed or staged, and finds the functions.
    pub(super) fn of(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target()?.join("mutants");
        empty(&folder)?;
        let prefix = format!("--prefix={}/", folder.display());
        let mut git = Command::new("git");
        git.args(["checkout-index", "--all", &prefix]);
        capture(git.current_dir(workspace.root()))?;
        let mutants = capture(workspace.cargo(LIST).current_dir(&folder))?;
        let mut mutants: Vec<Mutant> = serde_json::from_str(&mutants)?;
        name(&mut mutants);
        let mut copy = Self {
            folder,
            mutants,
            functions: Vec::new(),
        };
        for file in copy.files() {
            let text = Text::new(read(&copy.path(&file))?);
            copy.find_functions(&file, &text)?;
        }
        Ok(copy)
    }

    pub(super) fn package(&self) -> PathBuf {
        self.folder.join("crates/core")
    }

    pub(super) fn files(&self) -> BTreeSet<String> {
        let files = self.mutants.iter().map(|mutant| mutant.file.clone());
        files.collect()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.join(SOURCES).join(file)
    }

    fn find_functions(&mut self, file: &str, text: &Text) -> Result<()> {
        let own = self.mutants.iter().filter(|mutant| mutant.file == file);
        let whole = own.filter(|mutant| mutant.genre == "FnValue");
        let spans = whole.filter_map(|mutant| Some((mutant.function.as_ref()?.span, mutant.span)));
        let spans: BTreeMap<Span, Span> = spans.collect();
        let mut end = 0;
        for (function, inner) in spans {
            let (function, inner) = (text.range(function)?, text.range(inner)?);
            let head = function.start..inner.start;
            let words = text.part(&head)?;
            // An opaque type is the type of one body.
            let result = words.rsplit_once("->");
            if inner.start < end || result.is_some_and(|(_, result)| result.contains("impl ")) {
                continue;
            }
            end = inner.end;
            let (_, name) = words.split_once("fn ").context("a function has a name")?;
            let number = self.functions.len();
            for mutant in self.mutants.iter_mut().filter(|mutant| mutant.file == file) {
                let place = text.range(mutant.span)?;
                if inner.start <= place.start && place.end <= inner.end {
                    mutant.state = State::Built(number);
                }
            }
            self.functions.push(Body {
                file: file.to_owned(),
                name: name.split(['(', '<']).next().unwrap_or_default().to_owned(),
                is_const: words.contains("const fn "),
                head,
                inner,
            });
        }
        Ok(())
    }

    /// Builds the test programs, without the mutants that do not compile, and then puts the code back as it is.
    pub(super) fn build(&mut self, tests: &str) -> Result<Vec<PathBuf>> {
        let root = self.path("lib.rs");
        let library = read(&root)?;
        fs::write(&root, format!("{library}\nmod mutants;\n"))?;
        let count = self.functions.len().to_string();
        fs::write(self.path("mutants.rs"), CHOSEN.replace("FUNCTIONS", &count))?;
        let mut originals = BTreeMap::new();
        for Body { file, .. } in &self.functions {
            if !originals.contains_key(file) {
                originals.insert(file.clone(), Text::new(read(&self.path(file))?));
            }
        }
        loop {
            let mut lines = BTreeMap::new();
            for (file, original) in &originals {
                let (text, parts) = self.with_mutants(file, original)?;
                if read(&self.path(file))? != text {
                    fs::write(self.path(file), text)?;
                }
                lines.insert(file.as_str(), parts);
            }
            match self.cargo("mutants-build", tests)? {
                Ok(programs) => {
                    for (file, original) in &originals {
                        fs::write(self.path(file), &original.text)?;
                    }
                    fs::write(&root, library)?;
                    return Ok(programs);
                }
                Err(errors) => {
                    for error in &errors {
                        self.leave_out(error, &lines)?;
                    }
                }
            }
        }
    }

    /// The result of this work while the copy holds one mutant.
    pub(super) fn holding<T>(
        &self,
        mutant: &Mutant,
        work: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let path = self.path(&mutant.file);
        let original = Text::new(read(&path)?);
        let mut text = original.text.clone();
        text.replace_range(original.range(mutant.span)?, &mutant.replacement);
        fs::write(&path, text)?;
        let done = work();
        fs::write(&path, original.text)?;
        done
    }

    /// Builds these test programs of the copy as it is. None are built where it does not compile.
    pub(super) fn programs(&self, tests: &str) -> Result<Vec<PathBuf>> {
        Ok(self.cargo("mutants-alone", tests)?.unwrap_or_default())
    }

    /// Builds the test programs in this folder. Or what does not compile.
    fn cargo(&self, target: &str, tests: &str) -> Result<Result<Vec<PathBuf>, Vec<Value>>> {
        let mut cargo = Command::new("cargo");
        cargo.args(BUILD.split(' ')).args(tests.split(' '));
        cargo.current_dir(&self.folder).stderr(Stdio::inherit());
        cargo.env("CARGO_TARGET_DIR", self.folder.with_file_name(target));
        cargo.env("RUSTFLAGS", "-Awarnings");
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo.env("CARGO_INCREMENTAL", "1");
        let output = cargo.output()?;
        let said = String::from_utf8(output.stdout)?;
        let said = said.lines().map(serde_json::from_str);
        let said: Vec<Value> = said.collect::<Result<_, _>>()?;
        if output.status.success() {
            let tests = said
                .iter()
                .filter(|said| said.pointer("/profile/test") == Some(&Value::Bool(true)));
            let tests = tests.filter_map(|said| said["executable"].as_str());
            return Ok(Ok(tests.map(PathBuf::from).collect()));
        }
        let errors = said.iter().map(|said| said["message"].clone());
        let errors = errors.filter(|error| error["level"] == "error" && !places(error).is_empty());
        let errors: Vec<_> = errors.collect();
        ensure!(!errors.is_empty(), "the copy is not built");
        Ok(Err(errors))
    }

    fn with_mutants(&self, file: &str, original: &Text) -> Result<(String, Lines)> {
        let (mut text, mut parts, mut done) = (Output::default(), Lines::new(), 0);
        let functions = self.functions.iter().enumerate();
        for (number, function) in functions.filter(|(_, function)| function.file == file) {
            let mutants = self.mutants.iter().enumerate();
            let mutants = mutants.filter(|(_, mutant)| mutant.state == State::Built(number));
            let mut mutants = mutants.peekable();
            if mutants.peek().is_none() {
                continue;
            }
            let Body { head, inner, .. } = function;
            text.add(original.part(&(done..head.start))?);
            // What a variable chooses is no constant.
            text.add(&original.part(head)?.replacen("const fn ", "fn ", 1));
            let first = text.lines;
            text.add(&format!("\nmatch crate::mutants::chosen({number}) {{\n"));
            for (at, mutant) in mutants {
                let place = original.range(mutant.span)?;
                let from = text.lines;
                text.add(&format!("{at} => {{\n"));
                text.add(original.part(&(inner.start..place.start))?);
                text.add(&mutant.replacement);
                text.add(original.part(&(place.end..inner.end))?);
                text.add("\n}\n");
                parts.push((from..text.lines, Part::Mutant(at)));
            }
            text.add("_ => {\n");
            text.add(original.part(inner)?);
            text.add("\n}\n}\n");
            parts.push((first..text.lines, Part::Function(number)));
            done = inner.end;
        }
        text.add(original.part(&(done..original.text.len()))?);
        Ok((text.text, parts))
    }

    /// Takes out what an error is about.
    fn leave_out(&mut self, error: &Value, lines: &BTreeMap<&str, Lines>) -> Result<()> {
        let number = |function: &Part| match function {
            Part::Function(number) => Some(*number),
            Part::Mutant(_) => None,
        };
        let code = error.pointer("/code/code").and_then(Value::as_str);
        // A function that a constant calls has to stay what it is.
        if code == Some("E0015") {
            let text = error["message"].as_str().unwrap_or_default();
            let called = text.split('`').nth(1).context("E0015 names a function")?;
            let called = called.rsplit("::").next().unwrap_or_default();
            for mutant in &mut self.mutants {
                if let State::Built(number) = mutant.state
                    && let Some(function) = self.functions.get(number)
                    && function.is_const
                    && function.name == called
                {
                    mutant.state = State::Apart;
                }
            }
            return Ok(());
        }
        for (file, line) in places(error) {
            let parts = lines.get(file.trim_start_matches(SOURCES));
            let mut parts = parts.into_iter().flatten();
            let Some((_, part)) = parts.find(|(lines, _)| lines.contains(&line)) else {
                continue;
            };
            for (at, mutant) in self.mutants.iter_mut().enumerate() {
                if matches!(part, Part::Mutant(own) if *own == at) {
                    mutant.state = State::Unviable;
                } else if number(part).is_some_and(|own| mutant.state == State::Built(own)) {
                    mutant.state = State::Apart;
                }
            }
            return Ok(());
        }
        bail!("{}", error["rendered"].as_str().unwrap_or_default())
    }
}

fn name(mutants: &mut [Mutant]) {
    let mut counts = BTreeMap::new();
    for mutant in mutants {
        mutant.file = mutant.file.trim_start_matches(SOURCES).to_owned();
        let what = mutant.name.split_once(": ").map_or("", |(_, what)| what);
        mutant.name = format!("{}: {what}", mutant.file);
        let count = counts.entry(mutant.name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            mutant.name += &format!(" ({count})");
        }
    }
}

/// The files and lines, from zero, that the compiler points at, first of all at the cause.
fn places(error: &Value) -> Vec<(String, usize)> {
    let mut spans: Vec<&Value> = error["spans"].as_array().into_iter().flatten().collect();
    spans.sort_by_key(|span| span["is_primary"] != true);
    let mut places = Vec::new();
    for span in spans {
        // Within a macro, also at its call.
        let mut next = Some(span);
        while let Some(span) = next {
            let line = span["line_start"]
                .as_u64()
                .and_then(|line| usize::try_from(line).ok());
            if let (Some(file), Some(line)) = (span["file_name"].as_str(), line) {
                places.push((file.to_owned(), line.saturating_sub(1)));
            }
            next = span.pointer("/expansion/span");
        }
    }
    places
}

/// A file's text, and where its lines begin.
struct Text {
    text: String,
    starts: Vec<usize>,
}

impl Text {
    fn new(text: String) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let starts = [0].into_iter().chain(ends).collect();
        Self { text, starts }
    }

    fn part(&self, range: &Range<usize>) -> Result<&str> {
        self.text.get(range.clone()).context("a range is no text")
    }

    fn range(&self, span: Span) -> Result<Range<usize>> {
        let place = |place: Place| {
            let start = *self.starts.get(place.line.checked_sub(1)?)?;
            let mut characters = self.text.get(start..)?.char_indices();
            let (at, _) = characters.nth(place.column.checked_sub(1)?)?;
            Some(start + at)
        };
        let (start, end) = (place(span.start), place(span.end));
        Ok(start.context("a span begins nowhere")?..end.context("a span ends nowhere")?)
    }
}

/// A text that is written, and how many lines it has begun.
#[derive(Default)]
struct Output {
    text: String,
    lines: usize,
}

impl Output {
    fn add(&mut self, text: &str) {
        self.text += text;
        self.lines += text.matches('\n').count();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = "const fn f(a: u8) -> u8 {\n    a + 1\n}\n";

    fn copy() -> Copy {
        let span = |line, from, to| json!({ "start": { "line": line, "column": from }, "end": { "line": line, "column": to } });
        let function = json!({ "span": { "start": { "line": 1, "column": 1 }, "end": { "line": 3, "column": 2 } } });
        let file = "crates/core/src/a.rs";
        let mutants = json!([
            { "name": format!("{file}:2:5: replace f -> u8 with 0"), "file": file, "replacement": "0", "genre": "FnValue",
                "span": span(2, 5, 10), "function": function },
            { "name": format!("{file}:2:7: replace + with -"), "file": file, "replacement": "-", "genre": "BinaryOperator",
                "span": span(2, 7, 8), "function": function },
            { "name": format!("{file}:2:7: replace + with -"), "file": file, "replacement": "*", "genre": "BinaryOperator",
                "span": span(1, 7, 8), "function": null },
        ]);
        let mut mutants: Vec<Mutant> = serde_json::from_value(mutants).unwrap();
        name(&mut mutants);
        let mut copy = Copy {
            folder: PathBuf::new(),
            mutants,
            functions: Vec::new(),
        };
        copy.find_functions("a.rs", &Text::new(TEXT.to_owned()))
            .unwrap();
        copy
    }

    fn states(copy: &Copy) -> Vec<State> {
        copy.mutants.iter().map(|mutant| mutant.state).collect()
    }

    #[test]
    fn a_function_holds_its_body_once_for_each_mutant() {
        let copy = copy();
        let names: Vec<_> = copy.mutants.iter().map(|mutant| &*mutant.name).collect();
        assert_eq!(
            names,
            [
                "a.rs: replace f -> u8 with 0",
                "a.rs: replace + with -",
                "a.rs: replace + with - (2)"
            ]
        );
        let (text, _) = copy
            .with_mutants("a.rs", &Text::new(TEXT.to_owned()))
            .unwrap();
        assert_eq!(
            text,
            "fn f(a: u8) -> u8 {\n    \nmatch crate::mutants::chosen(0) {\n0 => {\n0\n}\n1 => {\na - 1\n}\n_ => {\na + 1\n}\n}\n\n}\n"
        );
        assert!(states(&copy) == [State::Built(0), State::Built(0), State::Apart]);
    }

    #[test]
    fn a_mutant_with_a_build_of_its_own_is_in_the_copy_for_its_turn() {
        let mut copy = copy();
        copy.folder = std::env::temp_dir().join(format!("xtask-mutants-{}", std::process::id()));
        let path = copy.path("a.rs");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, TEXT).unwrap();
        let held = copy.holding(&copy.mutants[1], || read(&path));
        assert_eq!(held.unwrap(), TEXT.replace('+', "-"));
        assert_eq!(read(&path).unwrap(), TEXT);
        fs::remove_dir_all(&copy.folder).unwrap();
    }

    #[test]
    fn a_function_that_takes_closures_has_no_opaque_type() {
        let mut copy = copy();
        let closures = "const fn f(a: impl Fn() -> u8, b: impl Fn()) -> u8 {\n    a + 1\n}\n";
        let closures = Text::new(closures.to_owned());
        for mutant in &mut copy.mutants {
            mutant.state = State::Apart;
        }
        copy.functions.clear();
        copy.find_functions("a.rs", &closures).unwrap();
        assert!(states(&copy) == [State::Built(0), State::Built(0), State::Apart]);
    }

    #[test]
    fn what_an_error_points_at_is_left_out() {
        let mut copy = copy();
        let (text, parts) = copy
            .with_mutants("a.rs", &Text::new(TEXT.to_owned()))
            .unwrap();
        let lines = BTreeMap::from([("a.rs", parts)]);
        let at = |part: &str| text.lines().position(|line| line.contains(part)).unwrap() + 1;
        let error = |line| json!({ "code": null, "spans": [{ "is_primary": true, "file_name": "crates/core/src/a.rs", "line_start": line }] });
        copy.leave_out(&error(at("a - 1")), &lines).unwrap();
        assert!(states(&copy) == [State::Built(0), State::Unviable, State::Apart]);
        let called = json!({ "code": { "code": "E0015" }, "message": "cannot call non-const function `a::f` in constants" });
        copy.leave_out(&called, &lines).unwrap();
        assert!(states(&copy) == [State::Apart, State::Unviable, State::Apart]);
        assert!(copy.leave_out(&error(99), &lines).is_err());
        let mut copy = self::copy();
        copy.leave_out(&error(at("a + 1")), &lines).unwrap();
        assert!(states(&copy) == [State::Apart; 3]);
    }
}
