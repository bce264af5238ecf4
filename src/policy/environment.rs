//! The variables by which OpenTelemetry's and `OpenInference`'s instrumentations are told to keep content out. Here they can only reduce:
//! what the program itself keeps out stays out, and one that is not set hides nothing.

use super::capture::Hidden;
use crate::error::{Error, ErrorKind};

const CAPTURE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
const MAX_IMAGE_LENGTH: &str = "OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH";

impl Hidden {
    /// Reads the variables; what cannot be understood is added to `errors`, and hides nothing.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>, errors: &mut Vec<Error>) -> Self {
        let text = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let mut wrong = |name: &str, text: &str, known: &str| {
            let message = format!("{name}={text:?} is none of {known}; the variable is ignored");
            errors.push(Error::new(ErrorKind::InvalidInput, message));
        };
        let mut hidden = Self::default();
        if let Some(text) = text(CAPTURE) {
            match text.to_ascii_lowercase().as_str() {
                // The older form has no word for where: it meant all that there was.
                "true" | "span_and_event" => {}
                "false" | "no_content" => hidden.all = true,
                "span_only" => hidden.in_events = true,
                "event_only" => hidden.on_spans = true,
                _ => wrong(CAPTURE, &text, "true, false, NO_CONTENT, SPAN_ONLY, EVENT_ONLY and SPAN_AND_EVENT"),
            }
        }
        for (names, place) in [
            (&["OPENINFERENCE_HIDE_INPUTS"][..], &mut hidden.inputs),
            (&["OPENINFERENCE_HIDE_OUTPUTS"], &mut hidden.outputs),
            (&["OPENINFERENCE_HIDE_INPUT_MESSAGES"], &mut hidden.input_messages),
            (&["OPENINFERENCE_HIDE_OUTPUT_MESSAGES"], &mut hidden.output_messages),
            (&["OPENINFERENCE_HIDE_INPUT_TEXT"], &mut hidden.input_text),
            (&["OPENINFERENCE_HIDE_OUTPUT_TEXT"], &mut hidden.output_text),
            (&["OPENINFERENCE_HIDE_INPUT_IMAGES"], &mut hidden.images),
            (&["OPENINFERENCE_HIDE_PROMPTS"], &mut hidden.prompts),
            (&["OPENINFERENCE_HIDE_CHOICES"], &mut hidden.choices),
            (&["OPENINFERENCE_HIDE_LLM_INVOCATION_PARAMETERS"], &mut hidden.invocation_parameters),
            (&["OPENINFERENCE_HIDE_LLM_TOOLS"], &mut hidden.tools),
            (
                &["OPENINFERENCE_HIDE_EMBEDDINGS_VECTORS", "OPENINFERENCE_HIDE_EMBEDDING_VECTORS"],
                &mut hidden.embedding_vectors,
            ),
            (&["OPENINFERENCE_HIDE_EMBEDDINGS_TEXT"], &mut hidden.embedding_text),
        ] {
            for name in names {
                match text(name).map(|text| (text.to_ascii_lowercase(), text)) {
                    None => {}
                    Some((word, _)) if word == "true" => *place = true,
                    Some((word, _)) if word == "false" => {}
                    Some((_, text)) => wrong(name, &text, "true and false"),
                }
            }
        }
        if let Some(text) = text(MAX_IMAGE_LENGTH) {
            hidden.max_image_length = text.parse().ok();
            if hidden.max_image_length.is_none() {
                wrong(MAX_IMAGE_LENGTH, &text, "the whole numbers");
            }
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> (Hidden, Vec<String>) {
        let mut errors = Vec::new();
        let variable =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let hidden = Hidden::read(variable, &mut errors);
        (hidden, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn opentelemetrys_switch_is_read_in_both_forms() {
        for (text, expected) in [
            ("true", Hidden::default()),
            ("SPAN_AND_EVENT", Hidden::default()),
            ("False", Hidden { all: true, ..Hidden::default() }),
            ("no_content", Hidden { all: true, ..Hidden::default() }),
            ("SPAN_ONLY", Hidden { in_events: true, ..Hidden::default() }),
            (" event_only ", Hidden { on_spans: true, ..Hidden::default() }),
            ("", Hidden::default()),
        ] {
            assert_eq!(read(&[(CAPTURE, text)]), (expected, vec![]), "{text}");
        }
        assert_eq!(read(&[]), (Hidden::default(), vec![]), "what is not set hides nothing");
    }

    #[test]
    fn openinferences_switches_are_read_each() {
        let (hidden, errors) = read(&[
            ("OPENINFERENCE_HIDE_INPUTS", "true"),
            ("OPENINFERENCE_HIDE_OUTPUTS", "FALSE"),
            ("OPENINFERENCE_HIDE_OUTPUT_TEXT", "True"),
            ("OPENINFERENCE_HIDE_EMBEDDING_VECTORS", "true"),
            ("OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", "32000"),
        ]);
        let expected = Hidden {
            inputs: true,
            output_text: true,
            embedding_vectors: true,
            max_image_length: Some(32_000),
            ..Hidden::default()
        };
        assert_eq!((hidden, errors), (expected, vec![]));
    }

    #[test]
    fn what_cannot_be_understood_is_told_and_hides_nothing() {
        let (hidden, errors) = read(&[
            (CAPTURE, "sometimes"),
            ("OPENINFERENCE_HIDE_INPUTS", "1"),
            ("OPENINFERENCE_BASE64_IMAGE_MAX_LENGTH", "long"),
        ]);
        assert_eq!(hidden, Hidden::default());
        let named = [CAPTURE, "OPENINFERENCE_HIDE_INPUTS", MAX_IMAGE_LENGTH];
        assert_eq!(errors.len(), named.len());
        for (error, name) in errors.iter().zip(named) {
            assert!(error.contains(name) && error.contains("ignored"), "{error}");
        }
    }
}
