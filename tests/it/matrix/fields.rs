//! Which fields of an object are for whom: everybody who sees the object, or fewer.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::world::World;
use super::{fields_of, schema};
use crate::support::reset;

/// Fields that whoever sees the object may read.
const OPEN: &[(&str, &str)] = &[
    ("User", "id name email"),
    ("Tenant", "id slug name status resetPolicy createdAt roles members viewerCan"),
    ("TenantAbilities", "invite grantRoles manageMembers manageRoles approveResets viewEvents manageTenant"),
    ("Role", "id key name permissions builtIn"),
    ("Membership", "id tenant user role status joinedAt lastSeenAt"),
    (
        "Invitation",
        "id email name role status cancelReason invitedByName note locale createdAt expiresAt expiresInSeconds \
         decidedAt delivery",
    ),
    ("InvitationPreview", "email tenantName invitedByName roleName note status expiresAt nextStep"),
    ("Delivery", "state attempts lastAttemptAt nextAttemptAt"),
    ("ResetRequest", "id user status reason ipAddress createdAt expiresAt decidedAt"),
    ("Session", "id createdAt lastSeenAt expiresAt ipAddress userAgent current"),
    ("Event", "id kind at actor subject data ipAddress requestId"),
    (
        "Viewer",
        "id email emailVerified name isSuperuser createdAt activeMembership memberships sessions invitations \
         openResetRequest",
    ),
    ("AuthTokens", "accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt"),
    ("InviteResult", "row email outcome message invitation"),
    ("WebhookEndpoint", "id url description eventKinds status disabledReason createdAt deliveries"),
    ("WebhookDelivery", "id event state attempts lastStatus lastReply createdAt lastAttemptAt nextAttemptAt"),
    ("Mail", "id kind state recipient attempts createdAt lastAttemptAt nextAttemptAt lastReply"),
    ("Platform", "version startedAt database mail mails jobs settings"),
    ("PlatformDatabase", "server place migrations pendingMigrations"),
    ("PlatformMail", "target queued retrying failed oldestQueuedAt heldBecause restingUntil"),
    ("PlatformJob", "name periodSeconds lastSucceededAt lastFailedAt isLate"),
    ("PlatformSetting", "name description value defaultValue isSet isSecret"),
    ("UserError", "code message path"),
    ("PageInfo", "hasPreviousPage hasNextPage startCursor endCursor"),
];
/// Fields that some who see the object may not read; each has a test below.
const NARROW: &[(&str, &str)] = &[
    ("Invitation", "tenant invitedBy acceptedBy metadata ipAddress"),
    ("Delivery", "lastReply"),
    ("ResetRequest", "decidedBy"),
    ("Tenant", "webhookEndpoints mails"),
    ("User", "isSuperuser createdAt lastSignedInAt sessionCount memberships"),
];

#[test]
fn every_field_of_every_object_has_a_row() {
    let mut listed: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, fields) in OPEN.iter().chain(NARROW) {
        listed.entry(name).or_default().extend(fields.split_whitespace().map(str::to_owned));
    }
    let schema = schema();
    for (name, definition) in &schema.types {
        // What is named after an operation or a list holds nothing of its own.
        let derived = ["Payload", "Connection", "Edge"].iter().any(|suffix| name.ends_with(suffix));
        if !definition.is_object()
            || definition.is_built_in()
            || derived
            || ["Query", "Mutation", "Subscription"].contains(&name.as_str())
        {
            continue;
        }
        assert_eq!(listed.remove(name.as_str()).unwrap_or_default(), fields_of(&schema, name), "{name}");
    }
    assert!(listed.is_empty(), "{listed:?}");
}

#[tokio::test]
async fn an_invitee_does_not_see_what_concerns_the_inviters_side_alone() {
    let world = World::new().await;
    let [acme, globex] = &world.homes;
    let input = json!({ "email": "owner@globex.test", "metadata": { "a": 1 } });
    let id = acme.owner.invite(input).await["invitation"]["id"].clone();
    world.app.tick().await;
    world.app.mails().await;
    let query = "query Q($id: ID!) { node(id: $id) { ... on Invitation {
        tenant { slug } invitedBy { name } acceptedBy { name } metadata ipAddress delivery { state lastReply } } } }";
    let seen = |answer: Value| answer["data"]["node"].clone();
    let managed = seen(acme.admin.ask(query, json!({ "id": id })).await);
    assert_eq!(managed["metadata"], json!({ "a": 1 }));
    assert_eq!(managed["delivery"]["lastReply"], "250 kept in memory");
    assert_eq!(
        (&managed["tenant"]["slug"], &managed["invitedBy"]["name"]),
        (&json!("acme"), &json!("Olivia Owner"))
    );
    let invitee = seen(globex.owner.ask(query, json!({ "id": id })).await);
    let nothing = json!({ "tenant": null, "invitedBy": null, "acceptedBy": null, "metadata": null,
        "ipAddress": null, "delivery": { "state": "SENT", "lastReply": null } });
    assert_eq!(invitee, nothing);
    globex.owner.accept(json!({ "invitationId": id })).await;
    let managed = seen(acme.admin.ask(query, json!({ "id": id })).await);
    assert_eq!(managed["acceptedBy"]["name"], "Olivia Owner");
}

#[tokio::test]
async fn who_decided_a_reset_is_shown_to_those_who_share_a_tenant_with_them() {
    let world = World::new().await;
    let [acme, globex] = &world.homes;
    let invitation = globex.owner.invited("member@acme.test").await["id"].clone();
    acme.member.accept(json!({ "invitationId": invitation })).await;
    let id = reset::asked(&world.app, &acme.owner, "member@acme.test").await;
    assert_eq!(reset::approve(&acme.admin, &id).await["userErrors"], json!([]));
    let query = "query Q($id: ID!) { node(id: $id) { ... on ResetRequest { decidedBy { email } } } }";
    for (who, client, sees) in [
        ("a colleague", &acme.owner, json!({ "email": "admin@acme.test" })),
        ("the requester", &acme.member, json!({ "email": "admin@acme.test" })),
        ("somebody in the other tenant", &globex.owner, Value::Null),
        ("the platform", &world.root, json!({ "email": "admin@acme.test" })),
    ] {
        let answer = client.ask(query, json!({ "id": id })).await;
        assert_eq!(answer["data"]["node"]["decidedBy"], sees, "{who}: {answer}");
    }
    world.app.tick().await;
    world.app.mails().await;
}

#[tokio::test]
async fn what_an_account_is_beyond_its_name_is_for_administrators_of_the_platform() {
    let world = World::new().await;
    let [acme, _] = &world.homes;
    let id = acme.member.me().await["id"].clone();
    let query = "query Q($id: ID!) { node(id: $id) { ... on User { name isSuperuser createdAt lastSignedInAt
        sessionCount memberships { id } } } }";
    let hidden = json!({ "name": "Max Member", "isSuperuser": null, "createdAt": null, "lastSignedInAt": null,
        "sessionCount": null, "memberships": null });
    for (who, client) in [("oneself", &acme.member), ("an admin", &acme.admin), ("the owner", &acme.owner)] {
        let answer = client.ask(query, json!({ "id": id })).await;
        assert_eq!(answer["data"]["node"], hidden, "{who}: {answer}");
    }
    let answer = world.root.ask(query, json!({ "id": id })).await["data"]["node"].clone();
    assert_eq!((&answer["isSuperuser"], &answer["sessionCount"]), (&json!(false), &json!(1)), "{answer}");
    assert!(answer["lastSignedInAt"].is_string() && answer["memberships"][0]["id"].is_string(), "{answer}");
    world.app.mails().await;
}

#[tokio::test]
async fn mails_are_shown_to_those_who_manage_the_tenant() {
    let world = World::new().await;
    let [acme, globex] = &world.homes;
    let query =
        "query Q($id: ID!) { node(id: $id) { ... on Tenant { name mails(first: 1) { totalCount } } } }";
    for (who, client, sees) in [
        ("a member", &acme.member, false),
        ("an admin", &acme.admin, false),
        ("the owner", &acme.owner, true),
        ("the platform", &world.root, true),
    ] {
        let answer = client.ask(query, json!({ "id": acme.tenant })).await;
        assert_eq!(answer["data"]["node"]["mails"].is_object(), sees, "{who}: {answer}");
        assert_eq!(answer["data"]["node"]["name"], "ACME", "{who}: {answer}");
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(*code, if sees { Value::Null } else { json!("FORBIDDEN") }, "{who}");
    }
    let answer = globex.owner.ask(query, json!({ "id": acme.tenant })).await;
    assert_eq!(answer["data"], json!({ "node": null }));
    world.app.mails().await;
}

#[tokio::test]
async fn endpoints_are_shown_to_those_who_manage_them() {
    let world = World::new().await;
    let [acme, globex] = &world.homes;
    let query = "query Q($id: ID!) { node(id: $id) { ... on Tenant { name webhookEndpoints { id } } } }";
    for (who, client, sees) in [
        ("a member", &acme.member, Value::Null),
        ("an admin", &acme.admin, Value::Null),
        ("the owner", &acme.owner, json!([])),
        ("the platform", &world.root, json!([])),
    ] {
        let answer = client.ask(query, json!({ "id": acme.tenant })).await;
        assert_eq!(
            answer["data"]["node"],
            json!({ "name": "ACME", "webhookEndpoints": sees }),
            "{who}: {answer}"
        );
    }
    let answer = globex.owner.ask(query, json!({ "id": acme.tenant })).await;
    assert_eq!(answer["data"], json!({ "node": null }));
    world.app.mails().await;
}
