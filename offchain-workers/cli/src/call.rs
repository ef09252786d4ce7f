//! Calls built by name and checked against the chain's metadata.
//!
//! Arguments are encoded by the types of `lantern-primitives` and placed where the metadata wants them. Each one is decoded
//! against the type in the metadata first, so that a chain whose calls have changed is refused instead of misunderstood.

use codec::Encode;
use subxt::{
    ext::{
        scale_decode::{visitor::decode_with_visitor, visitor::IgnoreVisitor},
        scale_encode::{EncodeAsFields, EncodeAsType, Error as EncodeError},
        scale_type_resolver::{FieldIter, TypeResolver},
    },
    transactions::StaticPayload,
};

/// An argument of a call.
#[derive(Clone, Debug)]
pub enum Arg {
    /// SCALE bytes of exactly the argument's type.
    Scale(Vec<u8>),
    /// An integer of any width, compact or not.
    Integer(u128),
}

/// Arguments by name.
#[derive(Clone, Debug, Default)]
pub struct Args(Vec<(&'static str, Arg)>);

/// A call that can be signed.
pub type Call = StaticPayload<Args>;

/// A call of `pallet` by name; arguments are added with [`Builder::arg`] and [`Builder::integer`].
pub fn call(pallet: &'static str, name: &'static str) -> Builder {
    Builder {
        pallet,
        name,
        args: Args::default(),
    }
}

/// A call in the making.
pub struct Builder {
    pallet: &'static str,
    name: &'static str,
    args: Args,
}

impl Builder {
    /// Adds an argument of exactly the type that the call takes.
    pub fn arg(mut self, name: &'static str, value: impl Encode) -> Self {
        self.args.0.push((name, Arg::Scale(value.encode())));
        self
    }

    /// Adds an integer, compact or not as the call takes it.
    pub fn integer(mut self, name: &'static str, value: u128) -> Self {
        self.args.0.push((name, Arg::Integer(value)));
        self
    }

    /// The call.
    pub fn build(self) -> Call {
        StaticPayload::new(self.pallet, self.name, self.args)
    }
}

impl EncodeAsFields for Args {
    fn encode_as_fields_to<R: TypeResolver>(
        &self,
        fields: &mut dyn FieldIter<'_, R::TypeId>,
        types: &R,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let mut taken = 0;
        for field in fields {
            let name = field.name.unwrap_or_default();
            let Some((_, arg)) = self.0.iter().find(|(known, _)| *known == name) else {
                return Err(EncodeError::custom_string(format!(
                    "the chain wants an argument `{name}`"
                )));
            };
            match arg {
                Arg::Integer(value) => value.encode_as_type_to(field.id, types, out)?,
                Arg::Scale(bytes) => {
                    let rest = &mut bytes.as_slice();
                    let fits = decode_with_visitor(rest, field.id, types, IgnoreVisitor::<R>::new()).is_ok();
                    if !fits || !rest.is_empty() {
                        return Err(EncodeError::custom_string(format!(
                            "the chain wants another type for `{name}`"
                        )));
                    }
                    out.extend_from_slice(bytes);
                },
            }
            taken += 1;
        }
        if taken == self.0.len() {
            Ok(())
        } else {
            Err(EncodeError::custom_str("the chain's call takes fewer arguments"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scale_info::{meta_type, PortableRegistry, Registry};
    use subxt::ext::scale_decode::Field;

    #[test]
    fn arguments_are_placed_by_name_and_checked_by_type() {
        let mut types = Registry::new();
        let compact = types.register_type(&meta_type::<codec::Compact<u128>>()).id;
        let bytes = types.register_type(&meta_type::<Vec<u8>>()).id;
        let registry = PortableRegistry::from(types);
        let fields = |names: [&'static str; 2]| {
            vec![Field::new(compact, Some(names[0])), Field::new(bytes, Some(names[1]))].into_iter()
        };
        let args = call("P", "c").arg("input", vec![1u8, 2]).integer("fee", 5).build();
        let encoded = args
            .call_data()
            .encode_as_fields(&mut fields(["fee", "input"]), &registry);
        assert_eq!(encoded.unwrap(), (codec::Compact(5u128), vec![1u8, 2]).encode());

        let renamed = args
            .call_data()
            .encode_as_fields(&mut fields(["fee", "content"]), &registry);
        assert!(renamed.unwrap_err().to_string().contains("`content`"));
        let retyped = call("P", "c").arg("input", [1u8, 2]).integer("fee", 5).build();
        let retyped = retyped
            .call_data()
            .encode_as_fields(&mut fields(["fee", "input"]), &registry);
        assert!(retyped.unwrap_err().to_string().contains("`input`"));
        let extra = call("P", "c")
            .arg("input", vec![1u8])
            .integer("fee", 5)
            .arg("x", 1u8)
            .build();
        assert!(extra
            .call_data()
            .encode_as_fields(&mut fields(["fee", "input"]), &registry)
            .is_err());
    }
}
