//! Fenced blocks, cut out of Markdown.

use anyhow::{Result, bail, ensure};

/// The note after a block's language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    None,
    /// The output of the previous block's command.
    Output,
    NotRun(String),
    ReadBy(String),
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) page: String,
    /// Line of the opening fence.
    pub(super) line: usize,
    pub(super) language: String,
    pub(super) note: Note,
    pub(super) text: String,
}

/// Cuts every block out of a page. A block without a language, with an unknown note or without an end is an error.
pub(super) fn cut(page: &str, markdown: &str) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        let Some(info) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let line = at + 1;
        let mut text = String::new();
        loop {
            let Some((_, line)) = lines.next() else {
                bail!("{page}:{line}: the block has no end");
            };
            if line.trim() == "```" {
                break;
            }
            // A block in a list is indented with it.
            text.push_str(line.get(indent..).unwrap_or_else(|| line.trim_start()));
            text.push('\n');
        }
        let (language, note) = info.split_once([' ', ',']).unwrap_or((info, ""));
        ensure!(
            !language.is_empty(),
            "{page}:{line}: the block names no language"
        );
        let note = note.trim();
        let reason = |word| {
            let reason = note.strip_prefix(word).map(str::trim);
            reason.filter(|reason| !reason.is_empty())
        };
        let note = match (note, reason("not-run:"), reason("read-by:")) {
            // `rust,ignore` is a word for rustdoc, and not a reason.
            ("" | "ignore", ..) => Note::None,
            ("output", ..) => Note::Output,
            (_, Some(reason), _) => Note::NotRun(reason.to_owned()),
            (_, _, Some(test)) => Note::ReadBy(test.to_owned()),
            _ => bail!("{page}:{line}: `{note}` says neither why it is not run nor who reads it"),
        };
        blocks.push(Block {
            page: page.to_owned(),
            line,
            language: language.to_owned(),
            note,
            text,
        });
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_cut_with_their_notes_and_without_their_indent() {
        let page = "a\n```sh\nx\n```\n1. b\n\n   ```text output\n   y\n     z\n   ```\n```js not-run: in a browser\n```\n";
        let blocks = cut("p.md", page).unwrap();
        let shown: Vec<_> = blocks
            .iter()
            .map(|b| (b.line, b.language.as_str(), &b.note, b.text.as_str()))
            .collect();
        assert_eq!(shown[0], (2, "sh", &Note::None, "x\n"));
        assert_eq!(shown[1], (7, "text", &Note::Output, "y\n  z\n"));
        let browser = Note::NotRun("in a browser".to_owned());
        assert_eq!(shown[2], (11, "js", &browser, ""));
    }

    #[test]
    fn nothing_is_left_out_without_a_word() {
        for page in [
            "```\nx\n```\n",
            "```sh\nx\n",
            "```sh not-run:\nx\n```\n",
            "```sh skip\nx\n```\n",
        ] {
            assert!(cut("p.md", page).is_err(), "{page}");
        }
    }
}
