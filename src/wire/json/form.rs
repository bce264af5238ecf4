//! How each type of field stands in JSON.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde::de::{Deserialize as _, Deserializer, Error, SeqAccess, Visitor};
use serde::ser::{Serialize as _, SerializeSeq as _, Serializer};

use super::message::{Message, Read, Written, read, write};

/// How a value of type `T` is written and read.
pub(super) trait Form<T> {
    /// Whether a field with this value is left out.
    fn is_default(value: &T) -> bool;
    fn write<S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error>;
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error>;
}

/// Text, and lists of texts.
pub(super) enum Text {}
/// A truth value.
pub(super) enum Truth {}
/// Bytes in hexadecimal: the ids.
pub(super) enum Hex {}
/// Bytes in base64.
pub(super) enum Base64 {}
/// A number of 32 bits: a number, also read as text.
pub(super) enum Number {}
/// A number of 64 bits: text, also read as a number.
pub(super) enum Wide {}
/// A float: a number, or text for what JSON has no number for.
pub(super) enum Float {}
/// A span's kind: a number, also read by its name.
pub(super) enum Kind {}
/// A status code: a number, also read by its name.
pub(super) enum Code {}
/// A message that may be absent.
pub(super) enum One {}
/// Messages in a list.
pub(super) enum Many {}

impl Form<String> for Text {
    fn is_default(value: &String) -> bool {
        value.is_empty()
    }

    fn write<S: Serializer>(value: &String, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
        String::deserialize(deserializer)
    }
}

impl Form<Vec<String>> for Text {
    fn is_default(value: &Vec<String>) -> bool {
        value.is_empty()
    }

    fn write<S: Serializer>(value: &Vec<String>, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize(serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        Vec::deserialize(deserializer)
    }
}

impl Form<bool> for Truth {
    fn is_default(value: &bool) -> bool {
        !value
    }

    fn write<S: Serializer>(value: &bool, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(*value)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
        bool::deserialize(deserializer)
    }
}

impl Form<Vec<u8>> for Hex {
    fn is_default(value: &Vec<u8>) -> bool {
        value.is_empty()
    }

    fn write<S: Serializer>(value: &Vec<u8>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Digits(value))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = read_text(deserializer)?;
        from_digits(&text).ok_or_else(|| Error::custom(format_args!("the id {text:?} is not hexadecimal")))
    }
}

/// Bytes that `Display` writes in hexadecimal.
struct Digits<'a>(&'a [u8]);

impl fmt::Display for Digits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn from_digits(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        u8::try_from(high? * 16 + low?).ok()
    };
    if rest.is_empty() { pairs.iter().map(byte).collect() } else { None }
}

/// Both of base64's alphabets, with padding or without: protobuf's JSON allows all of it.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const ANY_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const ANY_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

impl Form<Vec<u8>> for Base64 {
    fn is_default(value: &Vec<u8>) -> bool {
        value.is_empty()
    }

    fn write<S: Serializer>(value: &Vec<u8>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(value))
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = read_text(deserializer)?;
        ANY_STANDARD
            .decode(text.as_bytes())
            .or_else(|_| ANY_URL_SAFE.decode(text.as_bytes()))
            .map_err(|error| Error::custom(format_args!("bytes that are not base64: {error}")))
    }
}

macro_rules! numbers {
    ($($form:ident for $type:ty, written by |$value:ident, $serializer:ident| $write:expr;)+) => {
        $(impl Form<$type> for $form {
            fn is_default(value: &$type) -> bool {
                *value == 0
            }

            fn write<S: Serializer>($value: &$type, $serializer: S) -> Result<S::Ok, S::Error> {
                $write
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let number = deserializer.deserialize_any(Integer)?;
                <$type>::try_from(number)
                    .map_err(|_| Error::custom(format_args!("{number} is out of the field's range")))
            }
        })+
    };
}

numbers! {
    Number for u32, written by |value, serializer| serializer.serialize_u32(*value);
    Number for i32, written by |value, serializer| serializer.serialize_i32(*value);
    Wide for u64, written by |value, serializer| serializer.collect_str(value);
    Wide for i64, written by |value, serializer| serializer.collect_str(value);
}

/// An integer as a number, as text, or as a float without a fraction.
struct Integer;

impl Visitor<'_> for Integer {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an integer, as a number or as text")
    }

    fn visit_i64<E>(self, number: i64) -> Result<i128, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<i128, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<i128, E> {
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        if number.fract() == 0.0 && number.abs() < 1e30 {
            return Ok(number as i128);
        }
        Err(E::custom(format_args!("{number} is no integer")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<i128, E> {
        text.parse().map_err(|_| E::custom(format_args!("{text:?} is no integer")))
    }
}

impl Form<f64> for Float {
    fn is_default(value: &f64) -> bool {
        value.to_bits() == 0
    }

    fn write<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            value if value.is_finite() => serializer.serialize_f64(*value),
            value if value.is_nan() => serializer.serialize_str("NaN"),
            value if *value > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        struct Any;

        impl Visitor<'_> for Any {
            type Value = f64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
            }

            fn visit_f64<E>(self, number: f64) -> Result<f64, E> {
                Ok(number)
            }

            #[expect(clippy::cast_precision_loss, reason = "the nearest float is what the text says")]
            fn visit_i64<E>(self, number: i64) -> Result<f64, E> {
                Ok(number as f64)
            }

            #[expect(clippy::cast_precision_loss, reason = "the nearest float is what the text says")]
            fn visit_u64<E>(self, number: u64) -> Result<f64, E> {
                Ok(number as f64)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
                text.parse().map_err(|_| E::custom(format_args!("{text:?} is no float")))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

macro_rules! enums {
    ($($form:ident for $type:ty;)+) => {
        $(impl Form<i32> for $form {
            fn is_default(value: &i32) -> bool {
                *value == 0
            }

            fn write<S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_i32(*value)
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
                deserializer.deserialize_any(NumberOrName(|name| Some(<$type>::from_str_name(name)? as i32)))
            }
        })+
    };
}

enums! {
    Kind for SpanKind;
    Code for StatusCode;
}

/// An enum's number, any at all, or one of its names.
struct NumberOrName(fn(&str) -> Option<i32>);

impl Visitor<'_> for NumberOrName {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an enum's number or name")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i32, E> {
        i32::try_from(number).map_err(|_| E::custom(format_args!("{number} is no enum's number")))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i32, E> {
        i32::try_from(number).map_err(|_| E::custom(format_args!("{number} is no enum's number")))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<i32, E> {
        (self.0)(name).ok_or_else(|| E::custom(format_args!("{name:?} is no name of this enum")))
    }
}

impl<M: Message> Form<Option<M>> for One {
    fn is_default(value: &Option<M>) -> bool {
        value.is_none()
    }

    fn write<S: Serializer>(value: &Option<M>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(message) => write(message, serializer),
            None => serializer.serialize_unit(),
        }
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<M>, D::Error> {
        read(deserializer).map(Some)
    }
}

impl<M: Message> Form<M> for One {
    fn is_default(_: &M) -> bool {
        false
    }

    fn write<S: Serializer>(value: &M, serializer: S) -> Result<S::Ok, S::Error> {
        write(value, serializer)
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<M, D::Error> {
        read(deserializer)
    }
}

impl<M: Message> Form<Vec<M>> for Many {
    fn is_default(value: &Vec<M>) -> bool {
        value.is_empty()
    }

    fn write<S: Serializer>(value: &Vec<M>, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(value.len()))?;
        for message in value {
            list.serialize_element(&Written::<One, M>(message, PhantomData))?;
        }
        list.end()
    }

    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<M>, D::Error> {
        struct Items<M>(PhantomData<M>);

        impl<'de, M: Message> Visitor<'de> for Items<M> {
            type Value = Vec<M>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list in which each item is {}", M::NAME)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<M>, A::Error> {
                let mut messages = Vec::new();
                while let Some(item) = items.next_element::<Option<Read<One, M>>>()? {
                    messages.push(item.map(|item| item.0).unwrap_or_default());
                }
                Ok(messages)
            }
        }

        deserializer.deserialize_seq(Items(PhantomData))
    }
}

fn read_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    Cow::deserialize(deserializer)
}
