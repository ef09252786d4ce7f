//! Conversations written as a model wants them, by the Jinja template in its files, rendered as Hugging Face's `apply_chat_template` does.

use super::{
    config,
    error::LoadError,
    source::{Files, CHAT_TEMPLATE, TOKENIZER_CONFIG},
};
use minijinja::{
    syntax::SyntaxConfig,
    value::{Kwargs, Serde, Value},
    Environment, Error, ErrorKind,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    io::{self, Write},
    thread,
};

/// Largest template; those of published models have up to 20 KiB.
const MAX_TEMPLATE: usize = 64 << 10;
/// Most bytes of a conversation, before and after it is rendered.
const MAX_TEXT: usize = 4 << 20;
/// Instructions that one rendering may take. A long template needs about a hundred for each message.
const FUEL: u64 = 200_000;
/// Depth of macros and blocks that call each other.
const DEPTH: usize = 64;
/// Stack of the thread that renders. The engine recurses over expressions that the largest template can nest (one byte a level), and
/// over lists that the fuel can nest (some instructions a level); a level takes well under 2 KiB. Untouched pages cost nothing.
const STACK: usize = 256 << 20;

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who speaks: `system`, `user`, `assistant`, or what else the template knows.
    pub role: String,
    /// What is said.
    pub content: String,
}

/// Why a conversation cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatError {
    /// The template itself refuses the conversation, for example because of the order of its roles.
    #[error("the chat template refuses the conversation: {0}")]
    Refused(String),
    /// The template is malformed, or fails.
    #[error("the chat template fails: {0}")]
    Failed(String),
    /// The template, the conversation or its rendering is too long.
    #[error("{what} exceeds {limit} bytes")]
    TooLong {
        /// What is.
        what: &'static str,
        /// Most bytes.
        limit: usize,
    },
    /// The template takes too many steps.
    #[error("the chat template does not come to an end within {FUEL} steps")]
    Endless,
}

/// The template of a model's conversations.
///
/// It is foreign code: its steps, its output and its depth are bounded. The memory of strings that it puts together on the way is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatTemplate {
    template: String,
    /// Texts of special tokens by the names that templates use, such as `bos_token`.
    tokens: BTreeMap<String, String>,
}

impl ChatTemplate {
    /// A template that may name `tokens`, for example `bos_token`. Whether it is well-formed shows when it is used: a model is of
    /// use without.
    pub fn new(template: String, tokens: BTreeMap<String, String>) -> Result<Self, ChatError> {
        let what = "the chat template";
        let limit = MAX_TEMPLATE;
        if template.len() > limit {
            return Err(ChatError::TooLong { what, limit });
        }
        Ok(Self { template, tokens })
    }

    /// The template in the files of a model: `chat_template.jinja`, or `chat_template` of `tokenizer_config.json`, which is a text or a
    /// list of named ones.
    pub(super) fn beside(files: Files<'_>) -> Result<Option<Self>, LoadError> {
        let refuse = |file: &str, field: &str, reason: &str| LoadError::Config {
            file: file.into(),
            field: field.into(),
            reason: reason.into(),
        };
        let config = files.optional(TOKENIZER_CONFIG)?;
        let config = config
            .map(|bytes| config::parse(TOKENIZER_CONFIG, &bytes))
            .transpose()?;
        let config = config.unwrap_or_default();
        let named = match config.get("chat_template") {
            None | Some(Json::Null) => None,
            Some(Json::String(template)) => Some(template.clone()),
            Some(Json::Array(list)) => named_template(list).map(str::to_owned),
            Some(_) => {
                return Err(refuse(
                    TOKENIZER_CONFIG,
                    "chat_template",
                    "is neither a text nor a list of them",
                ));
            },
        };
        let own = files.optional(CHAT_TEMPLATE)?.map(String::from_utf8).transpose();
        let own = own.map_err(|_| refuse(CHAT_TEMPLATE, "(document)", "is not UTF-8"))?;
        let (template, file) = match (own, named) {
            (Some(own), _) => (own, CHAT_TEMPLATE),
            (None, Some(named)) => (named, TOKENIZER_CONFIG),
            (None, None) => return Ok(None),
        };
        let mut tokens = BTreeMap::new();
        for (name, value) in &config {
            // A token is its text, or an object with it.
            let text = value.as_str().or_else(|| value.get("content")?.as_str());
            if let (true, Some(text)) = (name.ends_with("_token"), text) {
                tokens.insert(name.clone(), text.to_owned());
            }
        }
        Self::new(template, tokens)
            .map(Some)
            .map_err(|error| refuse(file, "chat_template", &error.to_string()))
    }

    /// The text of `messages`, special tokens included, and with `answer` the beginning of the assistant's next message.
    ///
    /// Texts that look like special tokens stay what they are and become such tokens: who lets strangers write messages has to
    /// see to that.
    pub fn render(&self, messages: &[ChatMessage], answer: bool) -> Result<String, ChatError> {
        let bytes: usize = messages
            .iter()
            .map(|message| message.role.len() + message.content.len())
            .sum();
        if bytes > MAX_TEXT {
            let what = "the conversation";
            return Err(ChatError::TooLong { what, limit: MAX_TEXT });
        }
        let renderer = thread::Builder::new().name("chat".into()).stack_size(STACK);
        thread::scope(|scope| {
            let running = renderer
                .spawn_scoped(scope, || self.run(messages, answer))
                .map_err(|error| ChatError::Failed(error.to_string()))?;
            // The template is foreign and its engine is large: a panic in it is one more way to fail.
            running
                .join()
                .unwrap_or_else(|_| Err(ChatError::Failed("the template engine panicked".into())))
        })
    }

    fn run(&self, messages: &[ChatMessage], answer: bool) -> Result<String, ChatError> {
        let source = without_generation_tags(&self.template);
        let environment = environment();
        let mut context: BTreeMap<&str, Value> = self
            .tokens
            .iter()
            .map(|(name, text)| (name.as_str(), text.into()))
            .collect();
        context.insert("messages", Value::from(Serde(messages)));
        context.insert("add_generation_prompt", answer.into());
        // Templates ask whether these are none, which what is missing is not.
        context.insert("tools", ().into());
        context.insert("documents", ().into());
        let template = environment
            .template_from_named_str("chat template", &source)
            .map_err(failed)?;
        let mut out = Bounded {
            bytes: Vec::new(),
            full: false,
        };
        let rendered = template.render_captured_to(Value::from(context), &mut out).map(drop);
        if out.full {
            let what = "the rendered conversation";
            return Err(ChatError::TooLong { what, limit: MAX_TEXT });
        }
        rendered.map_err(failed)?;
        String::from_utf8(out.bytes).map_err(|error| ChatError::Failed(error.to_string()))
    }
}

/// The template called `default`, or the only one.
fn named_template(list: &[Json]) -> Option<&str> {
    let called = |name: &str| {
        list.iter()
            .find(|entry| entry.get("name").and_then(Json::as_str) == Some(name))
    };
    let entry = called("default").or(if list.len() == 1 { list.first() } else { None })?;
    entry.get("template")?.as_str()
}

/// What Hugging Face gives a template: trimmed blocks, Python's methods, and three helpers.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
        Err(Error::new(ErrorKind::InvalidOperation, message).with_source(Raised))
    });
    environment.add_function("strftime_now", |format: String| now(&format));
    environment.add_filter("tojson", to_json);
    environment
}

/// Marks what a template raised itself.
#[derive(Debug, thiserror::Error)]
#[error("raised by the template")]
struct Raised;

fn failed(error: Error) -> ChatError {
    let said = || error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if inner.is::<Raised>() {
            return ChatError::Refused(said().chars().take(300).collect());
        }
        cause = inner.source();
    }
    if error.kind() == ErrorKind::OutOfFuel {
        return ChatError::Endless;
    }
    ChatError::Failed(error.to_string().chars().take(300).collect())
}

/// The time in UTC, written by C's `format`.
fn now(format: &str) -> Result<String, Error> {
    use std::fmt::Write;
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let time = chrono::DateTime::from_timestamp(since.as_secs() as i64, 0).unwrap_or_default();
    let mut out = String::new();
    // The format is the template's: what chrono does not know is an error here, and a panic in `to_string`.
    write!(out, "{}", time.format(format))
        .map_err(|_| Error::new(ErrorKind::InvalidOperation, "strftime_now: unknown format"))?;
    Ok(out)
}

/// JSON as Python's `json.dumps` writes it, without HTML's escapes.
fn to_json(value: &Value, options: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = options.get("indent")?;
    let refuse = |error: serde_json::Error| Error::new(ErrorKind::BadSerialization, error.to_string());
    let mut out = Vec::new();
    match indent {
        Some(indent) => {
            let spaces = vec![b' '; indent.min(16)];
            let formatter = serde_json::ser::PrettyFormatter::with_indent(&spaces);
            value
                .serialize(&mut serde_json::Serializer::with_formatter(&mut out, formatter))
                .map_err(refuse)?;
        },
        None => {
            value
                .serialize(&mut serde_json::Serializer::with_formatter(&mut out, Spaced))
                .map_err(refuse)?;
        },
    }
    String::from_utf8(out).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

/// One line, with a space after each comma and colon.
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            out.write_all(b", ")
        }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            out.write_all(b", ")
        }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }
}

/// Output that ends where it gets too long.
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_TEXT {
            self.full = true;
            return Err(io::Error::other("the output is too long"));
        }
        self.bytes.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The template with `{% generation %}` and its end, which mark what a trainer learns from and print nothing, as a condition that
/// holds: the tag is Hugging Face's own.
fn without_generation_tags(template: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(template.len()), template);
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        let Some(end) = tag.find("%}") else { break };
        let (tag, after) = tag.split_at(end + 2);
        out.push_str(before);
        let inner = &tag[2..tag.len() - 2];
        match inner.trim_matches(['-', '+']).trim() {
            "generation" => out.push_str(&tag.replace("generation", "if true")),
            "endgeneration" => out.push_str(&tag.replace("endgeneration", "endif")),
            _ => out.push_str(tag),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}
