//! Bytes that travel as hex.

use std::{fmt, str::FromStr};

use serde::{de, Deserialize, Deserializer, Serialize, Serializer};

/// Text that is no hex of the expected length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HexError(String);

fn decode(text: &str) -> Result<Vec<u8>, HexError> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|error| HexError(error.to_string()))
}

/// 32 bytes: a digest or an id. Written as 64 hex digits; `0x` in front is accepted when reading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Hash {
    type Err = HexError;
    fn from_str(text: &str) -> Result<Self, HexError> {
        let bytes = decode(text)?;
        let found = bytes.len();
        bytes
            .try_into()
            .map(Self)
            .map_err(|_| HexError(format!("expected 32 bytes, found {found}")))
    }
}

impl From<[u8; 32]> for Hash {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Bytes of any length, written as hex.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    // Whole inputs in a log line help nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode(&String::deserialize(deserializer)?)
            .map(Self)
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_reads_what_it_writes_and_refuses_other_lengths() {
        let hash = Hash([0xa5; 32]);
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(format!("0x{hash}").parse(), Ok(hash));
        assert_eq!(
            "a5a5".parse::<Hash>(),
            Err(HexError("expected 32 bytes, found 2".into()))
        );
        assert!("zz".parse::<Hash>().is_err());
    }

    #[test]
    fn bytes_travel_as_hex() {
        let text = serde_json::to_string(&Bytes(vec![0, 255, 16])).expect("serialises");
        assert_eq!(text, "\"00ff10\"");
        assert_eq!(
            serde_json::from_str::<Bytes>(&text).expect("parses"),
            Bytes(vec![0, 255, 16])
        );
        assert!(serde_json::from_str::<Bytes>("\"0\"").is_err());
    }
}
