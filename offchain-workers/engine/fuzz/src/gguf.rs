//! A GGUF file taken apart as far as its form goes, to be changed in one place and put together again.

/// A metadata entry: key, number of the type, and the bytes of the value.
#[derive(Clone)]
pub struct Entry {
    pub key: Vec<u8>,
    pub kind: u32,
    pub value: Vec<u8>,
}

/// A tensor as the header states it.
#[derive(Clone)]
pub struct Tensor {
    pub name: Vec<u8>,
    pub shape: Vec<u64>,
    pub number: u32,
    pub offset: u64,
}

/// A file in parts.
#[derive(Clone)]
pub struct Parts {
    pub version: u32,
    pub entries: Vec<Entry>,
    pub tensors: Vec<Tensor>,
    /// All that lies behind the header and its padding.
    pub data: Vec<u8>,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)
            .map(|bytes| bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u32::from(byte)))
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)
            .map(|bytes| bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte)))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.u64()?;
        self.take(length)
    }

    /// Passes over a value of type `kind`.
    fn value(&mut self, kind: u32) -> Option<()> {
        match kind {
            8 => drop(self.text()?),
            9 => {
                let (kind, count) = (self.u32()?, self.u64()?);
                if kind == 8 {
                    for _ in 0..count {
                        self.text()?;
                    }
                } else {
                    self.take(count.checked_mul(width(kind)?)?)?;
                }
            },
            _ => drop(self.take(width(kind)?)?),
        }
        Some(())
    }
}

fn width(kind: u32) -> Option<u64> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

impl Parts {
    /// The parts of `bytes`; `None` when they have not the form of a file.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        if reader.take(4)? != b"GGUF" {
            return None;
        }
        let version = reader.u32()?;
        let (tensor_count, entry_count) = (reader.u64()?, reader.u64()?);
        let mut entries = Vec::new();
        for _ in 0..entry_count {
            let (key, kind) = (reader.text()?.to_vec(), reader.u32()?);
            let before = reader.0;
            reader.value(kind)?;
            let value = before[..before.len() - reader.0.len()].to_vec();
            entries.push(Entry { key, kind, value });
        }
        let mut tensors = Vec::new();
        for _ in 0..tensor_count {
            let (name, dimensions) = (reader.text()?.to_vec(), reader.u32()?);
            let shape = (0..dimensions).map(|_| reader.u64()).collect::<Option<Vec<_>>>()?;
            let (number, offset) = (reader.u32()?, reader.u64()?);
            tensors.push(Tensor {
                name,
                shape,
                number,
                offset,
            });
        }
        let data = (bytes.len() - reader.0.len()).next_multiple_of(32);
        Some(Self {
            version,
            entries,
            tensors,
            data: bytes.get(data..).unwrap_or_default().to_vec(),
        })
    }

    /// The file.
    pub fn write(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        let text = |out: &mut Vec<u8>, text: &[u8]| {
            out.extend((text.len() as u64).to_le_bytes());
            out.extend(text);
        };
        out.extend(self.version.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.entries.len() as u64).to_le_bytes());
        for entry in &self.entries {
            text(&mut out, &entry.key);
            out.extend(entry.kind.to_le_bytes());
            out.extend(&entry.value);
        }
        for tensor in &self.tensors {
            text(&mut out, &tensor.name);
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            tensor.shape.iter().for_each(|size| out.extend(size.to_le_bytes()));
            out.extend(tensor.number.to_le_bytes());
            out.extend(tensor.offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(32), 0);
        out.extend(&self.data);
        out
    }
}
