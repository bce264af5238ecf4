//! Model providers in OpenTelemetry's spelling.
//!
//! The same provider is `aws.bedrock` to the conventions, `aws_bedrock` to rig, `AwsBedrock` to Agno and `amazon-bedrock` to Vercel.
//! Letters and digits alone are compared; what is not in the table keeps its name, in lower case.

use super::field;
use super::reading::{Reading, Site};
use crate::model::Kind;

/// Providers whose API counts cached tokens beside the input tokens.
pub(super) const CLAUDE_HOSTS: &[&str] = &["anthropic", "aws.bedrock"];

/// Vercel's `ai.model.provider` is `vendor.api` with vendor names of its own.
const VERCEL: &str = "ai.model.provider";

/// Attributes that name a provider. `OpenInference` tells the host from the vendor; who is paid is the host.
const KEYS: &[&str] = &[field::PROVIDER, "gen_ai.system", HOST, VENDOR];
const HOST: &str = "llm.provider";
const VENDOR: &str = "llm.system";

/// Spellings, without separators and in lower case, and the conventions' values.
const SPELLINGS: &[(&str, &str)] = &[
    ("openai", "openai"),
    ("openairesponses", "openai"),
    ("openaichat", "openai"),
    ("anthropic", "anthropic"),
    ("cohere", "cohere"),
    ("deepseek", "deepseek"),
    ("groq", "groq"),
    ("perplexity", "perplexity"),
    ("aws", "aws.bedrock"),
    ("amazon", "aws.bedrock"),
    ("bedrock", "aws.bedrock"),
    ("awsbedrock", "aws.bedrock"),
    ("amazonbedrock", "aws.bedrock"),
    ("azure", "azure.ai.openai"),
    ("azureopenai", "azure.ai.openai"),
    ("azureaiopenai", "azure.ai.openai"),
    ("azaiopenai", "azure.ai.openai"),
    ("azureaiinference", "azure.ai.inference"),
    ("azaiinference", "azure.ai.inference"),
    ("vertexai", "gcp.vertex_ai"),
    ("gcpvertexai", "gcp.vertex_ai"),
    ("googlevertex", "gcp.vertex_ai"),
    ("gemini", "gcp.gemini"),
    ("gcpgemini", "gcp.gemini"),
    ("geminigrpc", "gcp.gemini"),
    ("googlegenerativeai", "gcp.gemini"),
    ("google", "gcp.gen_ai"),
    ("gcpgenai", "gcp.gen_ai"),
    ("mistral", "mistral_ai"),
    ("mistralai", "mistral_ai"),
    ("xai", "x_ai"),
    ("moonshot", "moonshot_ai"),
    ("moonshotai", "moonshot_ai"),
    ("watsonx", "ibm.watsonx.ai"),
    ("ibmwatsonxai", "ibm.watsonx.ai"),
    ("ibm", "ibm.watsonx.ai"),
    ("together", "together_ai"),
    ("togetherai", "together_ai"),
    ("huggingface", "hugging_face"),
    ("openrouter", "openrouter"),
    ("ollama", "ollama"),
];

/// Vercel's vendors where they mean something else or more than the same word elsewhere; the longer word first.
const VERCEL_VENDORS: &[(&str, &str)] = &[
    ("google.vertex", "gcp.vertex_ai"),
    ("google.generative-ai", "gcp.gemini"),
    ("google", "gcp.gemini"),
    ("amazon-bedrock", "aws.bedrock"),
    ("azure-openai", "azure.ai.openai"),
    ("azure", "azure.ai.inference"),
];

/// The span's provider. The name as recorded stays in the attributes.
///
/// `OpenInference`'s instrumentors may write OpenTelemetry's name as well; where they do not know the host, it is the vendor's. A name
/// that only repeats the vendor's gives way to the host, unless that is Google at large. A model's call that names none is its
/// framework's client for one provider, where the profile knows it.
pub(super) fn read(reading: &Reading<'_>, site: &Site<'_>, kind: Kind) -> Option<String> {
    if let Some(name) = reading.text(KEYS) {
        let name = canonical(&name);
        let vendor = reading.text(&[VENDOR]).map(|vendor| canonical(&vendor));
        let host = reading.text(&[HOST]).filter(|_| vendor.as_ref() == Some(&name)).map(|host| canonical(&host));
        return host.filter(|host| host != "gcp.gen_ai").or(Some(name));
    }
    let Some(name) = reading.text(&[VERCEL]) else {
        return site.profile.filter(|_| kind.is_model_call())?.provider_of(site.target).map(canonical);
    };
    let is =
        |vendor: &str| name.strip_prefix(vendor).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']));
    let known = VERCEL_VENDORS.iter().find_map(|(vendor, value)| is(vendor).then(|| (*value).to_owned()));
    known.or_else(|| Some(canonical(name.split('.').next()?)))
}

/// OpenTelemetry's spelling of a provider's name; an unknown one in lower case.
pub(crate) fn canonical(name: &str) -> String {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let known = SPELLINGS.iter().find_map(|(spelling, value)| (*spelling == letters).then_some(*value));
    known.map_or_else(|| name.trim().to_lowercase(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SpanId, SpanRecord, TraceId};
    use crate::semconv::Profiles;

    #[test]
    fn spellings_meet() {
        for (name, expected) in [
            ("OpenAI", "openai"),
            ("openai-responses", "openai"),
            ("azure.openai", "azure.ai.openai"),
            ("az.ai.openai", "azure.ai.openai"),
            ("aws_bedrock", "aws.bedrock"),
            ("AwsBedrock", "aws.bedrock"),
            ("MistralAI", "mistral_ai"),
            ("vertex_ai", "gcp.vertex_ai"),
            ("gcp.gemini", "gcp.gemini"),
            ("gemini-grpc", "gcp.gemini"),
            ("google", "gcp.gen_ai"),
            ("xai", "x_ai"),
            ("Moonshot", "moonshot_ai"),
            ("Watsonx", "ibm.watsonx.ai"),
            ("IBM", "ibm.watsonx.ai"),
            ("Hyperbolic", "hyperbolic"),
            ("模型", "模型"),
        ] {
            assert_eq!(canonical(name), expected, "{name}");
            assert_eq!(canonical(&canonical(name)), expected, "{name}, twice");
        }
    }

    #[test]
    fn vercel_names_vendor_and_api() {
        for (name, expected) in [
            ("openai.chat", "openai"),
            ("google.vertex.chat", "gcp.vertex_ai"),
            ("google.generative-ai", "gcp.gemini"),
            ("amazon-bedrock", "aws.bedrock"),
            ("azure-openai.chat", "azure.ai.openai"),
            ("googly.chat", "googly"),
        ] {
            let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]), "ai", 0);
            record.attributes.push(VERCEL, name);
            let (reading, profiles) = (Reading::new(&record.attributes), Profiles::default());
            assert_eq!(
                read(&reading, &Site::new(&record, &profiles), Kind::Model).as_deref(),
                Some(expected),
                "{name}"
            );
        }
    }
}
