//! Sanitizes foreign text for a terminal: it cannot control the terminal or change the reading order.

/// Escapes every control and direction character as `\u....`, which JSON reads back. Line ends stay if `line_ends` says so.
pub(crate) fn escape(text: &str, line_ends: LineEnds) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, c| {
            if (c == '\n' && line_ends == LineEnds::Keep) || !steers(c) {
                out.push(c);
            } else {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            out
        })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineEnds {
    Keep,
    Escape,
}

/// Controls (C0, DEL, C1), line and paragraph separators, and characters that change text direction (Unicode annex 9).
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
