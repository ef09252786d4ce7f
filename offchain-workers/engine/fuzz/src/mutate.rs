//! Mutations that keep a file's outer form, so that most inputs get past the first check. Each takes and returns what libFuzzer's custom
//! mutators do: changes `data[..size]` in place and returns the new size, at most `max_size`. Every second mutation is libFuzzer's own.

use crate::{gguf::Parts, rng::Rng};
use libfuzzer_sys::fuzzer_mutate;
use serde_json::{json, Map, Value};

/// Numbers at the edges of types and of what a model may have.
const NUMBERS: [i64; 16] = [
    0,
    1,
    2,
    3,
    7,
    8,
    16,
    255,
    256,
    65_535,
    65_536,
    1 << 20,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    i64::MAX,
];

/// Mutates a JSON document.
pub fn json(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut rng = Rng::new(seed);
    if rng.below(2) == 0 {
        return fuzzer_mutate(data, size, max_size);
    }
    match document(&data[..size], &mut rng) {
        Some(bytes) => put(&bytes, data, size, max_size),
        None => fuzzer_mutate(data, size, max_size),
    }
}

/// Mutates a safetensors file: a length, a JSON header of that length, and the values.
pub fn safetensors(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut rng = Rng::new(seed);
    let split = data[..size].split_first_chunk::<8>().and_then(|(length, rest)| {
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        rest.split_at_checked(length)
    });
    match (rng.below(2), split) {
        (1, Some((header, values))) => {
            let (mut header, mut values) = (header.to_vec(), values.to_vec());
            if rng.below(4) == 0 {
                special_float(&mut values, &mut rng);
            } else if let Some(changed) = document(&header, &mut rng) {
                header = changed;
            }
            let bytes = [&(header.len() as u64).to_le_bytes()[..], &header, &values].concat();
            put(&bytes, data, size, max_size)
        },
        _ => fuzzer_mutate(data, size, max_size),
    }
}

/// Mutates a stream of one frame, or a frame's content.
pub fn frame(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut rng = Rng::new(seed);
    let framed = data[..size]
        .split_first_chunk::<4>()
        .filter(|(length, rest)| u32::from_be_bytes(**length) as usize == rest.len())
        .map(|(_, rest)| rest.to_vec());
    match (rng.below(2), framed) {
        (1, Some(content)) => match document(&content, &mut rng) {
            Some(content) => {
                let bytes = [&(content.len() as u32).to_be_bytes()[..], &content].concat();
                put(&bytes, data, size, max_size)
            },
            None => fuzzer_mutate(data, size, max_size),
        },
        (1, None) => json(data, size, max_size, seed ^ 1),
        _ => fuzzer_mutate(data, size, max_size),
    }
}

/// Mutates a GGUF file.
pub fn gguf(data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut rng = Rng::new(seed);
    let parts = if rng.below(2) == 0 {
        None
    } else {
        Parts::read(&data[..size])
    };
    let Some(mut parts) = parts else {
        return fuzzer_mutate(data, size, max_size);
    };
    match rng.below(8) {
        0..=3 => entry(&mut parts, &mut rng),
        4..=6 => tensor(&mut parts, &mut rng),
        _ => special_float(&mut parts.data, &mut rng),
    }
    put(&parts.write(), data, size, max_size)
}

/// Writes `bytes` to `data`, or mutates what is there when they are too long.
fn put(bytes: &[u8], data: &mut [u8], size: usize, max_size: usize) -> usize {
    match data.get_mut(..bytes.len()) {
        Some(place) if bytes.len() <= max_size => {
            place.copy_from_slice(bytes);
            bytes.len()
        },
        _ => fuzzer_mutate(data, size, max_size),
    }
}

/// `bytes` after libFuzzer's own mutation.
fn plain(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let most = bytes.len() + 16;
    out.resize(most, 0);
    let size = fuzzer_mutate(&mut out, bytes.len(), most);
    out.truncate(size);
    out
}

/// Puts a value that is none, or at the edge of its type, into a file of floats.
fn special_float(bytes: &mut [u8], rng: &mut Rng) {
    let special = *rng.pick(&[
        f32::NAN,
        f32::INFINITY,
        f32::MAX,
        f32::MIN_POSITIVE,
        1e-45,
        -0.0,
        32_768.0,
        1.0,
    ]);
    if let Some(last) = bytes.len().checked_sub(4) {
        let at = rng.below(last / 4 + 1) * 4;
        bytes[at..at + 4].copy_from_slice(&special.to_le_bytes());
    }
}

/// A JSON document with one of its values changed.
fn document(bytes: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(bytes).ok()?;
    let count = values(&document);
    let donor = nth(&mut document, &mut rng.below(count)).cloned();
    let target = nth(&mut document, &mut rng.below(count))?;
    change(target, donor, rng);
    serde_json::to_vec(&document).ok()
}

/// Number of values in `value`, itself included.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(values).sum(),
        Value::Object(map) => map.values().map(values).sum(),
        _ => 0,
    }
}

/// The value that is `left` places behind `value` in the order of the text.
fn nth<'a>(value: &'a mut Value, left: &mut usize) -> Option<&'a mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(list) => list.iter_mut().find_map(|one| nth(one, left)),
        Value::Object(map) => map.values_mut().find_map(|one| nth(one, left)),
        _ => None,
    }
}

/// Changes `target`; `donor` is some value of the same document.
fn change(target: &mut Value, donor: Option<Value>, rng: &mut Rng) {
    match (rng.below(8), &mut *target) {
        (0, _) => *target = (*rng.pick(&NUMBERS)).into(),
        (1, _) => {
            let others = [
                Value::Null,
                true.into(),
                false.into(),
                "".into(),
                json!([]),
                json!({}),
                1e-9.into(),
                (-1).into(),
            ];
            *target = rng.pick(&others).clone();
        },
        (2, _) => *target = donor.unwrap_or_default(),
        (3, _) => nest(target, donor, rng),
        (_, Value::Array(list)) => in_list(list, donor, rng),
        (_, Value::Object(map)) => in_map(map, donor, rng),
        (_, Value::String(text)) => *text = String::from_utf8_lossy(&plain(text.as_bytes())).into_owned(),
        (_, Value::Number(number)) => {
            let near = number.as_i64().unwrap_or(0).wrapping_add(rng.below(3) as i64 - 1);
            *target = near.into();
        },
        _ => *target = donor.unwrap_or_default(),
    }
}

/// Puts `target` inside itself: in as many arrays as a seed says, or inside the first array of a value like it.
fn nest(target: &mut Value, donor: Option<Value>, rng: &mut Rng) {
    for _ in 0..=rng.below(12) {
        let inner = target.take();
        *target = match &donor {
            Some(Value::Object(map)) => {
                let mut around = map.clone();
                let list = around.values_mut().find_map(Value::as_array_mut);
                match list {
                    Some(list) => list.push(inner),
                    None => drop(around.insert("type".into(), inner)),
                }
                Value::Object(around)
            },
            _ => Value::Array(vec![inner]),
        };
    }
}

fn in_list(list: &mut Vec<Value>, donor: Option<Value>, rng: &mut Rng) {
    let at = rng.below(list.len().max(1));
    match rng.below(4) {
        0 if !list.is_empty() => drop(list.remove(at)),
        1 if !list.is_empty() => {
            let twice = list[at].clone();
            for _ in 0..=rng.below(20) {
                list.push(twice.clone());
            }
        },
        2 if !list.is_empty() => {
            let other = rng.below(list.len());
            list.swap(at, other);
        },
        _ => list.push(donor.unwrap_or_default()),
    }
}

fn in_map(map: &mut Map<String, Value>, donor: Option<Value>, rng: &mut Rng) {
    let key = map.keys().nth(rng.below(map.len().max(1))).cloned().unwrap_or_default();
    match rng.below(4) {
        0 => drop(map.remove(&key)),
        1 => {
            let name = String::from_utf8_lossy(&plain(key.as_bytes())).into_owned();
            let value = map.remove(&key).unwrap_or_default();
            map.insert(name, value);
        },
        _ => drop(map.insert(key, donor.unwrap_or_default())),
    }
}

fn entry(parts: &mut Parts, rng: &mut Rng) {
    if parts.entries.is_empty() {
        return;
    }
    let at = rng.below(parts.entries.len());
    let other = parts.entries[rng.below(parts.entries.len())].clone();
    let entry = &mut parts.entries[at];
    match rng.below(7) {
        0 => drop(parts.entries.remove(at)),
        1 => parts.entries.push(other),
        2 => (entry.kind, entry.value) = (other.kind, other.value),
        3 => entry.key = plain(&entry.key),
        4 => {
            let number = *rng.pick(&NUMBERS);
            (entry.kind, entry.value) = (4, (number as u32).to_le_bytes().to_vec());
        },
        5 => {
            let number = *rng.pick(&[0f32, -1.0, 0.5, 1e-30, 1e30, f32::NAN, f32::INFINITY, 2.0, 10_000.0]);
            (entry.kind, entry.value) = (6, number.to_le_bytes().to_vec());
        },
        _ => {
            // Text and arrays begin with their length: keep it right for text, as most changes should get past it.
            if entry.kind == 8 && entry.value.len() >= 8 {
                let text = plain(&entry.value[8..]);
                entry.value = [&(text.len() as u64).to_le_bytes()[..], &text].concat();
            } else {
                entry.value = plain(&entry.value);
            }
        },
    }
}

fn tensor(parts: &mut Parts, rng: &mut Rng) {
    if parts.tensors.is_empty() {
        return;
    }
    let at = rng.below(parts.tensors.len());
    let other = parts.tensors[rng.below(parts.tensors.len())].clone();
    let number = *rng.pick(&NUMBERS) as u64;
    let tensor = &mut parts.tensors[at];
    match rng.below(8) {
        0 => drop(parts.tensors.remove(at)),
        1 => parts.tensors.push(other),
        2 => {
            tensor.name = if rng.below(2) == 0 {
                other.name
            } else {
                plain(&tensor.name)
            }
        },
        3 => tensor.number = *rng.pick(&[0, 1, 8, 30, 2, 12, 39]),
        4 => {
            tensor.offset = *rng.pick(&[
                number,
                number.wrapping_mul(32),
                other.offset,
                u64::MAX,
                tensor.offset.wrapping_add(32),
            ])
        },
        5 => tensor.shape = other.shape,
        6 => tensor.shape.push(number.min(2)),
        _ => {
            let size = rng.below(tensor.shape.len().max(1));
            if let Some(size) = tensor.shape.get_mut(size) {
                *size = number;
            }
        },
    }
}
