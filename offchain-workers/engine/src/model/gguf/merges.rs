//! The merges of a SentencePiece vocabulary.
//!
//! SentencePiece joins, of all neighbours whose text is a piece, those with the best piece, and has no list of merges. A merge for each way
//! to cut a piece in two pieces, the best piece first, makes the same choices, and is what Hugging Face's converter makes of such a
//! vocabulary. Two things would make them differ and are refused: pieces of equal score, between which SentencePiece takes the leftmost,
//! and a piece with a character that is no piece, which SentencePiece may join and a merge cannot name.

use super::tokenizer::{Kind, Token};
use std::collections::HashMap;

/// Longest piece in bytes: SentencePiece makes pieces of at most 16 characters where nobody asks for more. A bound on the ways to cut.
const MAX_PIECE: usize = 256;

/// At most `limit` pairs to join, the best first, or why there are none.
pub(super) fn derive<'a>(
    tokens: &[Token<'a>],
    scores: &[f32],
    limit: usize,
) -> Result<Vec<(&'a str, &'a str)>, String> {
    let pieces: HashMap<&str, f32> = tokens
        .iter()
        .zip(scores)
        .filter(|(token, _)| token.kind == Kind::Normal)
        .map(|(token, score)| (token.text, *score))
        .collect();
    let mut joined: Vec<(&'a str, f32)> = Vec::new();
    for (token, &score) in tokens.iter().zip(scores) {
        if token.kind != Kind::Normal || token.text.chars().nth(1).is_none() {
            continue;
        }
        if token.text.len() > MAX_PIECE {
            return Err(format!("piece {} is longer than {MAX_PIECE} bytes", token.id));
        }
        if !score.is_finite() {
            return Err(format!("the score of piece {} is not finite", token.id));
        }
        let mut letter = [0; 4];
        if token
            .text
            .chars()
            .any(|char| !pieces.contains_key(&*char.encode_utf8(&mut letter)))
        {
            return Err(format!("piece {} has a character that is no piece", token.id));
        }
        joined.push((token.text, score));
    }
    joined.sort_by(|a, b| b.1.total_cmp(&a.1));
    if let Some(tie) = joined.windows(2).find(|two| two[0].1 == two[1].1) {
        return Err(format!("pieces {:?} and {:?} have the same score", tie[0].0, tie[1].0));
    }
    let mut merges = Vec::new();
    for (text, _) in joined {
        // The longest left part first, as Hugging Face orders the cuts of one piece. They compete only where a piece overlaps itself.
        let cuts = text.char_indices().rev().map(|(at, _)| text.split_at(at));
        merges.extend(cuts.filter(|(left, right)| pieces.contains_key(left) && pieces.contains_key(right)));
        // A million pieces of 256 bytes would have more ways to be cut than memory holds.
        if merges.len() > limit {
            return Err(format!("make more than {limit} merges"));
        }
    }
    Ok(merges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(texts: &[&'static str]) -> Vec<Token<'static>> {
        let token = |(id, text): (usize, &&'static str)| Token {
            id: id as u32,
            text,
            kind: Kind::Normal,
        };
        texts.iter().enumerate().map(token).collect()
    }

    #[test]
    fn better_pieces_come_first_and_longer_left_parts_before_shorter() {
        let found = derive(
            &tokens(&["a", "b", "ab", "aba", "ba"]),
            &[-9.0, -8.0, -1.0, -2.0, -1.5],
            4,
        )
        .unwrap();
        assert_eq!(found, [("a", "b"), ("b", "a"), ("ab", "a"), ("a", "ba")]);
    }

    #[test]
    fn ambiguous_vocabularies_are_refused() {
        let refused = |texts: &[&'static str], scores: &[f32]| derive(&tokens(texts), scores, 1).unwrap_err();
        assert!(refused(&["a", "b", "ab", "ba"], &[0.0, 0.0, -1.0, -1.0]).contains("same score"));
        assert!(refused(&["a", "ab"], &[0.0, -1.0]).contains("no piece"));
        assert!(refused(&["a", "aa"], &[0.0, f32::NAN]).contains("not finite"));
        assert!(refused(&["a", "b", "ab", "aba"], &[0.0, 0.0, -1.0, -2.0]).contains("more than 1 merges"));
        let long: &'static str = "a".repeat(600).leak();
        assert!(refused(&["a", long], &[0.0, -1.0]).contains("longer"));
    }
}
