//! Organisations.

use org_operator::domain::capability::{Capability, Support};
use org_operator::domain::entity::{
    Kind, Lookup, NewOrganization, Organization, OrganizationChange, OrganizationRecord, TykSettings,
};
use org_operator::domain::fault::FaultKind;
use org_operator::platform::{AdminApi, Backend, Error};
use reqwest::Method;
use serde_json::Value;

use super::{able, everything, ids, refused};
use crate::subject::{Platform, Subject, mark};

async fn find(api: &dyn AdminApi, lookup: Lookup) -> Result<Vec<OrganizationRecord>, Error> {
    Backend::<Organization>::find(api, &(), &lookup).await
}

async fn update(api: &dyn AdminApi, id: &str, change: &OrganizationChange) -> Result<OrganizationRecord, Error> {
    Backend::<Organization>::update(api, &(), id, change).await
}

async fn delete(api: &dyn AdminApi, id: &str) -> Result<(), Error> {
    Backend::<Organization>::delete(api, &(), id).await.map(drop)
}

/// What finding by name needs: on a platform without such a call, a list.
fn by_name(subject: &Subject) -> Capability {
    match subject.variant.platform {
        Platform::Rockfish => Capability::OrganizationList,
        _ => Capability::OrganizationRead,
    }
}

/// It is found by its id, by its name and by its mark, and is what was asked for.
pub(crate) async fn are_found(subject: &Subject) {
    let api = &*subject.api;
    let org = subject.organization("Alpha").await;
    subject.organization("Beta").await;
    for (capability, lookup) in [
        (Capability::OrganizationRead, Lookup::Id(org.id.clone())),
        (by_name(subject), Lookup::Name("Alpha".to_owned())),
    ] {
        let Some(found) = able(api, capability, find(api, lookup).await) else { continue };
        assert_eq!(ids(&found), [&*org.id]);
        assert_eq!(found[0].name, "Alpha");
        assert_eq!(found[0].owner, api.marks(Kind::Organization).then(|| mark("Alpha")));
    }
    let marked = find(api, Lookup::Owner(mark("Alpha"))).await.unwrap();
    let expected = if api.marks(Kind::Organization) { vec![&*org.id] } else { Vec::new() };
    assert_eq!(ids(&marked), expected);
}

/// What is not there is found as nothing, before and after there is anything at all.
pub(crate) async fn that_are_absent_are_no_error(subject: &Subject) {
    let absent = |api| async move {
        let lookup = Lookup::Id(subject.absent_id(Kind::Organization));
        let by_id = able(api, Capability::OrganizationRead, find(api, lookup).await);
        let by_name = able(api, by_name(subject), find(api, Lookup::Name("Nobody".to_owned())).await);
        assert!(by_id.into_iter().chain(by_name).all(|found| found.is_empty()));
        // A mark is no beginning of another.
        for mark in ["Nobody", "Alph"].map(mark) {
            assert_eq!(find(api, Lookup::Owner(mark)).await.unwrap(), []);
        }
    };
    // A server whose calls are not documented has to show something before its 404 means that nothing is there.
    if subject.variant.platform != Platform::Rockfish {
        absent(&*subject.api).await;
    }
    let org = subject.organization("Alpha").await;
    let _ = find(&*subject.api, Lookup::Id(org.id.clone())).await;
    absent(&*subject.api).await;
    assert_eq!(subject.organizations_called("Alpha").await, 1);
}

/// All are listed, whoever made them.
pub(crate) async fn are_listed(subject: &Subject) {
    let api = &*subject.api;
    let mut made = Vec::new();
    for word in ["Alpha", "Beta", "Gamma"] {
        made.push(subject.organization(word).await.id);
    }
    made.push(subject.elsewhere("Delta").await);
    let Some(mut all) = able(api, Capability::OrganizationList, everything::<Organization, _>(api, &()).await) else {
        return;
    };
    all.sort_by(|one, other| one.name.cmp(&other.name));
    made.rotate_right(1);
    made.swap(0, 1);
    made.swap(1, 2);
    let named: Vec<_> = all.iter().map(|record| (&*record.name, &*record.id)).collect();
    let [alpha, beta, delta, gamma] = [&made[0], &made[1], &made[2], &made[3]];
    assert_eq!(named, [("Alpha", &**alpha), ("Beta", &**beta), ("Delta", &**delta), ("Gamma", &**gamma)]);
}

/// What is there is not made again: by its mark it is the first, and to everybody else the name is taken where names
/// are not shared.
pub(crate) async fn are_made_once(subject: &Subject) {
    let api = &*subject.api;
    let org = subject.organization("Alpha").await;
    assert_eq!(subject.organizations_called("Alpha").await, 1);
    let again = subject.create(subject.new_organization("Alpha")).await;
    let stranger = NewOrganization {
        owner: mark("stranger"),
        idempotency_key: "stranger".to_owned(),
        ..subject.new_organization("Alpha")
    };
    match subject.variant.platform {
        Platform::Embedded | Platform::Tyk => {
            assert_eq!(again.unwrap().record.id, org.id);
            refused(subject.create(stranger).await, FaultKind::AlreadyExists);
        }
        Platform::Rockit => {
            refused(again, FaultKind::AlreadyExists);
            refused(subject.create(stranger).await, FaultKind::AlreadyExists);
        }
        // Nothing is unique there, and nothing tells whose one is: whoever asks twice gets two.
        Platform::Rockfish => {
            assert_ne!(again.unwrap().record.id, org.id);
            assert_eq!(subject.organizations_called("Alpha").await, 2);
            return;
        }
    }
    assert_eq!(subject.organizations_called("Alpha").await, 1);
    let other = subject.organization("alpha").await;
    assert_ne!(other.id, org.id, "names differ in the case of their letters");
    assert_eq!(api.id_of_name(Kind::Organization, "Alpha").unwrap_or(org.id.clone()), org.id);
}

/// A change that the platform can make.
fn change(subject: &Subject) -> OrganizationChange {
    let tyk =
        TykSettings { cname: Some("portal.example.org".to_owned()), sso_enabled: Some(true), ..TykSettings::default() };
    match subject.variant.platform {
        Platform::Tyk => OrganizationChange { tyk, ..OrganizationChange::default() },
        _ => OrganizationChange { display_name: Some("Alpha & Söhne".to_owned()), ..OrganizationChange::default() },
    }
}

/// A change is there afterwards, and what it does not name is as it was.
pub(crate) async fn are_changed_only_as_asked(subject: &Subject) {
    let api = &*subject.api;
    let id = subject.elsewhere("Alpha").await;
    let before = document(subject, &id).await;
    let change = change(subject);
    let Some(changed) = able(api, Capability::OrganizationUpdate, update(api, &id, &change).await) else {
        assert_eq!(document(subject, &id).await, before);
        return;
    };
    subject.settle();
    let found = find(api, Lookup::Id(id.clone())).await.unwrap();
    assert_eq!(found, std::slice::from_ref(&changed));
    assert_eq!((&*changed.name, changed.owner.as_deref()), ("Alpha", None));
    if subject.variant.platform == Platform::Tyk {
        assert_eq!(changed.tyk.cname, change.tyk.cname);
        let mut after = document(subject, &id).await;
        for name in ["cname", "sso_enabled"] {
            assert!(after.as_object_mut().unwrap().remove(name).is_some(), "{name}");
        }
        assert_eq!(after, before, "what nobody named");
    } else {
        assert_eq!(changed.display_name, change.display_name);
    }
    let nothing = update(api, &id, &OrganizationChange::default()).await.unwrap();
    assert_eq!(nothing, changed);
    let absent = subject.absent_id(Kind::Organization);
    refused(update(api, &absent, &change).await, FaultKind::NotFound);
}

/// The organisation as the vendor's own clients see it, where there are such.
async fn document(subject: &Subject, id: &str) -> Value {
    match subject.variant.platform {
        Platform::Tyk => subject.send(Method::GET, &format!("/admin/organisations/{id}"), Value::Null).await.1,
        _ => format!("{:?}", subject.directory.organization(id).await.unwrap()).into(),
    }
}

/// One that another client made is nobody's; the mark is set and taken off, and nothing else of it changes.
pub(crate) async fn are_adopted_and_released(subject: &Subject) {
    let api = &*subject.api;
    let id = subject.elsewhere("Alpha").await;
    if let Some(found) = able(api, by_name(subject), find(api, Lookup::Name("Alpha".to_owned())).await) {
        assert_eq!((ids(&found), found[0].owner.as_deref()), (vec![&*id], None));
    }
    let mark_as = |owner: Option<String>| OrganizationChange { owner: Some(owner), ..OrganizationChange::default() };
    let before = document(subject, &id).await;
    let marked = update(api, &id, &mark_as(Some(mark("Alpha")))).await;
    let Some(marked) = able(api, Capability::OwnerMark, marked) else {
        // Taking off what was never there is no error, because everything that is let go is asked to.
        update(api, &id, &mark_as(None)).await.unwrap();
        return;
    };
    subject.settle();
    assert_eq!(marked.owner, Some(mark("Alpha")));
    assert_eq!(find(api, Lookup::Owner(mark("Alpha"))).await.unwrap(), [marked]);
    assert_eq!(update(api, &id, &mark_as(None)).await.unwrap().owner, None);
    subject.settle();
    assert_eq!(find(api, Lookup::Owner(mark("Alpha"))).await.unwrap(), []);
    assert_eq!(document(subject, &id).await, before);
}

/// One that is deleted is gone, however often that is asked, and the others stay.
pub(crate) async fn are_deleted_once_and_for_all(subject: &Subject) {
    let api = &*subject.api;
    let org = subject.organization("Alpha").await;
    subject.organization("Beta").await;
    let _ = find(api, Lookup::Id(org.id.clone())).await;
    let deleted = able(api, Capability::OrganizationDelete, delete(api, &org.id).await).is_some();
    assert_eq!(subject.organizations_called("Alpha").await, usize::from(!deleted));
    if deleted {
        delete(api, &org.id).await.unwrap();
        delete(api, &subject.absent_id(Kind::Organization)).await.unwrap();
        if api.capabilities().of(Capability::OrganizationRead) == Support::Supported {
            assert_eq!(find(api, Lookup::Id(org.id.clone())).await.unwrap(), []);
        }
        // The name is free again.
        let new = NewOrganization { idempotency_key: "second".to_owned(), ..subject.new_organization("Alpha") };
        let next = subject.create(new).await.unwrap();
        assert_eq!(next.record.id == org.id, api.id_of_name(Kind::Organization, "Alpha").is_some());
    }
    assert_eq!(subject.organizations_called("Beta").await, 1);
}
