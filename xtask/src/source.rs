//! Rust source as tokens: the paths it names, the words it uses, the functions that are tests.
//!
//! The tokenizer drops comments and keeps strings as literals, so neither is mistaken for code. Items under `#[cfg(test)]`
//! are left out of paths and words. Does not expand macros; tokens inside a macro call count like any others.

mod attribute;
mod imports;
mod test_functions;
#[cfg(test)]
mod tests;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use attribute::Attribute;
pub(crate) use test_functions::test_functions;

/// A path such as `crate::url::BaseUrl`, whether imported or named in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) segments: Vec<String>,
    pub(crate) line: usize,
    /// The inline modules that contain it, outermost first.
    pub(crate) inside: Vec<String>,
}

/// The names in one file's code, without tests.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) paths: Vec<Path>,
    pub(crate) words: Vec<(String, usize)>,
    /// Modules in files of their own that are only for tests.
    pub(crate) test_modules: Vec<TestModule>,
}

/// `#[cfg(test)] mod name;`
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestModule {
    pub(crate) name: String,
    /// The file that `#[path = "..."]` names.
    pub(crate) path: Option<String>,
}

impl Source {
    /// Parses one file.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let mut source = Self::default();
        source.read(tokens(text)?, &[]);
        Ok(source)
    }

    fn read(&mut self, stream: TokenStream, inside: &[String]) {
        let mut rest: Cursor = stream.into_iter().peekable();
        let mut attributes: Vec<Attribute> = Vec::new();
        while let Some(token) = rest.next() {
            match token {
                TokenTree::Punct(mark) if mark.as_char() == '#' => {
                    if let Some(attribute) = Attribute::after_hash(&mut rest) {
                        if attribute.whole_file && attribute.is_for_tests() {
                            *self = Self::default();
                            return;
                        }
                        attributes.push(attribute);
                    }
                }
                first if attributes.iter().any(Attribute::is_for_tests) => {
                    self.skip_item(first, &mut rest, &attributes);
                    attributes.clear();
                }
                TokenTree::Ident(word) => {
                    attributes.clear();
                    let (text, line) = (word.to_string(), word.span().start().line);
                    self.words.push((text.clone(), line));
                    if text == "use" {
                        let item = imports::until_semicolon(&mut rest);
                        imports::expand(&item, &mut Vec::new(), inside, self);
                    } else if text == "mod" {
                        self.read_module(&mut rest, inside);
                    } else if let Some(segments) =
                        imports::path_from(&text, &mut rest, &mut self.words)
                    {
                        self.paths.push(Path {
                            segments,
                            line,
                            inside: inside.to_vec(),
                        });
                    }
                }
                TokenTree::Group(group) => {
                    attributes.clear();
                    self.read(group.stream(), inside);
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => attributes.clear(),
            }
        }
    }

    /// Reads `mod name { ... }`; `mod name;` has no content here.
    fn read_module(&mut self, rest: &mut Cursor, inside: &[String]) {
        let Some(TokenTree::Ident(name)) = rest.next() else {
            return;
        };
        if let Some(body) = brace(rest) {
            let mut deeper = inside.to_vec();
            deeper.push(name.to_string());
            self.read(body.stream(), &deeper);
        }
    }

    /// Skips one item: up to its `;` or the end of its braces.
    fn skip_item(&mut self, first: TokenTree, rest: &mut Cursor, attributes: &[Attribute]) {
        let mut last_word = String::new();
        let mut is_module = false;
        let mut next = Some(first);
        while let Some(token) = next {
            match token {
                TokenTree::Ident(word) => {
                    is_module |= word == "mod";
                    last_word = word.to_string();
                }
                TokenTree::Punct(mark) if mark.as_char() == ';' => {
                    if is_module {
                        let path = attributes.iter().find_map(Attribute::path);
                        self.test_modules.push(TestModule {
                            name: last_word,
                            path,
                        });
                    }
                    return;
                }
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
                _ => {}
            }
            next = rest.next();
        }
    }
}

type Cursor = std::iter::Peekable<proc_macro2::token_stream::IntoIter>;

fn tokens(text: &str) -> Result<TokenStream> {
    text.parse().map_err(|error: proc_macro2::LexError| {
        anyhow!("line {}: not Rust: {error}", error.span().start().line)
    })
}

/// Takes the next token if it is a group in braces.
fn brace(rest: &mut Cursor) -> Option<Group> {
    let found = match rest.peek() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            Some(group.clone())
        }
        _ => None,
    };
    if found.is_some() {
        rest.next();
    }
    found
}
