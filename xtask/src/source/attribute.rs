//! Attributes: those that mark an item as for tests or as a test, or name its file.

use proc_macro2::{Delimiter, TokenTree};

use super::Cursor;

/// `#[name(arguments)]` or `#![...]`.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) whole_file: bool,
    /// `cfg`, or `tokio :: test`, with single spaces.
    name: String,
    /// The text in brackets after the name or behind `=`.
    argument: String,
}

impl Attribute {
    /// Parses an attribute whose `#` was taken; `None` if the `#` has another use.
    pub(super) fn after_hash(rest: &mut Cursor) -> Option<Self> {
        let whole_file =
            matches!(rest.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == '!');
        if whole_file {
            rest.next();
        }
        let group = match rest.peek() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
                group.clone()
            }
            _ => return None,
        };
        rest.next();
        let mut name = Vec::new();
        let mut argument = String::new();
        for token in group.stream() {
            match token {
                TokenTree::Ident(word) => name.push(word.to_string()),
                TokenTree::Group(inner) => argument = inner.stream().to_string(),
                TokenTree::Literal(value) => argument = value.to_string(),
                TokenTree::Punct(_) => {}
            }
        }
        Some(Self {
            whole_file,
            name: name.join(" "),
            argument,
        })
    }

    /// `#[cfg(test)]`, also `#[cfg(all(test, ...))]`.
    pub(super) fn is_for_tests(&self) -> bool {
        self.name == "cfg" && (self.argument == "test" || self.argument.starts_with("all (test"))
    }

    /// `#[test]`, `#[tokio::test]` and the like.
    pub(super) fn is_test(&self) -> bool {
        self.name == "test" || self.name.ends_with(" test")
    }

    /// `#[ignore]`: the test does not run.
    pub(super) fn is_ignore(&self) -> bool {
        self.name == "ignore"
    }

    /// The file of `#[path = "file"]`.
    pub(super) fn path(&self) -> Option<String> {
        (self.name == "path").then(|| self.argument.trim_matches('"').to_owned())
    }
}
