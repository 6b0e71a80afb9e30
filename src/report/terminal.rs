//! Text on a terminal: what may stand there, how wide it is, where it is cut, in which colour.
//!
//! All that the table prints passes `shown`, whoever wrote it. It knows nothing of backends.

use std::fmt::Write;

/// Text as it can be printed without doing anything: control characters, those that change the direction of
/// text and all others that cannot be seen are written as `\u{202e}`.
pub(crate) fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            // `escape_debug` would escape them, and they do nothing on a terminal.
            '"' | '\'' | '\\' => shown.push(character),
            _ => shown.extend(character.escape_debug()),
        }
    }
    shown
}

/// In how many columns a terminal shows it, if it has passed `shown`.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// East Asian wide characters and emoji. Where terminals differ the larger number is taken, so that no line
/// becomes longer than was thought.
fn width_of(character: char) -> usize {
    match u32::from(character) {
        0x1100..=0x115f
        | 0x231a..=0x231b
        | 0x2329..=0x232a
        | 0x23e9..=0x23f3
        | 0x25fd..=0x25fe
        | 0x2600..=0x27bf
        | 0x2b1b..=0x2b55
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xa960..=0xa97f
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe10..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x16fe0..=0x18aff
        | 0x1b000..=0x1b2ff
        | 0x1f000..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

const CUT: &str = "...";

/// Not wider than that; what is missing is marked, if there is room for the mark.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_string();
    }
    let mark = if width > 2 * CUT.len() { CUT } else { "" };
    let (kept, _) = split(text, width - mark.len());
    format!("{kept}{mark}")
}

/// As much as fits, and the rest.
fn split(text: &str, width: usize) -> (&str, &str) {
    let mut taken = 0;
    for (place, character) in text.char_indices() {
        taken += width_of(character);
        if taken > width {
            return text.split_at(place);
        }
    }
    (text, "")
}

/// Broken at spaces into lines not wider than that; what does not fit into so many lines is cut.
fn folded(text: &str, width: usize, most: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.trim_end();
    while !rest.is_empty() {
        if lines.len() + 1 == most {
            lines.push(cut(rest, width));
            break;
        }
        let (fits, behind) = split(rest, width);
        // A character wider than the whole line: it goes nowhere.
        if fits.is_empty() {
            break;
        }
        let breaks_at_end = behind.is_empty() || behind.starts_with(' ');
        let line = match fits.rfind(' ') {
            Some(place) if !breaks_at_end && place > 0 => &fits[..place],
            _ => fits,
        };
        lines.push(line.trim_end().to_string());
        rest = rest[line.len()..].trim_start();
    }
    lines
}

/// What a piece of text is, which decides its colour. The words alone say it too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Strong,
    Good,
    Doubtful,
    Bad,
    /// Less important.
    Dim,
}

impl Paint {
    /// The parameter of the terminal's SGR sequence.
    fn code(self) -> &'static str {
        match self {
            Paint::Plain => "",
            Paint::Strong => "1",
            Paint::Good => "32",
            Paint::Doubtful => "33",
            Paint::Bad => "1;31",
            Paint::Dim => "2",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    On,
    Off,
}

/// A line in the making. All that is put into it is made fit to be shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pieces: Vec<(Paint, String)>,
}

impl Line {
    pub(crate) fn of(paint: Paint, text: &str) -> Line {
        let mut line = Line::default();
        line.push(paint, text);
        line
    }

    pub(crate) fn push(&mut self, paint: Paint, text: &str) {
        self.pieces.push((paint, shown(text)));
    }

    pub(crate) fn columns(&self) -> usize {
        self.pieces.iter().map(|(_, text)| columns(text)).sum()
    }

    /// Spaces up to this column.
    pub(crate) fn pad_to(&mut self, column: usize) {
        let missing = column.saturating_sub(self.columns());
        self.pieces.push((Paint::Plain, " ".repeat(missing)));
    }

    /// Cut to that width, without spaces at its end.
    pub(crate) fn print(&self, width: usize, colours: Colours) -> String {
        let mut left = width;
        let all = self.columns();
        let mut printed = String::new();
        for (place, (paint, text)) in self.pieces.iter().enumerate() {
            let is_last = self.pieces[place + 1..]
                .iter()
                .all(|(_, text)| text.trim_end().is_empty());
            let text = match columns(text) > left || (all > width && is_last) {
                true => cut(text, left),
                false => text.clone(),
            };
            let text = match is_last {
                true => text.trim_end(),
                false => &text,
            };
            left -= columns(text);
            match (colours, paint.code()) {
                (Colours::On, code) if !code.is_empty() && !text.is_empty() => {
                    let _ = write!(printed, "\x1b[{code}m{text}\x1b[0m");
                }
                _ => printed.push_str(text),
            }
        }
        printed.truncate(printed.trim_end().len());
        printed
    }
}

/// A text behind a head, broken at spaces, its further lines as far right as the first.
pub(crate) fn paragraph(
    head: &Line,
    paint: Paint,
    text: &str,
    width: usize,
    most_lines: usize,
) -> Vec<Line> {
    let indent = head.columns();
    let texts = folded(&shown(text), width.saturating_sub(indent), most_lines);
    let lines = texts.iter().enumerate().map(|(place, text)| {
        let mut line = match place {
            0 => head.clone(),
            _ => Line::default(),
        };
        line.pad_to(indent);
        line.push(paint, text);
        line
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_does_anything() {
        assert_eq!(
            shown("a\x1b[31m\u{202e}\r\n\u{200b}\u{7f}\u{9b}\u{301}"),
            "a\\u{1b}[31m\\u{202e}\\r\\n\\u{200b}\\u{7f}\\u{9b}\\u{301}"
        );
        assert_eq!(shown("\"it's\" a\\b müller 邮"), "\"it's\" a\\b müller 邮");
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let text = shown(&character.to_string());
            assert!(!text.chars().any(char::is_control), "{character:?}");
        }
    }

    #[test]
    fn the_directions_of_text_are_escaped_all() {
        let directions = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\
                          \u{2067}\u{2068}\u{2069}";
        assert!(shown(directions).is_ascii());
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(columns("ab"), 2);
        assert_eq!(columns("邮件"), 4);
        assert_eq!(columns("ü"), 1);
        assert_eq!(cut("邮件邮件邮件", 9), "邮件邮...");
        assert_eq!(cut("邮件", 3), "邮");
        assert_eq!(cut("abcdefgh", 7), "abcd...");
        assert_eq!(cut("abcdefgh", 8), "abcdefgh");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn text_is_broken_at_spaces_and_cut_where_the_lines_end() {
        assert_eq!(folded("one two three", 8, 3), ["one two", "three"]);
        assert_eq!(folded("one two three", 7, 3), ["one two", "three"]);
        assert_eq!(
            folded("abcdefghijkl mno", 5, 9),
            ["abcde", "fghij", "kl", "mno"]
        );
        assert_eq!(folded("one two three four", 9, 2), ["one two", "three ..."]);
        assert_eq!(folded("", 9, 2), Vec::<String>::new());
        assert_eq!(folded("邮", 1, 2), Vec::<String>::new());
    }

    #[test]
    fn a_line_is_cut_in_columns_that_are_seen() {
        let mut line = Line::of(Paint::Bad, "DOWN");
        line.push(Paint::Plain, " 邮件 x ");
        assert_eq!(line.print(80, Colours::Off), "DOWN 邮件 x");
        assert_eq!(
            line.print(80, Colours::On),
            "\u{1b}[1;31mDOWN\u{1b}[0m 邮件 x"
        );
        for width in 0..12 {
            assert!(columns(&line.print(width, Colours::Off)) <= width);
        }
    }

    #[test]
    fn a_paragraph_keeps_its_indent() {
        let lines = paragraph(
            &Line::of(Paint::Bad, "ALARM "),
            Paint::Plain,
            "a bc d",
            9,
            3,
        );
        let lines: Vec<String> = lines
            .iter()
            .map(|line| line.print(9, Colours::Off))
            .collect();
        assert_eq!(lines, ["ALARM a", "      bc", "      d"]);
    }
}
