//! What every platform does, as far as its capabilities say: one function a case.

pub(crate) mod access;
pub(crate) mod hostile;
pub(crate) mod names;
pub(crate) mod organizations;
pub(crate) mod pages;
pub(crate) mod tokens;
pub(crate) mod users;

use std::collections::BTreeSet;

use org_operator::domain::capability::{Capability, Support};
use org_operator::domain::entity::{Entity, Record as _};
use org_operator::domain::fault::FaultKind;
use org_operator::platform::{AdminApi, Backend, Error};

/// What came of asking for what a platform may be unable to do; nothing where it says that it is. Either way its
/// capabilities say so by now.
#[track_caller]
pub(crate) fn able<T>(api: &dyn AdminApi, capability: Capability, result: Result<T, Error>) -> Option<T> {
    let support = api.capabilities().of(capability);
    match result {
        Ok(value) => {
            assert_eq!(support, Support::Supported, "{capability:?} works");
            Some(value)
        }
        Err(error) => {
            assert_eq!(
                (error.kind, support),
                (FaultKind::Unsupported, Support::Unsupported),
                "{capability:?}: {error:?}"
            );
            None
        }
    }
}

/// Refused as that.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Error>, kind: FaultKind) {
    match result {
        Ok(_) => panic!("was not refused"),
        Err(error) => assert_eq!(error.kind, kind, "{error:?}"),
    }
}

/// The ids of records.
pub(crate) fn ids<R: org_operator::domain::entity::Record>(records: &[R]) -> Vec<&str> {
    records.iter().map(R::id).collect()
}

/// All parts of a list. None repeats an object, and each but an empty last one goes on.
pub(crate) async fn everything<E: Entity, A: Backend<E> + ?Sized>(
    api: &A,
    scope: &E::Scope,
) -> Result<Vec<E::Record>, Error> {
    let (mut all, mut seen, mut from) = (Vec::new(), BTreeSet::new(), None);
    loop {
        let page = api.list(scope, from.as_deref()).await?;
        for record in page.records {
            assert!(seen.insert(record.id().to_owned()), "listed twice: {}", record.id());
            all.push(record);
        }
        match page.next {
            None => return Ok(all),
            next => from = next,
        }
    }
}
