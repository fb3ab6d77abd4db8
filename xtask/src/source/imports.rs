//! Paths: the tree behind `use`, and paths named in place.

use proc_macro2::{Delimiter, TokenTree};

use super::{Cursor, Path, Source};

/// The tokens of an item up to its `;`.
pub(super) fn until_semicolon(rest: &mut Cursor) -> Vec<TokenTree> {
    rest.by_ref()
        .take_while(|token| !matches!(token, TokenTree::Punct(mark) if mark.as_char() == ';'))
        .collect()
}

/// Every path of a `use` tree: `a::{b, c::*}` is `a::b` and `a::c::*`.
pub(super) fn expand(
    tree: &[TokenTree],
    prefix: &mut Vec<String>,
    inside: &[String],
    found: &mut Source,
) {
    for branch in
        tree.split(|token| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ','))
    {
        let depth = prefix.len();
        let mut line = 0;
        let mut opened = false;
        for token in branch {
            if line == 0 {
                line = token.span().start().line;
            }
            match token {
                // The new name after `as` says nothing about the origin.
                TokenTree::Ident(word) if word == "as" => break,
                TokenTree::Ident(word) => {
                    found
                        .words
                        .push((word.to_string(), word.span().start().line));
                    prefix.push(word.to_string());
                }
                TokenTree::Punct(mark) if mark.as_char() == '*' => prefix.push("*".to_owned()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    let inner: Vec<_> = group.stream().into_iter().collect();
                    expand(&inner, prefix, inside, found);
                    opened = true;
                }
                _ => {}
            }
        }
        if !opened && prefix.len() > depth {
            found.paths.push(Path {
                segments: prefix.clone(),
                line,
                inside: inside.to_vec(),
            });
        }
        prefix.truncate(depth);
    }
}

/// The rest of a path that begins with `first`; `None` if no `::` follows.
pub(super) fn path_from(
    first: &str,
    rest: &mut Cursor,
    words: &mut Vec<(String, usize)>,
) -> Option<Vec<String>> {
    let mut segments = vec![first.to_owned()];
    while rest.peek().is_some_and(is_colon) {
        // A copy looks ahead: a single `:` never precedes a path's next word.
        let mut ahead = rest.clone();
        ahead.next();
        let two = ahead.next().as_ref().is_some_and(is_colon);
        let Some(TokenTree::Ident(word)) = ahead.next().filter(|_| two) else {
            break;
        };
        words.push((word.to_string(), word.span().start().line));
        segments.push(word.to_string());
        *rest = ahead;
    }
    (segments.len() > 1).then_some(segments)
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':')
}
