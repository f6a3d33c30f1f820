//! Roles of a tenant's own.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, codes};

async fn create(client: &Client, key: &str, permissions: &[&str]) -> Value {
    let input = json!({ "key": key, "name": "Host", "permissions": permissions });
    client.mutate("createRole", "role { id key name permissions builtIn }", input).await
}

async fn update(client: &Client, id: &Value, change: Value) -> Value {
    let mut input = json!({ "roleId": id });
    input.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    client.mutate("updateRole", "role { name permissions }", input).await
}

async fn delete(client: &Client, id: &Value) -> Value {
    client.mutate("deleteRole", "deletedRoleId", json!({ "roleId": id })).await
}

#[tokio::test]
async fn a_role_of_ones_own_is_made_granted_changed_and_deleted() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let made = create(&owner, "host", &["INVITE", "VIEW_EVENTS"]).await;
    let role = &made["role"];
    assert_eq!((&role["key"], &role["builtIn"]), (&json!("host"), &json!(false)));
    assert_eq!(role["permissions"], json!(["INVITE", "VIEW_EVENTS"]));
    let host = app.member(&owner, "hana@acme.test", "host").await;
    host.invited("ann@x.test").await;
    assert_eq!(
        codes(&host.invite(json!({ "email": "bob@x.test", "roleKey": "admin" })).await),
        ["ROLE_NOT_ALLOWED"]
    );
    assert_eq!(codes(&delete(&owner, &role["id"]).await), ["ROLE_IN_USE"]);

    let renamed = update(&owner, &role["id"], json!({ "name": "Doorkeeper" })).await;
    assert_eq!(renamed["role"], json!({ "name": "Doorkeeper", "permissions": ["INVITE", "VIEW_EVENTS"] }));
    update(&owner, &role["id"], json!({ "permissions": ["VIEW_EVENTS"] })).await;
    assert_eq!(
        host.mutate_err("invite", json!({ "email": "cleo@x.test" })).await,
        "FORBIDDEN",
        "from the next request"
    );
    let cancelled = "SELECT COUNT(*) FROM invitation WHERE email_norm = 'ann@x.test' AND cancel_reason = 'inviter_lost_rights'";
    assert_eq!(app.number(cancelled).await, 1);

    let membership = host.me().await["memberships"][0]["id"].clone();
    let input = json!({ "membershipId": membership, "roleKey": "member" });
    owner.mutate("changeMemberRole", "membership { id }", input).await;
    assert_eq!(delete(&owner, &role["id"]).await["deletedRoleId"], role["id"]);
    assert_eq!(codes(&delete(&owner, &role["id"]).await), ["NOT_FOUND"]);
    let kinds = ["role.created", "role.updated", "role.updated", "role.deleted"];
    assert_eq!(app.events(role["id"].as_str().unwrap()).await, kinds);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn a_role_on_offer_is_in_use_and_a_deleted_one_spoils_nothing() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    let id = create(&owner, "host", &[]).await["role"]["id"].clone();
    let invitation =
        owner.invite(json!({ "email": "ann@x.test", "roleKey": "host" })).await["invitation"].clone();
    assert_eq!(codes(&delete(&owner, &id).await), ["ROLE_IN_USE"]);
    app.tick().await;
    let token = app.mail_to("ann@x.test").await.token;
    app.advance(TimeDelta::days(7));
    owner.renew().await;
    assert_eq!(delete(&owner, &id).await["deletedRoleId"], id, "an expired offer holds nothing");
    let list = "{ invitations(first: 1) { nodes { email role { key } invitedBy { name } } } }";
    let listed = owner.ask(list, json!({})).await["data"]["invitations"]["nodes"].clone();
    let inviter = json!({ "name": "Olivia Owner" });
    assert_eq!(listed, json!([{ "email": "ann@x.test", "role": null, "invitedBy": inviter }]));
    let resent = owner.act("resendInvitation", &invitation["id"]).await;
    assert_eq!((codes(&resent), &resent["invitation"]["role"]), (vec!["ROLE_NOT_ALLOWED"], &Value::Null));
    let seen = app
        .stranger()
        .ask("query Q($t: String!) { invitation(token: $t) { nextStep roleName } }", json!({ "t": token }))
        .await;
    assert_eq!(seen["data"]["invitation"]["nextStep"], "ASK_FOR_NEW");
    assert_eq!(owner.invite(json!({ "email": "ann@x.test" })).await["created"], true);
}

#[tokio::test]
async fn what_cannot_be_says_why() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    create(&owner, "host", &[]).await;
    for (key, code, path) in [
        ("host", "BAD_USER_INPUT", "key"),
        ("owner", "BAD_USER_INPUT", "key"),
        ("Not A Key", "BAD_USER_INPUT", "key"),
    ] {
        let refused = create(&owner, key, &[]).await;
        assert_eq!(
            (codes(&refused), &refused["userErrors"][0]["path"]),
            (vec![code], &json!([path])),
            "{key}"
        );
    }
    let above = create(&admin, "boss", &["MANAGE_TENANT"]).await;
    assert_eq!(
        (codes(&above), &above["userErrors"][0]["path"]),
        (vec!["ROLE_NOT_ALLOWED"], &json!(["permissions"]))
    );
    let strong = create(&owner, "strong", &["MANAGE_TENANT"]).await["role"]["id"].clone();
    assert_eq!(codes(&update(&admin, &strong, json!({ "name": "X" })).await), ["ROLE_NOT_ALLOWED"]);
    assert_eq!(codes(&delete(&admin, &strong).await), ["ROLE_NOT_ALLOWED"]);
    let roles = owner.ask("{ tenant(by: { slug: \"acme\" }) { roles { id builtIn } } }", json!({})).await;
    for role in
        roles["data"]["tenant"]["roles"].as_array().unwrap().iter().filter(|role| role["builtIn"] == true)
    {
        assert_eq!(codes(&update(&owner, &role["id"], json!({ "name": "X" })).await), ["ROLE_BUILT_IN"]);
        assert_eq!(codes(&delete(&owner, &role["id"]).await), ["ROLE_BUILT_IN"]);
    }
}

#[tokio::test]
async fn t37_roles_of_another_tenant_are_not_found_and_members_forbidden() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let max = app.member(&acme, "max@acme.test", "member").await;
    let id = create(&acme, "host", &[]).await["role"]["id"].clone();
    for target in [&id, &json!("rol_1"), &json!("")] {
        assert_eq!(codes(&delete(&globex, target).await), ["NOT_FOUND"], "{target}");
        assert_eq!(codes(&update(&globex, target, json!({ "name": "X" })).await), ["NOT_FOUND"], "{target}");
    }
    let input = json!({ "key": "mine", "name": "Mine", "permissions": [] });
    assert_eq!(max.mutate_err("createRole", input.clone()).await, "FORBIDDEN");
    assert_eq!(max.mutate_err("deleteRole", json!({ "roleId": id })).await, "FORBIDDEN");
    assert_eq!(app.stranger().mutate_err("createRole", input).await, "UNAUTHENTICATED");
    assert_eq!(app.stranger().mutate_err("deleteRole", json!({ "roleId": id })).await, "UNAUTHENTICATED");
}
