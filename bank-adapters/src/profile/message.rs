//! TOML text of a layout that is a message: which codec, and the bank's codes.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::parse::Faults;
use super::{
    AmountStyle, Doubt, Encoding, Fallback, KeyEcho, Kind, NatureWords, OwnBank, Profile,
    StatusWords, TextStyle, Use,
};
use crate::codec::Codec;

/// What tells a message from rows of cells.
#[derive(Deserialize)]
struct Probe {
    kind: Option<String>,
    codec: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: Spanned<String>,
    name: String,
    #[serde(default)]
    name_en: String,
    source: String,
    confidence: Spanned<String>,
    #[serde(default)]
    doubts: Vec<Doubt>,
    #[serde(rename = "use")]
    usage: Spanned<Use>,
    kind: Spanned<Kind>,
    codec: Codec,
    #[serde(default)]
    encoding: Encoding,
    file_name: Option<Spanned<String>>,
    lines_max: Option<Spanned<usize>>,
    answered_by: Option<String>,
    answer_days: Option<Spanned<u32>>,
    #[serde(default)]
    fallback: Fallback,
    amount: AmountStyle,
    /// Constants that the bank gives to each customer, empty until it has.
    #[serde(default)]
    values: BTreeMap<String, String>,
    #[serde(default)]
    codes: BTreeMap<String, String>,
    #[serde(default)]
    purpose_codes: BTreeMap<String, String>,
    #[serde(default)]
    nature: NatureWords,
    #[serde(default)]
    key: KeyEcho,
}

/// The profile of a message; `None` when the text is one of rows, or no TOML. The inner `None`
/// stands for faults.
pub(super) fn parse(text: &str, faults: &mut Faults<'_>) -> Option<Option<Profile>> {
    let probe: Probe = toml::from_str(text).ok()?;
    let is_message = matches!(probe.kind.as_deref(), Some("xml" | "tagged"));
    if !is_message && probe.codec.is_none() {
        return None;
    }
    let Some(raw) = faults.read::<Raw>() else {
        return Some(None);
    };
    Some(raw.check(faults).then(|| raw.finish()))
}

impl Raw {
    fn check(&self, faults: &mut Faults<'_>) -> bool {
        let before = faults.count();
        faults.id(&self.id);
        let id = self.id.span().start;
        faults.need(
            ["S", "S-", "I"].contains(&self.confidence.get_ref().as_str()),
            self.confidence.span().start,
            "confidence: S, S- or I",
        );
        let (kind, usage) = self.codec.nature();
        let start = self.kind.span().start;
        faults.need(
            kind == *self.kind.get_ref(),
            start,
            "kind: not that of the codec",
        );
        let start = self.usage.span().start;
        faults.need(
            usage == *self.usage.get_ref(),
            start,
            "use: not that of the codec",
        );
        if usage == Use::Batch {
            match &self.file_name {
                None => faults.add(id, "file_name is missing"),
                Some(name) => faults.file_name(name),
            }
            faults.need(self.lines_max.is_some(), id, "lines_max is missing");
        }
        if let Some(lines_max) = &self.lines_max {
            let holds = (1..=super::parse::MESSAGE_LINES_MAX).contains(lines_max.get_ref());
            faults.need(holds, lines_max.span().start, "lines_max: 1 to 50000");
        }
        faults.answer_days(self.answer_days.as_ref());
        let key = &self.key.pattern;
        let sound = key.contains('#') && !key.contains("##") && key.is_ascii();
        let rule = "key.pattern: ASCII with # for digits, never two # together";
        faults.need(sound, id, rule);
        for text in self
            .codes
            .values()
            .chain(self.values.values())
            .chain(self.purpose_codes.values())
        {
            let sound = crate::encoding::control(text).is_none();
            faults.need(sound, id, "codes: no control characters");
        }
        faults.count() == before
    }

    fn finish(self) -> Profile {
        let values: Vec<String> = self.values.keys().cloned().collect();
        let mut codes = self.codes;
        let given = self.values.into_iter();
        codes.extend(given.filter(|(_, value)| !value.is_empty()));
        let most = super::parse::MESSAGE_LINES_MAX;
        Profile {
            id: self.id.into_inner(),
            name: self.name,
            name_en: self.name_en,
            source: self.source,
            confidence: self.confidence.into_inner(),
            doubts: self.doubts,
            usage: self.usage.into_inner(),
            kind: self.kind.into_inner(),
            encoding: self.encoding,
            file_name: self.file_name.map(Spanned::into_inner).unwrap_or_default(),
            lines_max: self.lines_max.map_or(most, Spanned::into_inner),
            answered_by: self.answered_by,
            answer_days: super::parse::days(self.answer_days, super::ANSWER_DAYS_DEFAULT),
            fallback: self.fallback,
            absent: None,
            amount: self.amount,
            text: TextStyle {
                date_format: "%Y%m%d".to_owned(),
                ..TextStyle::default()
            },
            shapes: Vec::new(),
            own_bank: OwnBank::default(),
            values,
            totals: None,
            preamble: Vec::new(),
            status: StatusWords::default(),
            nature: self.nature,
            key: self.key,
            codec: Some(self.codec),
            codes,
            purpose_codes: self.purpose_codes,
        }
    }
}
