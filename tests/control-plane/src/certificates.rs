//! The plane's own certificates: one authority, one server, two clients, and the key that signs service account tokens.
//!
//! They live as long as the plane, so they keep the library's wide validity: a test machine's clock may be wrong.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// The names by which the API server is called: loopback from outside, `kubernetes` and the first service address
/// from inside.
const SERVER_NAMES: [&str; 6] =
    ["127.0.0.1", "localhost", "10.0.0.1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];

/// A certificate and its private key, both PEM.
pub(crate) struct Identity {
    /// The certificate.
    pub(crate) certificate: String,
    /// The private key, PKCS#8.
    pub(crate) key: String,
}

/// All that a plane needs.
pub(crate) struct Certificates {
    /// The authority's certificate, PEM.
    pub(crate) authority: String,
    /// The API server's.
    pub(crate) server: Identity,
    /// A member of `system:masters`.
    pub(crate) admin: Identity,
    /// `system:kube-controller-manager`, which the API server's own roles know.
    pub(crate) controller_manager: Identity,
    /// Signs service account tokens, PKCS#8 PEM.
    pub(crate) token_key: String,
    /// Verifies them, SubjectPublicKeyInfo PEM.
    pub(crate) token_public_key: String,
}

impl Certificates {
    /// Makes new ones.
    pub(crate) fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut authority = CertificateParams::new([])?;
        authority.distinguished_name.push(DnType::CommonName, "control-plane");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let certificate = authority.self_signed(&key)?.pem();
        let issuer = Issuer::new(authority, key);

        let mut server = CertificateParams::new(SERVER_NAMES.map(str::to_owned))?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let token_key = KeyPair::generate()?;
        Ok(Self {
            authority: certificate,
            server: sign(server, &issuer)?,
            admin: sign(client("admin", Some("system:masters"))?, &issuer)?,
            controller_manager: sign(client("system:kube-controller-manager", None)?, &issuer)?,
            token_key: token_key.serialize_pem(),
            token_public_key: token_key.public_key_pem(),
        })
    }
}

/// Kubernetes takes the common name as the user and the organisation as a group.
fn client(user: &str, group: Option<&str>) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new([])?;
    params.distinguished_name.push(DnType::CommonName, user);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

fn sign(mut params: CertificateParams, issuer: &Issuer<'_, KeyPair>) -> Result<Identity, rcgen::Error> {
    let key = KeyPair::generate()?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let certificate = params.signed_by(&key, issuer)?.pem();
    Ok(Identity { certificate, key: key.serialize_pem() })
}
