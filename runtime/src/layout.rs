//! The layout of storage, pinned: what is stored where, under which hashers, and a digest of how it is encoded.
//!
//! A change of the list means that state written by the last runtime is read by this one in another way, which takes a
//! migration. With one, write the list anew: `LANTERN_WRITE_LAYOUT=1 cargo test -p lantern-runtime`.

#![allow(clippy::unwrap_used)] // A test that meets something unexpected is to end there.

use crate::Runtime;
use frame_support::__private::{
    metadata::{
        v14::{RuntimeMetadataV14, StorageEntryMetadata, StorageEntryType},
        RuntimeMetadata,
    },
    scale_info::{form::PortableForm, PortableRegistry, TypeDef},
};

const PINNED: &str = include_str!("../storage-layout.txt");
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/storage-layout.txt");

/// Calls are stored as bytes, whose meaning the call's own version guards; spelled out they would change with every new call.
const OPAQUE: [&str; 2] = ["RuntimeCall", "RuntimeEvent"];

fn metadata() -> RuntimeMetadataV14 {
    match Runtime::metadata().1 {
        RuntimeMetadata::V14(metadata) => metadata,
        _ => panic!("`metadata` is of version 14"),
    }
}

/// How a type is encoded, spelled out to its last field. A type within itself is its name.
fn spell(types: &PortableRegistry, id: u32, within: &mut Vec<u32>) -> String {
    let of = types.resolve(id).unwrap();
    let name = of.path.segments.last().cloned().unwrap_or_default();
    if within.contains(&id) || OPAQUE.contains(&name.as_str()) {
        return name;
    }
    within.push(id);
    let mut inner = |id: u32| spell(types, id, within);
    let spelled = match &of.type_def {
        TypeDef::Composite(composite) => {
            let fields: Vec<String> = composite.fields.iter().map(|field| inner(field.ty.id)).collect();
            format!("({})", fields.join(","))
        },
        TypeDef::Variant(variant) => {
            let variants = variant.variants.iter().map(|variant| {
                let fields: Vec<String> = variant.fields.iter().map(|field| inner(field.ty.id)).collect();
                format!("{}:{}({})", variant.index, variant.name, fields.join(","))
            });
            format!("<{}>", variants.collect::<Vec<_>>().join("|"))
        },
        TypeDef::Sequence(sequence) => format!("[{}]", inner(sequence.type_param.id)),
        TypeDef::Array(array) => format!("[{};{}]", inner(array.type_param.id), array.len),
        TypeDef::Tuple(tuple) => {
            let fields: Vec<String> = tuple.fields.iter().map(|field| inner(field.id)).collect();
            format!("({})", fields.join(","))
        },
        TypeDef::Primitive(primitive) => format!("{primitive:?}"),
        TypeDef::Compact(compact) => format!("compact {}", inner(compact.type_param.id)),
        TypeDef::BitSequence(bits) => format!(
            "bits {} {}",
            inner(bits.bit_store_type.id),
            inner(bits.bit_order_type.id)
        ),
    };
    within.pop();
    spelled
}

/// One entry: name, hashers of its keys, and digests of keys and value.
fn line(types: &PortableRegistry, pallet: &str, entry: &StorageEntryMetadata<PortableForm>) -> String {
    let digest = |id: u32| {
        let spelled = spell(types, id, &mut Vec::new());
        sp_core::hexdisplay::HexDisplay::from(&&sp_io::hashing::blake2_256(spelled.as_bytes())[..6]).to_string()
    };
    let what = match &entry.ty {
        StorageEntryType::Plain(value) => format!("value {}", digest(value.id)),
        StorageEntryType::Map { hashers, key, value } => {
            format!("map {hashers:?} {} -> {}", digest(key.id), digest(value.id))
        },
    };
    format!("{pallet}.{} {:?} {what}", entry.name, entry.modifier)
}

fn layout() -> String {
    let metadata = metadata();
    let mut lines = Vec::new();
    for pallet in &metadata.pallets {
        let Some(storage) = &pallet.storage else { continue };
        // The prefix is where a pallet's entries lie; it follows the pallet's name.
        assert_eq!(storage.prefix, pallet.name);
        lines.extend(
            storage
                .entries
                .iter()
                .map(|entry| line(&metadata.types, &pallet.name, entry)),
        );
    }
    lines.sort();
    lines.join("\n") + "\n"
}

#[test]
fn storage_is_laid_out_as_pinned() {
    let found = layout();
    if std::env::var_os("LANTERN_WRITE_LAYOUT").is_some() {
        std::fs::write(FILE, &found).unwrap();
        return;
    }
    let missing: Vec<&str> = PINNED
        .lines()
        .filter(|line| !found.lines().any(|found| found == *line))
        .collect();
    let new: Vec<&str> = found
        .lines()
        .filter(|line| !PINNED.lines().any(|pinned| pinned == *line))
        .collect();
    assert!(
        missing.is_empty() && new.is_empty(),
        "the layout of storage has changed, which takes a migration (see runtime/src/layout.rs)\ngone: {missing:#?}\nnew: {new:#?}"
    );
}
