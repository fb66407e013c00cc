//! What the suite makes, by the client: objects with all that a platform needs of one and nothing that it cannot take.

use std::sync::{Arc, LazyLock};

use org_operator::domain::entity::{Created, KeyPairValue};
use org_operator::domain::entity::{
    InOrganization, Kind, NewAdmin, NewOrganization, NewToken, NewUser, OfUser, Organization, OrganizationRecord,
    TykSettings, User, UserChange, UserRecord, UserType,
};
use org_operator::domain::key::{KeyEncoding, KeySize};
use org_operator::embedded::UserParticulars;
use org_operator::embedded::dialect::rockit::ROCKIT;
use org_operator::keys;
use org_operator::platform::{Account, AdminApi, Backend, Error};
use secrecy::{ExposeSecret as _, SecretString};

use super::{Platform, Subject};

/// The passphrase of the key pair.
pub(crate) const PASSPHRASE: &str = "examplePrivateKeyPassword";

/// Made once, because it takes a while: an encrypted private key, and its public half.
static KEY_PAIR: LazyLock<(SecretString, String)> = LazyLock::new(|| {
    let key = keys::generate(KeySize::Rsa2048).unwrap();
    let pair = keys::encode(&key, KeyEncoding::Pkcs1, &SecretString::from(PASSPHRASE)).unwrap();
    (pair.value.private_pem, pair.value.public_pem)
});

/// A key pair.
pub(crate) fn key_pair() -> KeyPairValue {
    let (private_pem, public_pem) = (KEY_PAIR.0.clone(), KEY_PAIR.1.clone());
    KeyPairValue { private_pem, public_pem, passphrase: Some(PASSPHRASE.into()) }
}

/// An organisation that was made.
#[derive(Clone, Debug)]
pub(crate) struct Org {
    /// As the platform says it.
    pub(crate) id: String,
    pub(crate) name: String,
    /// The id in the directory, which ROCKIT's does not show.
    pub(crate) directory_id: String,
    /// What manages its users.
    pub(crate) api: Arc<dyn AdminApi>,
    /// The account in it that does, where it takes one.
    account: Option<Account>,
}

impl Org {
    pub(crate) fn scope(&self) -> InOrganization {
        InOrganization { organization_id: self.id.clone() }
    }

    pub(crate) fn of(&self, user_id: &str) -> OfUser {
        OfUser { organization_id: self.id.clone(), user_id: user_id.to_owned() }
    }

    /// The same platform as another client has it, for this organisation's users.
    pub(crate) fn acting(&self, api: &Arc<dyn AdminApi>) -> Arc<dyn AdminApi> {
        self.account.as_ref().map_or_else(|| Arc::clone(api), |account| api.acting_as(account).unwrap())
    }

    /// The secrets that the suite knows of it.
    pub(crate) fn secret(&self) -> Option<SecretString> {
        self.account.as_ref().map(|account| account.key.clone())
    }
}

/// The owner mark of what is called so.
pub(crate) fn mark(name: &str) -> String {
    format!("suite/namespace/{name}")
}

/// The first administrator of an organisation.
pub(crate) fn new_admin() -> NewAdmin {
    NewAdmin {
        username: "adminUser".to_owned(),
        email: "admin@example.org".to_owned(),
        first_name: Some("John".to_owned()),
        last_name: Some("Doe".to_owned()),
        password: None,
    }
}

pub(crate) fn new_token(of: &OfUser, attempt: &str) -> NewToken {
    let owner = format!("suite/namespace/token#{attempt}");
    NewToken { idempotency_key: format!("token {attempt}"), of: of.clone(), owner, expires_at: None }
}

impl Subject {
    /// An organisation of that name, with no more than the platform needs.
    pub(crate) fn new_organization(&self, name: &str) -> NewOrganization {
        let rockit = self.variant.platform == Platform::Rockit;
        NewOrganization {
            idempotency_key: format!("organization {name}"),
            name: name.to_owned(),
            display_name: None,
            owner: mark(name),
            admin: rockit.then(new_admin),
            key_pair: rockit.then(key_pair),
            link: rockit.then(|| "dxorglnk.ExampleOrg.jAhjafhdsaAS".into()),
            tyk: TykSettings::default(),
        }
    }

    /// Makes it.
    pub(crate) async fn create(&self, new: NewOrganization) -> Result<Created<Organization>, Error> {
        Backend::<Organization>::create(&*self.api, new).await
    }

    /// Makes an organisation of that name.
    pub(crate) async fn organization(&self, name: &str) -> Org {
        let made = self.create(self.new_organization(name)).await.unwrap();
        self.settle();
        self.enter(&made.record).await
    }

    /// Gets what manages the users of that organisation.
    pub(crate) async fn enter(&self, record: &OrganizationRecord) -> Org {
        let (id, name) = (record.id.clone(), record.name.clone());
        if self.variant.platform != Platform::Rockit {
            return Org { directory_id: id.clone(), id, name, api: Arc::clone(&self.api), account: None };
        }
        let directory_id = self.directory.organizations_by_name(&name).await.unwrap().remove(0).id;
        let new = NewUser {
            organization_id: directory_id.clone(),
            roles: Some(vec!["Administrators".to_owned()]),
            ..new_user("", "account", UserType::Machine)
        };
        let particulars = UserParticulars { access_key: true, ..UserParticulars::default() };
        let made = self.directory.create_user_with(&ROCKIT, new, particulars, self.time.clock().now()).await;
        let key = made.unwrap().1.unwrap();
        let account = Account { organization: name.clone(), username: "account".to_owned(), key };
        let api = self.api.acting_as(&account).unwrap();
        Org { id, name, directory_id, api, account: Some(account) }
    }

    /// The username of somebody called so: where users are known by their e-mail addresses, that.
    pub(crate) fn username(&self, word: &str) -> String {
        match self.variant.platform {
            Platform::Embedded | Platform::Rockit => word.to_owned(),
            Platform::Tyk | Platform::Rockfish => format!("{word}@example.org"),
        }
    }

    /// The platform's role of an administrator.
    pub(crate) fn admin_role(&self) -> String {
        match self.variant.platform {
            Platform::Embedded | Platform::Rockit => "Administrators",
            Platform::Tyk | Platform::Rockfish => "Admin",
        }
        .to_owned()
    }

    /// A person with all that the platform takes.
    pub(crate) fn new_person(&self, org: &Org, word: &str) -> NewUser {
        self.new_person_in(&org.id, word)
    }

    /// The same, in the organisation of that id.
    pub(crate) fn new_person_in(&self, organization_id: &str, word: &str) -> NewUser {
        let named = self.variant.platform != Platform::Rockfish;
        NewUser {
            email: Some(format!("{word}@example.org")),
            first_name: named.then(|| "Ada".to_owned()),
            last_name: named.then(|| "Lovelace".to_owned()),
            roles: Some(vec![self.admin_role()]),
            ..new_user(organization_id, &self.username(word), UserType::Person)
        }
    }

    /// A machine with no more than the platform needs, but that it may read itself.
    pub(crate) fn new_machine(&self, org: &Org, word: &str) -> NewUser {
        let email = self.api.needs(org_operator::platform::Need::Email).then(|| format!("{word}@example.org"));
        NewUser {
            email,
            roles: Some(vec![self.admin_role()]),
            ..new_user(&org.id, &self.username(word), UserType::Machine)
        }
    }

    /// Makes that user, a member with the roles that are asked for, and gives what creating it showed.
    pub(crate) async fn add(&self, org: &Org, new: NewUser) -> Result<(UserRecord, Option<SecretString>), Error> {
        let roles = new.roles.clone();
        let made = Backend::<User>::create(&*org.api, new).await?;
        self.settle();
        if made.unfinished {
            let change = UserChange { roles: Some(roles.unwrap_or_default()), ..UserChange::default() };
            Backend::<User>::update(&*org.api, &org.scope(), &made.record.id, &change).await?;
        }
        Ok((made.record, made.one_time))
    }

    /// Makes a person.
    pub(crate) async fn person(&self, org: &Org, word: &str) -> UserRecord {
        self.add(org, self.new_person(org, word)).await.unwrap().0
    }

    /// Makes a machine, and gives what creating it showed.
    pub(crate) async fn machine(&self, org: &Org, word: &str) -> (UserRecord, Option<SecretString>) {
        self.add(org, self.new_machine(org, word)).await.unwrap()
    }

    /// An id of the form that this platform's have, which nothing has.
    pub(crate) fn absent_id(&self, kind: Kind) -> String {
        match (self.variant.platform, kind) {
            (Platform::Embedded, _) => "00000000-0000-4000-8000-000000000000",
            (Platform::Tyk, Kind::Token) => "key-0000000000000000",
            (Platform::Tyk, _) => "00000000000000000000abcd",
            (Platform::Rockfish, _) => "0000000000000000000000",
            (Platform::Rockit, _) => "Nobody",
        }
        .to_owned()
    }

    /// Every secret that was used.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let pair = key_pair();
        let mut secrets: Vec<String> =
            [super::TYK_SECRET, super::INVITE_CODE, super::ROCKIT_KEY, super::ROCKIT_BACKEND, PASSPHRASE]
                .map(str::to_owned)
                .into();
        secrets.push(pair.private_pem.expose_secret().to_owned());
        secrets.extend(self.kept.keys().iter().map(|key| key.expose_secret().to_owned()));
        secrets
    }
}

fn new_user(organization_id: &str, username: &str, user_type: UserType) -> NewUser {
    NewUser {
        idempotency_key: format!("user {username}"),
        organization_id: organization_id.to_owned(),
        user_type,
        username: username.to_owned(),
        email: None,
        first_name: None,
        last_name: None,
        roles: None,
        permissions: None,
        owner: mark(username),
        password: None,
    }
}
