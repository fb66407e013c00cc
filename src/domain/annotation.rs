//! Names that the operator and people agree on outside of spec and status: annotations, labels, the finalizer, the
//! field managers.
//!
//! Requests by annotation are tokens: they are acted on when the value differs from the status field that echoes it.
//! The operator never edits or removes one, because Argo CD and Flux would put it back.

/// Keeps a resource until what was made for it on the platform is dealt with.
pub const FINALIZER: &str = "org-operator.dev/finalizer";

/// Field manager of Secrets and finalizers.
pub const FIELD_MANAGER: &str = "org-operator";
/// Field manager of status, which is written by server-side apply.
pub const STATUS_FIELD_MANAGER: &str = "org-operator-status";

/// `"true"`: no call to the platform; deletion goes on. All kinds.
pub const PAUSED: &str = "org-operator.dev/paused";
/// Any value: reconcile now. Echoed in `lastHandledReconcileAt`. All kinds.
pub const RECONCILE_REQUESTED_AT: &str = "org-operator.dev/reconcile-requested-at";
/// The same request as Flux's `flux reconcile` writes it. All kinds.
pub const FLUX_REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Any value: a new token or credential. Echoed in `lastHandledRotateAt`. Token and User.
pub const ROTATE_REQUESTED_AT: &str = "org-operator.dev/rotate-requested-at";
/// `adopt/<n>` or `start-over/<n>`: a person's answer to attempt n. Echoed in `lastHandledResolve`. All but Platform.
pub const RESOLVE: &str = "org-operator.dev/resolve";
/// The owner id that the object may be taken from. Organization and User.
pub const TAKE_OVER_FROM: &str = "org-operator.dev/take-over-from";
/// Any value: release the brake on deletions once. Echoed in `lastHandledResumeDeletionsAt`. Platform.
pub const RESUME_DELETIONS_AT: &str = "org-operator.dev/resume-deletions-at";
/// The organisation's external name; read by the optional admission policy, never by the operator. Organization.
pub const CONFIRM_DELETION: &str = "org-operator.dev/confirm-deletion";

/// Label of Secrets: who writes them; always [`FIELD_MANAGER`].
pub const LABEL_MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Label of Secrets: kind of the resource that they belong to.
pub const LABEL_KIND: &str = "org-operator.dev/kind";
/// Label of Secrets: name of the resource that they belong to.
pub const LABEL_NAME: &str = "org-operator.dev/name";

/// Written together with the finalizer: where a User is about to be made, so that one whose creation was cut off before
/// its status was written can be found and deleted when its Organization is gone. Only used on the way out, and only to
/// look for the operator's own mark.
pub const MADE_IN: &str = "org-operator.dev/made-in";

/// Annotation of Secrets: uid of the resource that they belong to. The Secrets of what is retained have no owner
/// reference, because a deletion in the foreground collects what has one before the operator is asked.
pub const SECRET_OWNER_UID: &str = "org-operator.dev/owner-uid";
/// Annotation of Secrets: URL of the platform that the value is for.
pub const SECRET_PLATFORM_URL: &str = "org-operator.dev/platform-url";
/// Annotation of Secrets: the platform's id of the object that the value is for.
pub const SECRET_EXTERNAL_ID: &str = "org-operator.dev/external-id";
/// Annotation of Secrets: the recorded attempt that made the value, where one did.
pub const SECRET_ATTEMPT: &str = "org-operator.dev/attempt";
/// Annotation of Secrets: the request (`rotate-requested-at`) that the value answers, so that none is answered twice.
pub const SECRET_ROTATED_FOR: &str = "org-operator.dev/rotated-for";
/// Annotation of Secrets: names of the labels, annotations and keys that the manifest adds, as JSON.
pub const SECRET_APPLIED: &str = "org-operator.dev/applied";
/// Annotation of Secrets: when the value was made, RFC 3339.
pub const SECRET_ISSUED_AT: &str = "org-operator.dev/issued-at";
/// Annotation of Secrets: when the value ends, RFC 3339.
pub const SECRET_EXPIRES_AT: &str = "org-operator.dev/expires-at";
/// Annotation of Secrets: the platform's id of the credential before this one.
pub const SECRET_PREVIOUS_ID: &str = "org-operator.dev/previous-id";
/// Annotation of Secrets: the public key's fingerprint.
pub const SECRET_FINGERPRINT: &str = "org-operator.dev/fingerprint";
/// Annotation of Secrets: when the resource let go of it, RFC 3339.
pub const SECRET_RELEASED: &str = "org-operator.dev/released";
