//! Which files of a crate name which others.
//!
//! Reads tokens, not types: a re-exported name counts as a name of the module that exports it. Comments, strings and items
//! under `#[cfg(test)]` do not count. Macros are not expanded; the tokens of a call count like any others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::workspace::{Workspace, read};

/// A folder's modules by name: `cookie/parse`, or the empty name for the crate's root. Files of tests are left out.
pub(crate) type Modules = BTreeMap<String, Module>;

/// One file.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// For people: relative to the repository's root.
    pub(crate) file: String,
    pub(crate) imports: Vec<Import>,
}

/// Another module that the file names, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) to: String,
    pub(crate) line: usize,
    /// The path as the file has it.
    pub(crate) path: String,
}

/// The modules of a crate, by its source folder.
pub(crate) fn modules_of(workspace: &Workspace, folder: &str) -> Result<Modules> {
    let base = workspace.path(folder);
    let mut files = BTreeMap::new();
    for path in workspace.files(folder, &["rs"])? {
        files.insert(path.clone(), read(&path)?);
    }
    modules(&base, &files, |path| workspace.relative(path))
}

/// Parses these files, and resolves what they name.
fn modules(
    base: &Path,
    files: &BTreeMap<PathBuf, String>,
    shown: impl Fn(&Path) -> String,
) -> Result<Modules> {
    let mut sources = BTreeMap::new();
    let mut tests = BTreeSet::new();
    for (path, text) in files {
        let mut source = Source::default();
        source.parse(text).with_context(|| shown(path))?;
        tests.extend(source.test_files(path));
        sources.insert(path, source);
    }
    sources.retain(|path, _| {
        let is_test = |test: &PathBuf| *path == test || path.starts_with(test.with_extension(""));
        !tests.iter().any(is_test)
    });
    let names: BTreeSet<String> = sources.keys().map(|path| module_name(base, path)).collect();
    let resolved = |path: &Path, source: &Source| {
        let name = module_name(base, path);
        let imports = source.paths.iter().filter_map(|found| {
            let to = resolve(found, &name, &names).filter(|to| *to != name)?;
            let path = found.segments.join("::");
            Some(Import {
                to,
                line: found.line,
                path,
            })
        });
        let imports = imports.collect();
        (
            name.clone(),
            Module {
                file: shown(path),
                imports,
            },
        )
    };
    Ok(sources
        .iter()
        .map(|(path, source)| resolved(path, source))
        .collect())
}

fn module_name(base: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(base).unwrap_or(path).with_extension("");
    let parts = inner.iter().map(|part| part.to_string_lossy());
    let mut parts: Vec<_> = parts.collect();
    if parts
        .last()
        .is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_ref()))
    {
        parts.pop();
    }
    parts.join("/")
}

/// The module of this crate that a path leads to; `None` if it leads out of the crate.
fn resolve(path: &Named, from: &str, names: &BTreeSet<String>) -> Option<String> {
    let mut at: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
    at.extend(path.inside.iter().map(String::as_str));
    let mut rest = path.segments.as_slice();
    let mut is_ours = false;
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "crate" => at.clear(),
            "super" => drop(at.pop()),
            "self" => {}
            _ => break,
        }
        is_ours = true;
        rest = others;
    }
    if !is_ours {
        // `use child::Name` in the module that declares `child`.
        let child = [at.as_slice(), &[rest.first()?.as_str()]]
            .concat()
            .join("/");
        names.get(&child)?;
    }
    at.extend(rest.iter().map(String::as_str));
    // The longest prefix that is a file; the rest names items and inline modules in it.
    (0..=at.len())
        .rev()
        .filter_map(|length| Some(at.get(..length)?.join("/")))
        .find(|name| names.contains(name) || name.is_empty())
}

/// A path such as `crate::url::BaseUrl`, imported or named in place.
#[derive(Debug)]
struct Named {
    segments: Vec<String>,
    line: usize,
    /// The inline modules that contain it, outermost first.
    inside: Vec<String>,
}

/// The paths in one file's code, and its test modules in files of their own: name, and the file of `#[path = "..."]`.
#[derive(Debug, Default)]
struct Source {
    paths: Vec<Named>,
    test_modules: Vec<(String, Option<String>)>,
}

type Tokens = std::iter::Peekable<proc_macro2::token_stream::IntoIter>;

impl Source {
    fn parse(&mut self, text: &str) -> Result<()> {
        let tokens: TokenStream = text.parse().map_err(|error: proc_macro2::LexError| {
            anyhow!("line {}: not Rust: {error}", error.span().start().line)
        })?;
        self.read(tokens, &[], &[]);
        Ok(())
    }

    /// Reads tokens; `prefix` is what stands before the braces of a `use` tree.
    fn read(&mut self, stream: TokenStream, prefix: &[String], inside: &[String]) {
        let mut tokens: Tokens = stream.into_iter().peekable();
        let (mut path, mut line) = (prefix.to_vec(), 0);
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(word) if word == "as" && !prefix.is_empty() => {
                    // The new name says nothing about the origin.
                    tokens.next();
                }
                TokenTree::Ident(word) if word == "mod" => {
                    let name = tokens.next().map(|name| name.to_string());
                    if let Some(body) = group_of(&mut tokens, Delimiter::Brace) {
                        self.read(body.stream(), &[], &[inside, name.as_slice()].concat());
                    }
                }
                TokenTree::Ident(word) => {
                    line = word.span().start().line;
                    path.push(word.to_string());
                    if is_followed_by_colons(&mut tokens) {
                        continue;
                    }
                    self.found(&mut path, line, prefix, inside);
                }
                TokenTree::Group(group) => {
                    let deeper = if group.delimiter() == Delimiter::Brace {
                        path.as_slice()
                    } else {
                        &[]
                    };
                    self.read(group.stream(), deeper, inside);
                    path = prefix.to_vec();
                }
                TokenTree::Punct(mark) if mark.as_char() == '*' && path.len() > prefix.len() => {
                    path.push("*".to_owned());
                    self.found(&mut path, line, prefix, inside);
                }
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    let is_whole_file = tokens.next_if(|next| next.to_string() == "!").is_some();
                    let attribute = group_of(&mut tokens, Delimiter::Bracket);
                    if attribute.is_some_and(|attribute| is_for_tests(&attribute)) {
                        if is_whole_file {
                            return;
                        }
                        self.skip_item(&mut tokens);
                    }
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => path = prefix.to_vec(),
            }
        }
    }

    /// Ends a path. A word alone names no module, unless it stands in the braces of a `use` tree.
    fn found(&mut self, path: &mut Vec<String>, line: usize, prefix: &[String], inside: &[String]) {
        let segments = std::mem::replace(path, prefix.to_vec());
        if segments.len() > 1 {
            self.paths.push(Named {
                segments,
                line,
                inside: inside.to_vec(),
            });
        }
    }

    /// Skips one item: up to its `;` or the end of its braces.
    fn skip_item(&mut self, tokens: &mut Tokens) {
        let (mut words, mut path) = (Vec::new(), None);
        for token in tokens.by_ref() {
            match token {
                TokenTree::Ident(word) => words.push(word.to_string()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
                TokenTree::Group(group) => {
                    let text = group.stream().to_string();
                    let named = text.strip_prefix("path = ");
                    path = named.map(|name| name.trim_matches('"').to_owned()).or(path);
                }
                TokenTree::Punct(mark) if mark.as_char() == ';' => break,
                _ => {}
            }
        }
        if let [.., is_mod, name] = words.as_slice()
            && is_mod == "mod"
        {
            self.test_modules.push((name.clone(), path));
        }
    }

    /// Where the test modules of a file may be.
    fn test_files(&self, path: &Path) -> Vec<PathBuf> {
        let beside = path.parent().unwrap_or(path);
        let is_root = path
            .file_stem()
            .is_some_and(|stem| stem == "lib" || stem == "main" || stem == "mod");
        let children = if is_root {
            beside.to_path_buf()
        } else {
            path.with_extension("")
        };
        let files = self
            .test_modules
            .iter()
            .flat_map(|(name, path)| match path {
                Some(named) => vec![beside.join(named)],
                None => vec![
                    children.join(format!("{name}.rs")),
                    children.join(name).join("mod.rs"),
                ],
            });
        files.collect()
    }
}

fn group_of(tokens: &mut Tokens, delimiter: Delimiter) -> Option<Group> {
    let next = tokens.next_if(
        |token| matches!(token, TokenTree::Group(group) if group.delimiter() == delimiter),
    );
    match next {
        Some(TokenTree::Group(group)) => Some(group),
        _ => None,
    }
}

/// Takes `::`. A copy looks ahead: a single `:` is not part of a path.
fn is_followed_by_colons(tokens: &mut Tokens) -> bool {
    let is_colon = |token: Option<TokenTree>| matches!(token, Some(TokenTree::Punct(mark)) if mark.as_char() == ':');
    let mut ahead = tokens.clone();
    let found = is_colon(ahead.next()) && is_colon(ahead.next());
    if found {
        *tokens = ahead;
    }
    found
}

/// `#[cfg(test)]`, also `#[cfg(all(test, ...))]`.
fn is_for_tests(attribute: &Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

#[cfg(test)]
mod tests;
