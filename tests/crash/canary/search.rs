//! Looks for many values in much text at once.

use std::collections::HashMap;

use super::forms::{SHORTEST, forms};

/// How many bits of a hash tell at once that there is nothing.
const BITS: u32 = 16;

/// What is looked for.
pub(crate) struct Search {
    patterns: Vec<Pattern>,
    /// By their first bytes.
    begin: HashMap<u64, Vec<usize>>,
    maybe: Vec<bool>,
}

struct Pattern {
    text: Vec<u8>,
    form: &'static str,
    value: usize,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The number of the value.
    pub(crate) value: usize,
    pub(crate) form: &'static str,
    /// Where it begins.
    pub(crate) at: usize,
}

impl Search {
    /// For these values in all their forms.
    pub(crate) fn new<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let mut search = Self { patterns: Vec::new(), begin: HashMap::new(), maybe: vec![false; 1 << BITS] };
        for (value, text) in values.into_iter().enumerate() {
            for (form, text) in forms(text) {
                let first = window(text.as_bytes());
                search.maybe[bit(first)] = true;
                search.begin.entry(first).or_default().push(search.patterns.len());
                search.patterns.push(Pattern { text: text.into_bytes(), form, value });
            }
        }
        search
    }

    /// All that is there, each value and form once.
    pub(crate) fn find(&self, text: &[u8]) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        let mut seen = 0_u64;
        for (end, byte) in text.iter().enumerate() {
            seen = (seen << 8) | u64::from(*byte);
            if end + 1 < SHORTEST || !self.maybe[bit(seen)] {
                continue;
            }
            let at = end + 1 - SHORTEST;
            for pattern in self.begin.get(&seen).into_iter().flatten().map(|index| &self.patterns[*index]) {
                let known = |known: &Found| known.value == pattern.value && known.form == pattern.form;
                if text[at..].starts_with(&pattern.text) && !found.iter().any(known) {
                    found.push(Found { value: pattern.value, form: pattern.form, at });
                }
            }
        }
        found
    }
}

fn window(text: &[u8]) -> u64 {
    text.iter().take(SHORTEST).fold(0, |seen, byte| (seen << 8) | u64::from(*byte))
}

fn bit(window: u64) -> usize {
    usize::try_from(window.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - BITS)).expect("few bits")
}
