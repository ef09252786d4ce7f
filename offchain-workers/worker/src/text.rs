//! Text of a growing list of tokens.

use crate::backend::Vocabulary;

/// Tokens after which an unfinished character is given out as it is: no character has more bytes than this.
const LONGEST_CHARACTER: usize = 8;

/// Gives out text as tokens arrive, in time linear in their number.
///
/// A token may hold part of a character, and a decoder may join tokens differently in context. Both are met by decoding a
/// short window twice, without and with the new tokens, and giving out what the second adds.
#[derive(Default)]
pub struct TextStream {
    tokens: Vec<u32>,
    // Tokens before `window` are context no longer; those before `given` have been given out.
    window: usize,
    given: usize,
}

impl TextStream {
    /// Adds `token` and returns the text that became complete, which may be empty.
    pub fn push(&mut self, token: u32, vocabulary: &dyn Vocabulary) -> String {
        self.tokens.push(token);
        let (Ok(before), Ok(after)) = (
            vocabulary.decode(self.tokens.get(self.window..self.given).unwrap_or_default()),
            vocabulary.decode(self.tokens.get(self.window..).unwrap_or_default()),
        ) else {
            return String::new();
        };
        let waiting = self.tokens.len() - self.given;
        if after.ends_with('\u{fffd}') && waiting < LONGEST_CHARACTER {
            return String::new();
        }
        let Some(added) = after.strip_prefix(before.as_str()) else {
            // The new token changed earlier text; wait for it to settle, but not for ever.
            if waiting < LONGEST_CHARACTER {
                return String::new();
            }
            self.window = self.given;
            self.given = self.tokens.len();
            return String::new();
        };
        self.window = self.given;
        self.given = self.tokens.len();
        added.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lantern_worker_protocol::ChatMessage;

    /// One token a byte.
    struct ByteTokens;

    impl Vocabulary for ByteTokens {
        fn encode(&self, text: &str) -> Result<Vec<u32>, String> {
            Ok(text.bytes().map(u32::from).collect())
        }
        fn encode_chat(&self, _: Vec<ChatMessage>) -> Result<Vec<u32>, String> {
            Err("bytes do not converse".into())
        }
        fn decode(&self, tokens: &[u32]) -> Result<String, String> {
            let bytes: Vec<u8> = tokens.iter().map(|token| *token as u8).collect();
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }

    #[test]
    fn pieces_join_to_the_text_and_never_split_a_character() {
        let text = "a “quoted” word, 灯 and 🏮.";
        let mut stream = TextStream::default();
        let mut joined = String::new();
        for byte in text.bytes() {
            let piece = stream.push(byte.into(), &ByteTokens);
            assert!(!piece.contains('\u{fffd}'), "{piece:?} splits a character");
            joined.push_str(&piece);
        }
        assert_eq!(joined, text);
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_stream() {
        let mut stream = TextStream::default();
        let mut joined = String::new();
        for byte in [0xffu8; 20].into_iter().chain(*b"end") {
            joined.push_str(&stream.push(byte.into(), &ByteTokens));
        }
        assert!(joined.ends_with("end"), "{joined:?}");
    }
}
