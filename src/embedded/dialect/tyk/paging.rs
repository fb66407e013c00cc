//! Pages of a list.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use jiff::Timestamp;
use serde::Deserialize;

use crate::embedded::documents::Part;

/// How many a page has: the vendor's default.
const PAGE: u64 = 10;

#[derive(Deserialize)]
struct Asked {
    p: Option<String>,
}

/// The page that a request asks for; `None` for all in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page(Option<u64>);

impl Page {
    /// The part of the list that it is.
    pub(super) fn part(self, seen: Timestamp) -> Part {
        Part { seen, skip: self.0.map_or(0, |number| (number - 1).saturating_mul(PAGE)), limit: self.0.map(|_| PAGE) }
    }
}

/// How many pages that many make.
pub(super) fn pages(all: u64) -> u64 {
    all.div_ceil(PAGE)
}

impl<S: Sync> FromRequestParts<S> for Page {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let asked = Query::<Asked>::try_from_uri(&parts.uri).ok().and_then(|Query(asked)| asked.p);
        let number = asked.and_then(|number| number.parse().ok()).unwrap_or(1_i64);
        Ok(Self(u64::try_from(number).ok().filter(|number| *number > 0)))
    }
}
