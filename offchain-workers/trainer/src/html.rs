//! Plain text from the pages that mdBook writes.
//!
//! The extractor is a single pass over the bytes of `<main>`: it keeps prose, headings, list marks, inline code and code
//! blocks, and drops navigation, scripts, styles, images and the hidden lines of code samples. The same page always
//! gives the same text.

/// Elements whose whole content is dropped.
const DROPPED: [&str; 8] = [
    "script", "style", "nav", "svg", "button", "noscript", "template", "head",
];

/// Elements that begin and end a paragraph.
const BLOCKS: [&str; 22] = [
    "p",
    "div",
    "ul",
    "ol",
    "li",
    "pre",
    "blockquote",
    "table",
    "thead",
    "tbody",
    "tr",
    "section",
    "article",
    "dl",
    "dt",
    "dd",
    "hr",
    "figure",
    "figcaption",
    "details",
    "summary",
    "aside",
];

/// Text of the `<main>` element of `page`, or `None` when the page has none (redirect stubs, tables of contents).
pub fn main_text(page: &str) -> Option<String> {
    let start = page.find("<main")?;
    let body = page.get(start..)?;
    let body = body.get(body.find('>')? + 1..)?;
    let end = body.rfind("</main>").unwrap_or(body.len());
    let mut writer = Writer::default();
    let mut rest = body.get(..end)?;
    while !rest.is_empty() {
        rest = writer.step(rest);
    }
    Some(writer.finish())
}

/// Collects text and knows where in the markup the scanner stands.
#[derive(Default)]
struct Writer {
    out: String,
    /// Inside `<pre>`, where white space counts.
    preformatted: bool,
    /// Depth of `<span>` inside a hidden sample line, zero outside.
    hidden: usize,
    /// A space is owed before the next word.
    space: bool,
    /// Line breaks owed before the next word.
    breaks: usize,
}

impl Writer {
    /// Consumes one comment, tag or run of text and returns what is left.
    fn step<'a>(&mut self, rest: &'a str) -> &'a str {
        if let Some(comment) = rest.strip_prefix("<!--") {
            return match comment.find("-->") {
                Some(end) => &comment[end + 3..],
                None => "",
            };
        }
        if rest.starts_with('<') {
            let Some(end) = tag_end(rest) else { return "" };
            let (tag, after) = (&rest[1..end], &rest[end + 1..]);
            return self.tag(tag, after);
        }
        let end = rest.find('<').unwrap_or(rest.len());
        if self.hidden == 0 {
            self.text(&unescape(&rest[..end]));
        }
        &rest[end..]
    }

    /// Handles the tag `tag` (without angle brackets); may skip a whole dropped element.
    fn tag<'a>(&mut self, tag: &str, after: &'a str) -> &'a str {
        let closing = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric())
            .collect::<String>()
            .to_ascii_lowercase();
        if !closing && DROPPED.contains(&name.as_str()) && !tag.ends_with('/') {
            let close = format!("</{name}");
            return match after.find(&close) {
                Some(at) => after[at..].find('>').map_or("", |end| &after[at + end + 1..]),
                None => "",
            };
        }
        if name == "span" {
            self.span(tag, closing);
        }
        if self.hidden > 0 {
            return after;
        }
        match name.as_str() {
            "code" if !self.preformatted => self.mark('`', closing),
            "br" if self.preformatted => self.out.push('\n'),
            "br" => self.breaks = self.breaks.max(1),
            "td" | "th" if closing => self.text(" | "),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.breaks = self.breaks.max(2);
                if !closing {
                    let level = usize::from(name.as_bytes()[1] - b'0');
                    self.text(&"#".repeat(level));
                    self.space = true;
                }
            },
            "li" => {
                self.breaks = self.breaks.max(1);
                if !closing {
                    self.text("-");
                    self.space = true;
                }
            },
            "tr" | "thead" | "tbody" => self.breaks = self.breaks.max(1),
            block if BLOCKS.contains(&block) => {
                // A paragraph that opens a list item stays on the item's line.
                let opens_item = !closing && block == "p" && self.out.ends_with('-') && self.space;
                if !opens_item {
                    self.breaks = self.breaks.max(2);
                }
                if block == "pre" {
                    self.preformatted = !closing;
                }
            },
            _ => {},
        }
        after
    }

    fn span(&mut self, tag: &str, closing: bool) {
        if self.hidden > 0 {
            self.hidden = if closing { self.hidden - 1 } else { self.hidden + 1 };
        } else if !closing && tag.contains("boring") {
            self.hidden = 1;
        }
    }

    /// Writes a mark that hugs the text it encloses.
    fn mark(&mut self, mark: char, closing: bool) {
        if !closing {
            self.flush();
        }
        self.space = self.space && !closing;
        self.out.push(mark);
    }

    fn text(&mut self, text: &str) {
        if self.preformatted {
            if !text.is_empty() {
                self.flush();
                self.out.push_str(text);
            }
            return;
        }
        for c in text.chars() {
            if c.is_whitespace() {
                self.space = true;
            } else {
                self.flush();
                self.out.push(c);
            }
        }
    }

    /// Writes the owed breaks or the owed space.
    fn flush(&mut self) {
        if self.breaks > 0 {
            let kept = self.out.trim_end().len();
            self.out.truncate(kept);
            if !self.out.is_empty() {
                (0..self.breaks).for_each(|_| self.out.push('\n'));
            }
        } else if self.space && !self.out.is_empty() && !self.out.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
        self.breaks = 0;
        self.space = false;
    }

    fn finish(self) -> String {
        let mut text = self.out.trim().to_string();
        text.push('\n');
        text
    }
}

/// Position of the `>` that closes the tag at the head of `rest`, quotes respected.
fn tag_end(rest: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), close) if open == close => quote = None,
            _ => {},
        }
    }
    None
}

/// Decodes character references and folds typographic marks to ASCII, which saves a small vocabulary.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        push_folded(&mut out, &rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|b| b == b';');
        match end.and_then(|end| Some((end, reference(&rest[1..end])?))) {
            Some((end, decoded)) => {
                push_folded(&mut out, decoded.encode_utf8(&mut [0; 4]));
                rest = &rest[end + 1..];
            },
            None => {
                out.push('&');
                rest = &rest[1..];
            },
        }
    }
    push_folded(&mut out, rest);
    out
}

/// The character named by `name`, the part of a reference between `&` and `;`.
fn reference(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "mdash" => '—',
        "ndash" => '–',
        "hellip" => '…',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "copy" => '©',
        "times" => '×',
        _ => return None,
    })
}

fn push_folded(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '‘' | '’' => out.push('\''),
            '“' | '”' => out.push('"'),
            '…' => out.push_str("..."),
            '—' => out.push_str("--"),
            '–' => out.push('-'),
            '\u{a0}' => out.push(' '),
            '\u{200b}' | '\u{feff}' | '\r' => {},
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(body: &str) -> String {
        format!("<html><head><title>x</title></head><body><nav>menu</nav><main>{body}</main><footer>f</footer></body>")
    }

    #[test]
    fn prose_keeps_words_marks_and_paragraphs_only() {
        let body = "<h2 id=\"a\"><a class=\"header\" href=\"#a\">Moves &amp; copies</a></h2>\n<p>A <em>moved</em>\nvalue \
                    isn&#39;t <code>Copy</code>.</p><script>var x = '</p>';</script><ul><li><p>one</p></li><li>two &lt; \
                    three</li></ul><!-- ignore <p>no</p> -->";
        assert_eq!(
            main_text(&page(body)).as_deref(),
            Some("## Moves & copies\n\nA moved value isn't `Copy`.\n\n- one\n\n- two < three\n")
        );
    }

    #[test]
    fn code_keeps_white_space_and_loses_hidden_lines() {
        let body = "<p>See:</p><pre><code class=\"language-rust\"><span class=\"boring\">fn main() {\n</span>let x = \
                    1;\n    x &gt; 0;\n<span class=\"boring\">}</span></code></pre><p>Done.</p>";
        assert_eq!(
            main_text(&page(body)).as_deref(),
            Some("See:\n\nlet x = 1;\n    x > 0;\n\nDone.\n")
        );
    }

    #[test]
    fn pages_without_main_and_broken_markup_do_not_panic() {
        assert_eq!(main_text("<html><body>moved</body></html>"), None);
        for broken in [
            "<main><p",
            "<main>&#xffffffff; &amp",
            "<main><script>",
            "<main",
            "<main><!-- a",
        ] {
            let _ = main_text(broken);
        }
    }
}
