//! The file of one quantised model: a head, and the memory of every matrix as the kernels want it.
//!
//! ```text
//! 0    8    magic
//! 8    32   layout: what this program makes of a given matrix, see [`layout`]
//! 40   32   model id
//! 72   8    length of the head, u64 LE
//! 80   32   BLAKE2b-256 of the 80 bytes before and of the head
//! 112       head: SCALE of `Head`
//!           zeros up to a multiple of 4096
//!           matrices in commitment order, fused as the kernels want them: weights, mantissas, exponents, row sums, biases, each
//!           followed by zeros up to a multiple of 64
//! ```
//!
//! A file is believed when its layout is this program's; the specification and the weights root in its head hash to the id that was
//! asked for; the tokenizer has the hash that the specification names; every piece of every matrix has its checksum from the head; and
//! the file has exactly the length that follows. It is read into memory of this process and checked there, not mapped: what was checked
//! is what is used, whatever happens to the file later.

use crate::{
    cpu::{matrix::Matrix, memory::SharedMut, pool::Pool},
    model::{
        config, quantise,
        tokenizer::Tokenizer,
        weights::{fused_shape, Walk, Weights},
        LoadError, LoadedModel,
    },
};
use codec::{Decode, DecodeAll, Encode};
use lantern_exact::{
    blake2_256,
    commit::{self, TensorKind, TensorSpec},
    fixed::FRAC,
    model::Vector,
    model_id, Hash, ModelId, ModelSpec,
};
use std::{
    fs::File,
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
};
use twox_hash::XxHash3_64;

const MAGIC: &[u8; 8] = b"LANTERN\x01";
/// Bytes before the head.
const FIXED: usize = 112;
/// Bytes that the digest of the head covers before it.
const COVERED: usize = 80;
/// Matrices begin at a multiple of this.
const PAGE: u64 = 4096;
/// Sections begin at a multiple of this.
const LINE: u64 = 64;
/// Bytes under one checksum.
const PIECE: usize = 1 << 20;
/// Largest head: a tokenizer of 256 MiB, and vectors and checksums with room to spare.
const MAX_HEAD: u64 = 1 << 30;

/// Everything but the matrices.
#[derive(Encode, Decode)]
pub(super) struct Head {
    spec: ModelSpec,
    weights_root: Hash,
    tokenizer: Vec<u8>,
    /// Fractional bits and values of every vector that is not a bias within a matrix.
    vectors: Vec<(u32, Vec<i32>)>,
    /// Of every piece of every section.
    checksums: Vec<u64>,
}

/// A model from a file.
pub(in crate::model) struct Stored {
    pub spec: ModelSpec,
    pub weights_root: Hash,
    pub tokenizer: Tokenizer,
    pub weights: Weights,
}

/// What this program makes of a small matrix. A program that quantises or packs in another way has another one, and so have machines
/// of another byte order.
pub(super) fn layout() -> Hash {
    let (outs, ins) = (37, 70);
    let mut matrix = Matrix::new(outs, ins);
    let (mut floats, mut row) = (vec![0f32; ins], vec![0i8; ins]);
    for out in 0..outs {
        for (index, value) in floats.iter_mut().enumerate() {
            *value = ((out * 131 + index * 17) % 251) as f32 / 7.0 - 17.0;
        }
        let scale = quantise::row(&floats, &mut row);
        matrix.set_row(out, &row, scale, (out as i32 - 9) * 1001);
    }
    let version = env!("CARGO_PKG_VERSION").as_bytes();
    let mut parts: Vec<&[u8]> = vec![b"lantern/layout/1", version];
    parts.extend(matrix.sections());
    blake2_256(&parts)
}

impl Head {
    /// The head of the file of `model`, whose `tokenizer.json` is `tokenizer`.
    pub fn of(model: &LoadedModel, tokenizer: Vec<u8>, pool: &Pool) -> Self {
        let mut pieces: Vec<&[u8]> = Vec::new();
        for matrix in model.weights.matrices() {
            for section in matrix.sections() {
                pieces.extend(section.chunks(PIECE));
            }
        }
        let mut checksums = vec![0u64; pieces.len()];
        let shared = SharedMut::new(&mut checksums[..]);
        pool.run(pieces.len(), &|index| {
            // SAFETY: each task has an element of its own.
            unsafe { shared.range(index, 1)[0] = XxHash3_64::oneshot(pieces[index]) };
        });
        let vectors = model.weights.vectors();
        Self {
            spec: *model.spec(),
            weights_root: model.weights_root(),
            tokenizer,
            vectors: vectors.into_iter().map(|vector| (vector.frac, vector.values)).collect(),
            checksums,
        }
    }

    /// Length of the file.
    pub fn file_bytes(&self, model: &LoadedModel) -> u64 {
        let matrices = model.weights.matrices();
        let sections = matrices.iter().flat_map(|matrix| matrix.sections());
        let data: u64 = sections
            .map(|section| (section.len() as u64).next_multiple_of(LINE))
            .sum();
        ((FIXED + self.encoded_size()) as u64).next_multiple_of(PAGE) + data
    }

    /// Writes the file of `model`.
    pub fn write(&self, model: &LoadedModel, out: &mut dyn Write) -> io::Result<()> {
        let head = self.encode();
        let mut fixed = Vec::with_capacity(FIXED);
        fixed.extend(MAGIC);
        fixed.extend(layout());
        fixed.extend(model.id());
        fixed.extend((head.len() as u64).to_le_bytes());
        fixed.extend(blake2_256(&[&fixed, &head]));
        out.write_all(&fixed)?;
        out.write_all(&head)?;
        pad(out, (FIXED + head.len()) as u64, PAGE)?;
        for matrix in model.weights.matrices() {
            for section in matrix.sections() {
                out.write_all(section)?;
                pad(out, section.len() as u64, LINE)?;
            }
        }
        Ok(())
    }
}

/// Writes zeros after `written` bytes up to a multiple of `unit`, at most [`PAGE`].
fn pad(out: &mut dyn Write, written: u64, unit: u64) -> io::Result<()> {
    let zeros = [0u8; PAGE as usize];
    out.write_all(&zeros[..(written.next_multiple_of(unit) - written) as usize])
}

/// Reads `out.len()` bytes from `offset` on, without a position that threads would share.
#[cfg(unix)]
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, out, offset)
}

#[cfg(not(unix))]
fn read_at(file: &File, out: &mut [u8], offset: u64) -> io::Result<()> {
    use io::{Read, Seek};
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut file = file;
    file.seek(io::SeekFrom::Start(offset))?;
    file.read_exact(out)
}

/// Reads and checks the model `id`. `Err` says what is wrong with the file.
pub(super) fn read(file: &File, id: &ModelId, pool: &Pool) -> Result<Stored, String> {
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let (head, data) = read_head(file, length, id)?;
    let Head {
        spec,
        weights_root,
        tokenizer,
        vectors,
        checksums,
    } = head;
    let mut reader = Reader {
        specs: commit::tensors(&spec).into_iter(),
        vectors: vectors.into_iter(),
        checksums: &checksums,
        file,
        offset: data,
        length,
        pool,
    };
    // A large tokenizer takes about as long as the weights.
    let (weights, tokenizer) = std::thread::scope(|scope| {
        let tokenizer = scope.spawn(move || Tokenizer::from_bytes("tokenizer.json", &tokenizer, spec.vocab));
        let weights = reader.weights(&spec).map_err(|error| match error {
            LoadError::Weights { reason, .. } => reason,
            error => error.to_string(),
        });
        (weights, tokenizer.join())
    });
    let weights = weights?;
    if reader.specs.len() + reader.vectors.len() + reader.checksums.len() > 0 || reader.offset != length {
        return Err("holds more than the model".into());
    }
    Ok(Stored {
        spec,
        weights_root,
        tokenizer: tokenizer
            .map_err(|_| "the tokenizer's reader panicked".to_owned())?
            .map_err(|error| error.to_string())?,
        weights,
    })
}

/// Reads and checks the head; returns it and where the matrices begin.
fn read_head(file: &File, length: u64, id: &ModelId) -> Result<(Head, u64), String> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => "is cut off".to_owned(),
        _ => error.to_string(),
    };
    let mut fixed = [0u8; FIXED];
    read_at(file, &mut fixed, 0).map_err(failed)?;
    if fixed[..8] != *MAGIC || fixed[8..40] != layout() || fixed[40..72] != *id {
        return Err("is of another model or another version of the program".into());
    }
    let mut bytes = [0u8; 8];
    bytes.copy_from_slice(&fixed[72..COVERED]);
    let head_bytes = u64::from_le_bytes(bytes);
    if head_bytes > MAX_HEAD || head_bytes > length.saturating_sub(FIXED as u64) {
        return Err("is cut off".into());
    }
    // The file is at least as long as the head; with the zeros behind it, reading fails where it is not.
    let data = (FIXED as u64 + head_bytes).next_multiple_of(PAGE);
    let mut head = vec![0u8; (data - FIXED as u64) as usize];
    read_at(file, &mut head, FIXED as u64).map_err(failed)?;
    let (head, zeros) = head.split_at(head_bytes as usize);
    if blake2_256(&[&fixed[..COVERED], head]) != fixed[COVERED..] || zeros.iter().any(|&byte| byte != 0) {
        return Err("has a damaged head".into());
    }
    let head: Head = DecodeAll::decode_all(&mut &*head).map_err(|error| error.to_string())?;
    config::validate(&head.spec, "head", &config::FIELDS).map_err(|error| error.to_string())?;
    if model_id(&head.spec, &head.weights_root) != *id || blake2_256(&[&head.tokenizer]) != head.spec.tokenizer_hash {
        return Err("does not hold the model that it names".into());
    }
    Ok((head, data))
}

/// Takes weights out of a file.
struct Reader<'a> {
    specs: std::vec::IntoIter<TensorSpec>,
    vectors: std::vec::IntoIter<(u32, Vec<i32>)>,
    checksums: &'a [u64],
    file: &'a File,
    /// Of the next section.
    offset: u64,
    length: u64,
    pool: &'a Pool,
}

fn refuse(reason: &str) -> LoadError {
    LoadError::Weights {
        file: String::new(),
        reason: reason.into(),
    }
}

impl Walk for Reader<'_> {
    fn vector(&mut self) -> Result<Vector, LoadError> {
        let spec = self.specs.next().filter(|spec| spec.kind == TensorKind::Vector);
        match (spec, self.vectors.next()) {
            (Some(spec), Some((frac, values)))
                if values.len() == spec.cols as usize
                    && (frac == FRAC as u32 || (!spec.name.ends_with("_bias") && frac <= 30)) =>
            {
                Ok(Vector { frac, values })
            },
            _ => Err(refuse("has other vectors than the model")),
        }
    }

    fn fused(&mut self, parts: usize, biased: bool) -> Result<Matrix, LoadError> {
        let (outs, ins) = fused_shape(self.specs.as_slice(), parts, biased);
        for _ in 0..parts * (1 + usize::from(biased)) {
            self.specs.next();
        }
        // Nothing is allocated for what the file does not hold.
        let sections = Matrix::section_bytes(outs, ins);
        let bytes: u64 = sections
            .iter()
            .map(|&bytes| (bytes as u64).next_multiple_of(LINE))
            .sum();
        let pieces: usize = sections.iter().map(|bytes| bytes.div_ceil(PIECE)).sum();
        if bytes > self.length.saturating_sub(self.offset) || pieces > self.checksums.len() {
            return Err(refuse("is cut off"));
        }
        let (checksums, rest) = self.checksums.split_at(pieces);
        self.checksums = rest;
        let mut matrix = Matrix::new(outs, ins);
        let mut plan = Vec::with_capacity(pieces);
        for (index, section) in matrix.sections_mut().into_iter().enumerate() {
            let mut offset = self.offset;
            self.offset += (section.len() as u64).next_multiple_of(LINE);
            for piece in section.chunks_mut(PIECE) {
                let next = offset + piece.len() as u64;
                // Weights are the first section.
                plan.push((piece.len(), SharedMut::new(piece), offset, index == 0));
                offset = next;
            }
        }
        let intact = AtomicBool::new(true);
        self.pool.run(plan.len(), &|index| {
            let (length, piece, offset, weights) = &plan[index];
            // SAFETY: each task has a piece of its own.
            let piece = unsafe { piece.range(0, *length) };
            let good = read_at(self.file, piece, *offset).is_ok()
                && XxHash3_64::oneshot(piece) == checksums[index]
                && !(*weights && piece.contains(&(i8::MIN as u8)));
            if !good {
                intact.store(false, Ordering::Relaxed);
            }
        });
        drop(plan);
        if intact.into_inner() && matrix.adopt() {
            Ok(matrix)
        } else {
            Err(refuse("has damaged weights"))
        }
    }
}
