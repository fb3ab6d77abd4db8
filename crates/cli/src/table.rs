//! The table of a report: 80 columns wide, coloured on a terminal, plain in a file.

use std::io::IsTerminal as _;

use crate::terminal::{LineEnds, escape};

/// The width that the table keeps to.
pub(crate) const WIDTH: usize = 80;
/// Where a named text begins, below its line.
const INDENT: &str = "            ";

/// Whether the table has colours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Style {
    Plain,
    Coloured,
}

/// Whether the terminal only prints.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

impl Style {
    /// Colours on a terminal, unless `NO_COLOR` or `TERM=dumb` says otherwise.
    pub(crate) fn of_terminal() -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        if std::io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb() {
            Self::Coloured
        } else {
            Self::Plain
        }
    }

    /// Colours of the terminal's own palette, which fit a light and a dark ground.
    pub(crate) fn paint(self, colour: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\x1b[{colour}m{text}\x1b[0m"),
        }
    }
}

pub(crate) const RED: &str = "1;31";
pub(crate) const YELLOW: &str = "33";
pub(crate) const GREEN: &str = "32";
pub(crate) const BOLD: &str = "1";

/// A named text, broken into lines of the table's width.
pub(crate) fn line(out: &mut String, name: &str, text: &str) {
    const NAMED: usize = 10;
    let text = escape(text, LineEnds::Escape);
    let room = WIDTH.saturating_sub(INDENT.len() + NAMED + 1);
    let mut name = name;
    for part in wrapped(&text, room) {
        out.push_str(&format!("{INDENT}{name:NAMED$} {part}\n"));
        name = "";
    }
}

/// Breaks at spaces, and within words that are longer than a line.
pub(crate) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let Some(last) = lines.last_mut() else {
                return lines;
            };
            let length = last.chars().count();
            let space = usize::from(length > 0);
            if length + space + word.len() <= room {
                last.extend(std::iter::repeat_n(' ', space));
                last.extend(&word);
                break;
            }
            if length == 0 {
                let rest = word.split_off(room.min(word.len()));
                last.extend(&word);
                word = rest;
            }
            lines.push(String::new());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_words_are_broken_and_nothing_is_lost() {
        let text = format!("sent {} end", "x".repeat(25));
        let lines = wrapped(&text, 10);
        assert!(
            lines.iter().all(|line| line.chars().count() <= 10),
            "{lines:?}"
        );
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
    }
}
