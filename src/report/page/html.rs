//! The one way that text gets into the page. `markup` takes only what stands in our own source code;
//! everything else goes through `text`, which escapes and cuts it. The same escaping serves text between
//! tags and values between double quotes.

use std::fmt::{self, Display, Write};

/// How many characters of a text are shown.
const LONGEST: usize = 300;
/// Of a name in a place that has little room.
const SHORT: usize = 40;

/// A piece of the page.
#[derive(Clone, Default)]
pub(super) struct Html {
    out: String,
}

impl Html {
    pub(super) fn new() -> Html {
        Html::default()
    }

    /// Text of our own source code, tags and all.
    pub(super) fn markup(&mut self, own: &'static str) -> &mut Html {
        self.out.push_str(own);
        self
    }

    pub(super) fn text(&mut self, text: impl Display) -> &mut Html {
        self.escape(text, LONGEST)
    }

    /// The same, for a name where there is little room.
    pub(super) fn short(&mut self, text: impl Display) -> &mut Html {
        self.escape(text, SHORT)
    }

    /// A path of an image: long, and only what `Path` writes.
    pub(super) fn path(&mut self, path: impl Display) -> &mut Html {
        self.escape(path, usize::MAX)
    }

    pub(super) fn append(&mut self, piece: &Html) -> &mut Html {
        self.out.push_str(&piece.out);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.out.is_empty()
    }

    /// In bytes.
    pub(super) fn len(&self) -> usize {
        self.out.len()
    }

    pub(super) fn into_string(self) -> String {
        self.out
    }

    fn escape(&mut self, text: impl Display, longest: usize) -> &mut Html {
        let mut escaping = Escaping {
            out: &mut self.out,
            left: longest,
            is_cut: false,
        };
        // Nothing here fails, and a text whose own `Display` does is shown as far as it came.
        let _ = write!(escaping, "{text}");
        if escaping.is_cut {
            self.out.push('\u{2026}');
        }
        self
    }
}

struct Escaping<'a> {
    out: &'a mut String,
    left: usize,
    is_cut: bool,
}

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.left == 0 {
                self.is_cut = true;
                return Ok(());
            }
            self.left -= 1;
            match character {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                ' '..='~' => self.out.push(character),
                '\0'..='\u{7f}' => self.out.extend(character.escape_default()),
                // Letters of all languages; not what turns the direction round, takes no room, breaks the
                // line or is laid over the letter before it.
                _ if character.is_alphanumeric() => self.out.push(character),
                _ => self.out.extend(character.escape_unicode()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut html = Html::new();
        html.text(text);
        assert_eq!(html.into_string(), expected);
    }

    #[test]
    fn what_means_something_to_a_browser_is_escaped() {
        check(
            "<script>alert('1')</script>&amp;\"",
            "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;&quot;",
        );
        check("192.0.2.7 imap:143 `=/", "192.0.2.7 imap:143 `=/");
    }

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        check(
            "\u{1b}[31m\r\n\0\u{7f}\u{85}",
            "\\u{1b}[31m\\r\\n\\u{0}\\u{7f}\\u{85}",
        );
        check(
            "a\u{202e}b\u{2066}c\u{200f}d\u{200b}e\u{feff}f\u{2028}g",
            "a\\u{202e}b\\u{2066}c\\u{200f}d\\u{200b}e\\u{feff}f\\u{2028}g",
        );
        check("a\u{301}\u{301}", "a\\u{301}\\u{301}");
        check("B\u{fc}ro \u{65e5}\u{672c}", "B\u{fc}ro \u{65e5}\u{672c}");
    }

    #[test]
    fn a_long_text_is_cut_by_what_was_written_and_not_in_an_entity() {
        check(&"<".repeat(300), &"&lt;".repeat(300));
        check(&"<".repeat(301), &("&lt;".repeat(300) + "\u{2026}"));
        check(&"x".repeat(1_000_000), &("x".repeat(300) + "\u{2026}"));
        let mut html = Html::new();
        html.short("y".repeat(41));
        assert_eq!(html.into_string(), "y".repeat(40) + "\u{2026}");
    }
}
