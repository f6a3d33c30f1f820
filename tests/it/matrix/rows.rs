//! The matrix itself. Outcomes stand in the order of `ACTORS`: anonymous, member, admin, owner, owner of another tenant,
//! suspended member, superuser.

/// An operation and what each actor gets. A document or an input names its targets by `$…`; each is made afresh for each
/// actor (`world.rs`).
pub struct Row {
    /// The operation; what follows a space tells rows of one operation apart.
    pub name: &'static str,
    /// For a query its document, for a mutation the JSON of its input, empty where it takes none.
    pub ask: &'static str,
    /// What each actor gets: `ok`, `null` or a code.
    pub expect: [&'static str; 7],
    /// Whether an actor can do it once only: the session or the password is another one then.
    pub uses_up_the_actor: bool,
}

impl Row {
    /// The name of the field of Query or Mutation.
    pub fn operation(&self) -> &'static str {
        self.name.split(' ').next().unwrap_or(self.name)
    }
}

const fn row(name: &'static str, ask: &'static str, expect: [&'static str; 7]) -> Row {
    Row { name, ask, expect, uses_up_the_actor: false }
}

const fn once(row: Row) -> Row {
    Row { uses_up_the_actor: true, ..row }
}

const OK: &str = "ok";
const NULL: &str = "null";
const ANON: &str = "UNAUTHENTICATED";
const NO: &str = "FORBIDDEN";
const GONE: &str = "NOT_FOUND";

/// For everybody, signed in or not.
const ANYBODY: [&str; 7] = [OK; 7];
/// For everybody who is signed in.
const SIGNED_IN: [&str; 7] = [ANON, OK, OK, OK, OK, OK, OK];
/// For active members.
const MEMBERS: [&str; 7] = [ANON, OK, OK, OK, NULL, NULL, OK];
/// For those with the permission of an admin.
const ADMINS: [&str; 7] = [ANON, NO, OK, OK, GONE, GONE, OK];
/// The same for objects that hide from everybody else.
const SHOWN_TO_ADMINS: [&str; 7] = [ANON, NULL, OK, OK, NULL, NULL, OK];
/// The same for what only owners see.
const SHOWN_TO_OWNERS: [&str; 7] = [ANON, NULL, NULL, OK, NULL, NULL, OK];
/// For owners.
const OWNERS: [&str; 7] = [ANON, NO, NO, OK, GONE, GONE, OK];
/// For administrators of the platform.
const PLATFORM: [&str; 7] = [ANON, NO, NO, NO, NO, NO, OK];

pub const QUERIES: &[Row] = &[
    row("me", "{ me { id } }", [NULL, OK, OK, OK, OK, OK, OK]),
    row("node (tenant)", "{ node(id: \"$tenant\") { id } }", MEMBERS),
    row("node (role)", "{ node(id: \"$role\") { id } }", MEMBERS),
    row("node (membership)", "{ node(id: \"$membership\") { id } }", MEMBERS),
    row("node (user)", "{ node(id: \"$user\") { id } }", MEMBERS),
    row("node (invitation)", "{ node(id: \"$invitation\") { id } }", SHOWN_TO_ADMINS),
    row("node (reset request)", "{ node(id: \"$reset\") { id } }", SHOWN_TO_ADMINS),
    row("node (event)", "{ node(id: \"$event\") { id } }", SHOWN_TO_ADMINS),
    row("node (mail)", "{ node(id: \"$mail\") { id } }", SHOWN_TO_OWNERS),
    row("node (webhook endpoint)", "{ node(id: \"$webhook\") { id } }", SHOWN_TO_OWNERS),
    row("node (webhook delivery)", "{ node(id: \"$delivery\") { id } }", SHOWN_TO_OWNERS),
    row(
        "node (session of somebody)",
        "{ node(id: \"$session\") { id } }",
        [ANON, NULL, NULL, NULL, NULL, NULL, NULL],
    ),
    row("nodes", "{ nodes(ids: [\"$tenant\"]) { id } }", MEMBERS),
    row(
        "tenant",
        "{ tenant(by: { id: \"$tenant\" }) { id members { totalCount } viewerCan { invite } } }",
        MEMBERS,
    ),
    row("tenants", "{ tenants { totalCount } }", PLATFORM),
    row("users", "{ users { totalCount } }", PLATFORM),
    row("platform", "{ platform { version } }", PLATFORM),
    row("invitation", "{ invitation(token: \"$token\") { email } }", ANYBODY),
    row("invitations", "{ invitations(tenantId: \"$tenant\") { totalCount } }", ADMINS),
    row("resetRequests", "{ resetRequests(tenantId: \"$tenant\") { totalCount } }", ADMINS),
    row("events", "{ events(tenantId: \"$tenant\") { totalCount } }", ADMINS),
];

pub const ACCOUNT: &[Row] = &[
    row("login", r#"{"email": "$email", "password": "$password"}"#, ANYBODY),
    row("refresh", r#"{"refreshToken": "$refresh"}"#, ANYBODY),
    once(row("logout", "", ANYBODY)),
    once(row("logoutAll", "", SIGNED_IN)),
    once(row("revokeSession", r#"{"sessionId": "$own-session"}"#, SIGNED_IN)),
    row(
        "revokeSession (of somebody)",
        r#"{"sessionId": "$session"}"#,
        [ANON, GONE, GONE, GONE, GONE, GONE, GONE],
    ),
    row("switchTenant", r#"{"tenantId": "$tenant"}"#, [ANON, OK, OK, OK, GONE, GONE, OK]),
    row("updateProfile", r#"{"name": "Another Name"}"#, SIGNED_IN),
    once(row(
        "changePassword",
        r#"{"currentPassword": "$password", "newPassword": "seven quiet lanterns drifting"}"#,
        SIGNED_IN,
    )),
];

pub const RESETS: &[Row] = &[
    row("ratePassword", r#"{"password": "$password"}"#, ANYBODY),
    row("requestReset", r#"{"email": "$email"}"#, ANYBODY),
    row("approveReset", r#"{"resetRequestId": "$reset"}"#, ADMINS),
    row("rejectReset", r#"{"resetRequestId": "$reset"}"#, ADMINS),
    row("cancelReset", "", SIGNED_IN),
    row(
        "resetPassword",
        r#"{"token": "$reset-token", "newPassword": "seven quiet lanterns drifting"}"#,
        ANYBODY,
    ),
];

const OTHER: &str = "EMAIL_MISMATCH";

pub const INVITATIONS: &[Row] = &[
    row("invite", r#"{"tenantId": "$tenant", "email": "$fresh@x.test"}"#, ADMINS),
    row("inviteMany", r#"{"tenantId": "$tenant", "rows": [{"email": "$fresh@x.test"}]}"#, ADMINS),
    row("resendInvitation", r#"{"invitationId": "$invitation"}"#, ADMINS),
    row("cancelInvitation", r#"{"invitationId": "$invitation"}"#, ADMINS),
    row(
        "acceptInvitation",
        r#"{"token": "$token", "name": "Ann", "password": "$password"}"#,
        [OK, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER],
    ),
    row(
        "acceptInvitation (of somebody)",
        r#"{"invitationId": "$invitation"}"#,
        [ANON, GONE, GONE, GONE, GONE, GONE, GONE],
    ),
    row("declineInvitation", r#"{"token": "$token"}"#, [OK, OTHER, OTHER, OTHER, OTHER, OTHER, OTHER]),
    row(
        "declineInvitation (of somebody)",
        r#"{"invitationId": "$invitation"}"#,
        [ANON, GONE, GONE, GONE, GONE, GONE, GONE],
    ),
];

pub const PEOPLE: &[Row] = &[
    row(
        "createRole",
        r#"{"tenantId": "$tenant", "key": "$fresh", "name": "Host", "permissions": ["INVITE"]}"#,
        ADMINS,
    ),
    row("updateRole", r#"{"roleId": "$role", "name": "Host"}"#, ADMINS),
    row("deleteRole", r#"{"roleId": "$role"}"#, ADMINS),
    row("changeMemberRole", r#"{"membershipId": "$membership", "roleKey": "admin"}"#, ADMINS),
    row("suspendMember", r#"{"membershipId": "$membership"}"#, ADMINS),
    row("reinstateMember", r#"{"membershipId": "$membership"}"#, ADMINS),
    row("removeMember", r#"{"membershipId": "$membership"}"#, ADMINS),
    row("leaveTenant", r#"{"tenantId": "$tenant"}"#, [ANON, OK, OK, "LAST_OWNER", GONE, OK, GONE]),
    row("transferOwnership", r#"{"membershipId": "$membership"}"#, OWNERS),
];

pub const TENANTS: &[Row] = &[
    row("createTenant", r#"{"name": "New", "slug": "$fresh"}"#, PLATFORM),
    row("updateTenant", r#"{"tenantId": "$tenant", "name": "Other"}"#, OWNERS),
    row("suspendTenant", r#"{"tenantId": "$tenant"}"#, PLATFORM),
    row("reinstateTenant", r#"{"tenantId": "$tenant"}"#, PLATFORM),
    row("retryMail", r#"{"mailId": "$mail"}"#, OWNERS),
    row("cancelMail", r#"{"mailId": "$mail"}"#, OWNERS),
    row("revokeUserSessions", r#"{"userId": "$user"}"#, PLATFORM),
    row("deleteTenant", r#"{"tenantId": "$tenant", "slug": "$slug"}"#, OWNERS),
];

pub const WEBHOOKS: &[Row] = &[
    row("createWebhookEndpoint", r#"{"tenantId": "$tenant", "url": "http://127.0.0.1:1/$fresh"}"#, OWNERS),
    row("updateWebhookEndpoint", r#"{"webhookEndpointId": "$webhook", "description": "CRM"}"#, OWNERS),
    row("deleteWebhookEndpoint", r#"{"webhookEndpointId": "$webhook"}"#, OWNERS),
    row("rotateWebhookSecret", r#"{"webhookEndpointId": "$webhook"}"#, OWNERS),
    row("redeliverWebhook", r#"{"webhookDeliveryId": "$delivery"}"#, OWNERS),
];
