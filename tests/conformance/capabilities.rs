//! What each platform is able to do, tried: a table that README.md carries.

mod table;
mod trials;

use org_operator::domain::capability::{Capability, Support};
use org_operator::domain::fault::FaultKind;
use org_operator::platform::{AdminApi, Error};

use crate::subject::{Subject, VARIANTS, Variant};

/// What came of trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Works,
    Unsupported,
}

/// What was said before, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tried {
    said: Support,
    outcome: Outcome,
}

/// What a refusal is: [`FaultKind::Unsupported`], or a failure of the platform.
fn outcome<T>(result: Result<T, Error>) -> Option<T> {
    match result {
        Err(error) if error.kind == FaultKind::Unsupported => None,
        result => Some(result.unwrap()),
    }
}

/// Tries one capability twice, each time with a client that knows nothing yet, and then with one that does.
async fn tried(subject: &mut Subject, capability: Capability) -> Tried {
    subject.api = subject.restarted();
    let org = subject.organization(&format!("{capability:?}")).await;
    let inside = capability >= Capability::UserRead && capability != Capability::Projects;
    let support = |subject: &Subject| {
        let api: &dyn AdminApi = if inside { &*org.api } else { &*subject.api };
        api.capabilities().of(capability)
    };
    let said = support(subject);
    let mut outcomes = [Outcome::Unsupported; 2];
    for (attempt, outcome) in outcomes.iter_mut().enumerate() {
        if trials::works(subject, &org, capability, attempt).await {
            *outcome = Outcome::Works;
        }
        let expected = match outcome {
            Outcome::Works => Support::Supported,
            Outcome::Unsupported => Support::Unsupported,
        };
        assert_eq!(support(subject), expected, "{}: {capability:?} as found", subject.variant.label());
    }
    assert_eq!(outcomes[0], outcomes[1], "{}: {capability:?} stays as it is", subject.variant.label());
    Tried { said, outcome: outcomes[0] }
}

async fn column(variant: Variant) -> (String, Vec<Tried>) {
    let mut subject = Subject::start(variant).await;
    let mut cells = Vec::new();
    for capability in Capability::ALL {
        cells.push(tried(&mut subject, capability).await);
    }
    (variant.label(), cells)
}

/// What is Supported works, what is Unsupported says so, what is Unknown is known after one try; and README.md shows it.
#[tokio::test]
async fn are_as_they_say_and_as_the_readme_shows_them() {
    let columns = futures::future::join_all(VARIANTS.map(column)).await;
    table::check(&columns);
}
