//! The walk over a message: names and values out and in, whatever the fields are.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::form::Form;

/// A message whose fields have names.
pub(in crate::wire) trait Message: Default {
    /// What is expected where one stands, for errors.
    const NAME: &'static str;

    fn write_fields<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error>;

    /// Reads the value of the field of this name; `false`, and nothing read, where there is no such field.
    fn read_field<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error>;
}

pub(super) fn write<T: Message, S: Serializer>(message: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    message.write_fields(&mut map)?;
    map.end()
}

pub(super) fn read<'de, T: Message, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct Fields<T>(PhantomData<T>);

    impl<'de, T: Message> Visitor<'de> for Fields<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an object that is {}", T::NAME)
        }

        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<T, M::Error> {
            let mut message = T::default();
            while let Some(Name(name)) = map.next_key()? {
                if !message.read_field(&name, &mut map)? {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            Ok(message)
        }
    }

    deserializer.deserialize_map(Fields(PhantomData))
}

/// A field's name, borrowed where the text has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// Writes a field, unless it has its default.
pub(super) fn write_field<F: Form<T>, T, M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    value: &T,
) -> Result<(), M::Error> {
    if F::is_default(value) { Ok(()) } else { write_always::<F, T, M>(map, name, value) }
}

/// Writes a field, also one that has its default.
pub(super) fn write_always<F: Form<T>, T, M: SerializeMap>(
    map: &mut M,
    name: &'static str,
    value: &T,
) -> Result<(), M::Error> {
    map.serialize_entry(name, &Written::<F, T>(value, PhantomData))
}

/// Reads a field; `null` is its default.
pub(super) fn read_value<'de, F: Form<T>, T: Default, M: MapAccess<'de>>(map: &mut M) -> Result<T, M::Error> {
    Ok(read_optional::<F, T, M>(map)?.unwrap_or_default())
}

/// Reads a field that may be `null`.
pub(super) fn read_optional<'de, F: Form<T>, T, M: MapAccess<'de>>(map: &mut M) -> Result<Option<T>, M::Error> {
    Ok(map.next_value::<Option<Read<F, T>>>()?.map(|read| read.0))
}

/// A value with the form in which serde is to write it.
pub(super) struct Written<'a, F, T>(pub(super) &'a T, pub(super) PhantomData<F>);

impl<F: Form<T>, T> Serialize for Written<'_, F, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        F::write(self.0, serializer)
    }
}

/// A value that serde has read in a form.
pub(super) struct Read<F, T>(pub(super) T, PhantomData<F>);

impl<'de, F: Form<T>, T> Deserialize<'de> for Read<F, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        F::read(deserializer).map(|value| Self(value, PhantomData))
    }
}
