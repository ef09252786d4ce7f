//! How text is cut into words before byte-level BPE: what a file calls `tokenizer.ggml.pre`, as the `tokenizer.json` of the models that
//! it stands for says it.

/// The parts of a `tokenizer.json` that a name stands for, and two habits of the models behind it.
pub(super) struct Split {
    pub normalizer: &'static str,
    pub pre_tokenizer: &'static str,
    /// A word that is a token is that token, whatever the merges make of it.
    pub ignore_merges: bool,
    /// Whether a text begins with the model's first token where the file does not say.
    pub add_bos: bool,
}

/// The cut called `name`; `None` for one that is not known to the letter.
pub(super) fn named(name: &str) -> Option<Split> {
    let plain = |pre_tokenizer| Split {
        normalizer: "null",
        pre_tokenizer,
        ignore_merges: false,
        add_bos: false,
    };
    match name {
        "llama3" | "llama-v3" | "llama-bpe" => Some(Split {
            ignore_merges: true,
            add_bos: true,
            ..plain(LLAMA3)
        }),
        "qwen2" => Some(Split {
            normalizer: r#"{"type":"NFC"}"#,
            ..plain(QWEN2)
        }),
        "smollm" => Some(plain(SMOLLM)),
        "gpt-2" => Some(plain(GPT2)),
        "default" => Some(plain(DEFAULT)),
        _ => None,
    }
}

const LLAMA3: &str = concat!(
    r#"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":""#,
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+",
    r"|\\s+(?!\\S)|\\s+",
    r#""},"behavior":"Isolated","invert":false},"#,
    r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}"#
);

/// As Llama 3, but digits one by one.
const QWEN2: &str = concat!(
    r#"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":""#,
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+",
    r"|\\s+(?!\\S)|\\s+",
    r#""},"behavior":"Isolated","invert":false},"#,
    r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}]}"#
);

const SMOLLM: &str = concat!(
    r#"{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},"#,
    r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}"#
);

const GPT2: &str = r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#;

/// llama.cpp's own, one expression after the other within the pieces of the one before.
const DEFAULT: &str = concat!(
    r#"{"type":"Sequence","pretokenizers":["#,
    r#"{"type":"Split","pattern":{"Regex":"[\\p{P}\\$\\+<=>\\^~\\|]+"},"behavior":"Isolated","invert":false},"#,
    r#"{"type":"Split","pattern":{"Regex":""#,
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)",
    r#""},"behavior":"Isolated","invert":false},"#,
    r#"{"type":"Split","pattern":{"Regex":"\\p{N}+"},"behavior":"Isolated","invert":false},"#,
    r#"{"type":"Split","pattern":{"Regex":"[0-9][0-9][0-9]"},"behavior":"Isolated","invert":false},"#,
    r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}"#
);
