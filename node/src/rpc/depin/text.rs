//! What is turned into tokens.

use lantern_worker_protocol::ChatMessage;
use serde::{Deserialize, Serialize};

/// A text or a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TextOrMessages {
    /// A text, as it is.
    Text(String),
    /// A conversation, which the model's chat template turns into a text.
    Messages(Vec<ChatMessage>),
}

impl TextOrMessages {
    /// Bytes of text in it, with a few for what a template puts around each message.
    pub fn bytes(&self) -> usize {
        const AROUND: usize = 16;
        match self {
            Self::Text(text) => text.len(),
            Self::Messages(messages) => messages
                .iter()
                .map(|message| message.role.len() + message.content.len() + AROUND)
                .sum(),
        }
    }
}
