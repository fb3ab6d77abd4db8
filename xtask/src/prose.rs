//! Docs and doc comments are plain English: short sentences, and none of the words below.
//!
//! Read are the Markdown files but for the changelogs, the doc comments of Rust, and those of the npm package's sources. Code
//! blocks and tables are left out.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::workspace::{Workspace, read};

/// The most words of a sentence.
const LIMIT: usize = 35;

/// Riddles of pronouns, and words of our own for what the field has a term for.
#[rustfmt::skip]
const BANNED: &[&str] = &[
    "whoever", "whomever", "somebody", "nobody", "anybody", // say: the client, the user, the instance
    "glance", "recall", "hearsay", "retelling", "succession", // fast path, cache, remote, resync, rotated tokens
    "told aloud", "given up", "gave way", "shut out", // logged, abandoned, evicted, denied
];

/// An opening that follows nothing where a doc comment is read by itself.
const OPENING: &str = "The same,";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut files = workspace.files("", &["md", "rs"])?;
    files.extend(workspace.files("npm/auth-cloud/src", &["ts"])?);
    files.retain(|file| file.file_name().is_some_and(|name| name != "CHANGELOG.md"));
    let (mut count, mut wrong) = (0, Vec::new());
    for file in &files {
        for (line, sentence) in sentences(file, &read(file)?) {
            count += 1;
            let place = format!("{}:{line}", workspace.relative(file));
            wrong.extend(fault(&sentence).map(|fault| format!("{place}: {fault}: {sentence}")));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{count} sentences in {} files", files.len());
    Ok(())
}

fn fault(sentence: &str) -> Option<String> {
    let text = sentence.replace(|c: char| !c.is_alphanumeric() && c != '_' && c != '-', " ");
    let text = format!(" {} ", text.to_lowercase());
    let says = |word: &&&str| text.contains(**word) && text.contains(&format!(" {word} "));
    let opening = sentence.starts_with(OPENING).then_some(&OPENING);
    if let Some(word) = BANNED.iter().find(says).or(opening) {
        return Some(format!("says `{word}`"));
    }
    let is_word = |word: &&str| word.contains(char::is_alphanumeric);
    let words = sentence.split_whitespace().filter(is_word).count();
    (words > LIMIT).then(|| format!("{words} words, {LIMIT} at most"))
}

/// Every sentence, with the line where it begins.
fn sentences(file: &Path, text: &str) -> Vec<(usize, String)> {
    let kind = file.extension().and_then(|kind| kind.to_str());
    let (mut found, mut start, mut open) = (Vec::new(), 1, Vec::new());
    let (mut is_code, mut is_comment) = (false, false);
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        is_comment |= text.starts_with("/**");
        let prose = match kind {
            Some("rs") => text.strip_prefix("///").or(text.strip_prefix("//!")),
            Some("ts") => is_comment.then(|| text.trim_matches(['/', '*'])),
            _ => Some(text),
        };
        is_comment &= !text.ends_with("*/");
        let prose = prose.unwrap_or_default().trim();
        let is_fence = prose.starts_with("```");
        is_code ^= is_fence;
        let is_left_out = is_code || is_fence || prose.starts_with('|');
        let marks = ["#", "@", "- ", "* "];
        let is_item = marks.iter().any(|mark| prose.starts_with(mark));
        let begins = prose.is_empty() || is_left_out || is_item;
        if begins && !open.is_empty() {
            found.push((start, std::mem::take(&mut open).join(" ")));
        }
        for word in prose.split_whitespace().filter(|_| !is_left_out) {
            if open.is_empty() {
                start = line;
            }
            open.push(word);
            let bare = word.trim_end_matches(['*', ')', '"']);
            if bare.ends_with(['.', '!', '?', ':']) {
                found.push((start, std::mem::take(&mut open).join(" ")));
            }
        }
    }
    found.extend((!open.is_empty()).then(|| (start, open.join(" "))));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(file: &str, text: &str) -> Vec<String> {
        let found = sentences(Path::new(file), text).into_iter();
        let found = found.filter_map(|(line, text)| Some(format!("{line}: {}", fault(&text)?)));
        found.collect()
    }

    #[test]
    fn a_banned_word_and_a_long_sentence_are_named_with_their_line() {
        assert!(faults("a.md", "Short.\n\nOne `nobody_here` stays.").is_empty());
        assert_eq!(
            faults("a.md", "Good. But\nNobody's here."),
            ["1: says `nobody`"]
        );
        assert_eq!(faults("a.md", "It is\ngiven\nup."), ["1: says `given up`"]);
        assert_eq!(
            faults("a.rs", "fn f() {}\n/// The same, later."),
            ["2: says `The same,`"]
        );
        let words = "word ".repeat(LIMIT);
        assert!(faults("a.md", &format!("{words}\n- {words}\n\n{words}")).is_empty());
        let long = format!("One.\n{words}\nword.");
        assert_eq!(faults("a.md", &long), ["2: 36 words, 35 at most"]);
    }

    #[test]
    fn only_prose_is_read() {
        assert!(faults("a.md", "```sh\nnobody\n```\n| nobody | a |").is_empty());
        assert!(
            faults(
                "a.rs",
                "// nobody\nlet nobody = 1;\n/// ```\n/// nobody\n/// ```"
            )
            .is_empty()
        );
        assert_eq!(faults("a.rs", "//! Asks nobody."), ["1: says `nobody`"]);
        assert!(faults("a.ts", "/** Good. */\n// nobody\nconst nobody = 1;").is_empty());
        assert_eq!(
            faults("a.ts", "/**\n * Asks\n * nobody.\n */"),
            ["2: says `nobody`"]
        );
    }
}
