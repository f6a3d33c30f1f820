//! Changing who is in a tenant, and as what.

use serde_json::{Value, json};

use crate::support::{Client, TestApp, codes};

async fn member(client: &Client) -> Value {
    client.me().await["memberships"][0]["id"].clone()
}

async fn change(client: &Client, membership: &Value, role: &str) -> Value {
    let fields = "membership { role { key } status } cancelledInvitations { email status cancelReason }";
    client.mutate("changeMemberRole", fields, json!({ "membershipId": membership, "roleKey": role })).await
}

async fn act(client: &Client, name: &str, membership: &Value) -> Value {
    let fields = match name {
        "removeMember" => "removedMembershipId cancelledInvitations { email }",
        "suspendMember" => "membership { status } cancelledInvitations { email }",
        _ => "membership { status role { key } user { email } }",
    };
    client.mutate(name, fields, json!({ "membershipId": membership })).await
}

async fn leave(client: &Client, tenant: &Value) -> Value {
    client
        .mutate("leaveTenant", "leftTenantId cancelledInvitations { email }", json!({ "tenantId": tenant }))
        .await
}

#[tokio::test]
async fn t35_a_demotion_counts_from_the_next_request_and_cancels_what_they_stood_for() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    admin.invited("ann@x.test").await;
    let id = member(&admin).await;
    let payload = change(&owner, &id, "member").await;
    assert_eq!(payload["membership"], json!({ "role": { "key": "member" }, "status": "ACTIVE" }));
    let cancelled =
        json!([{ "email": "ann@x.test", "status": "CANCELLED", "cancelReason": "INVITER_LOST_RIGHTS" }]);
    assert_eq!(payload["cancelledInvitations"], cancelled);
    assert_eq!(admin.mutate_err("invite", json!({ "email": "bob@x.test" })).await, "FORBIDDEN");
    assert_eq!(app.events(id.as_str().unwrap()).await, ["membership.created", "membership.role_changed"]);
    app.tick().await;
    assert_eq!(app.count_mails_to("ann@x.test").await, 0, "the queued mail is not sent");
    let again = change(&owner, &id, "member").await;
    assert_eq!((&again["userErrors"], &again["cancelledInvitations"]), (&json!([]), &json!([])));
    assert_eq!(app.events(id.as_str().unwrap()).await.len(), 2, "the same role again is no change");
}

#[tokio::test]
async fn t26_suspending_removing_and_leaving_count_from_the_next_request() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let id = member(&admin).await;
    admin.invited("ann@x.test").await;
    let suspended = act(&owner, "suspendMember", &id).await;
    assert_eq!(suspended["membership"]["status"], "SUSPENDED");
    assert_eq!(suspended["cancelledInvitations"], json!([{ "email": "ann@x.test" }]));
    assert_eq!(admin.me().await["activeMembership"], Value::Null);
    assert_eq!(act(&owner, "reinstateMember", &id).await["membership"]["status"], "ACTIVE");
    assert_eq!(admin.me().await["activeMembership"]["role"]["key"], "admin");

    admin.invited("bob@x.test").await;
    let removed = act(&owner, "removeMember", &id).await;
    assert_eq!(
        (&removed["removedMembershipId"], &removed["cancelledInvitations"][0]["email"]),
        (&id, &json!("bob@x.test"))
    );
    assert_eq!(admin.me().await["memberships"], json!([]));
    assert_eq!(codes(&act(&owner, "removeMember", &id).await), ["NOT_FOUND"], "they are gone");
    let kinds = ["membership.created", "membership.suspended", "membership.reinstated", "membership.removed"];
    assert_eq!(app.events(id.as_str().unwrap()).await, kinds);

    let max = app.member(&owner, "max@acme.test", "member").await;
    let tenant = max.me().await["activeMembership"]["tenant"]["id"].clone();
    assert_eq!(leave(&max, &tenant).await["leftTenantId"], tenant);
    assert_eq!(codes(&leave(&max, &tenant).await), ["NOT_FOUND"]);
    app.tick().await;
    app.mails().await;
}

#[tokio::test]
async fn t59_nobody_changes_a_member_above_them_or_grants_what_they_lack() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let max = app.member(&owner, "max@acme.test", "member").await;
    let (boss, low) = (member(&owner).await, member(&max).await);
    assert_eq!(codes(&change(&admin, &low, "owner").await), ["ROLE_NOT_ALLOWED"]);
    assert_eq!(codes(&change(&admin, &boss, "member").await), ["ROLE_NOT_ALLOWED"]);
    for name in ["suspendMember", "removeMember", "reinstateMember"] {
        assert_eq!(codes(&act(&admin, name, &boss).await), ["ROLE_NOT_ALLOWED"], "{name}");
    }
    assert_eq!(codes(&change(&owner, &low, "nobody").await), ["BAD_USER_INPUT"]);
    assert_eq!(change(&admin, &low, "admin").await["membership"]["role"]["key"], "admin");
}

#[tokio::test]
async fn the_last_owner_cannot_go_in_any_way() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let id = member(&owner).await;
    let tenant = owner.me().await["activeMembership"]["tenant"]["id"].clone();
    assert_eq!(codes(&change(&owner, &id, "admin").await), ["LAST_OWNER"]);
    assert_eq!(codes(&act(&owner, "suspendMember", &id).await), ["LAST_OWNER"]);
    assert_eq!(codes(&act(&owner, "removeMember", &id).await), ["LAST_OWNER"]);
    assert_eq!(codes(&leave(&owner, &tenant).await), ["LAST_OWNER"]);
    assert_eq!(owner.me().await["activeMembership"]["role"]["key"], "owner");
    assert_eq!(app.events(id.as_str().unwrap()).await, ["membership.created"]);
}

#[tokio::test]
async fn ownership_is_handed_over_in_one_step() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let (from, to) = (member(&owner).await, member(&admin).await);
    let input = json!({ "membershipId": from });
    assert_eq!(admin.mutate_err("transferOwnership", input).await, "FORBIDDEN");
    assert_eq!(codes(&act(&owner, "transferOwnership", &from).await), ["BAD_USER_INPUT"], "not to oneself");
    let payload = act(&owner, "transferOwnership", &to).await;
    assert_eq!(
        payload["membership"],
        json!({ "status": "ACTIVE", "role": { "key": "owner" }, "user": { "email": "adam@acme.test" } })
    );
    assert_eq!(owner.me().await["activeMembership"]["role"]["key"], "admin");
    assert_eq!(admin.me().await["activeMembership"]["role"]["key"], "owner");
}

#[tokio::test]
async fn t35_what_a_mutation_took_from_the_caller_is_gone_in_its_own_answer() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let grantable = "tenant { viewerCan { manageTenant grantRoles { key } } }";
    let before = owner.ask(&format!("{{ me {{ activeMembership {{ {grantable} }} }} }}"), json!({})).await;
    let keys = |can: &Value| {
        can["viewerCan"]["grantRoles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|role| role["key"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&before["data"]["me"]["activeMembership"]["tenant"]), ["owner", "admin", "member"]);
    let fields = format!("membership {{ {grantable} }}");
    let input = json!({ "membershipId": member(&admin).await });
    let payload = owner.mutate("transferOwnership", &fields, input).await;
    assert_eq!(keys(&payload["membership"]["tenant"]), ["admin", "member"]);
}

#[tokio::test]
async fn t37_members_of_another_tenant_are_not_found_and_strangers_unauthenticated() {
    let app = TestApp::new().await;
    let acme = app.owner_of("acme").await;
    let globex = app.owner_of("globex").await;
    let max = app.member(&acme, "max@acme.test", "member").await;
    let (id, other) = (member(&max).await, acme.me().await["activeMembership"]["tenant"]["id"].clone());
    for name in ["suspendMember", "reinstateMember", "removeMember", "transferOwnership"] {
        for target in [&id, &json!("mem_1"), &json!("mem_00000000000070008000000000000000")] {
            assert_eq!(codes(&act(&globex, name, target).await), ["NOT_FOUND"], "{name} {target}");
        }
        assert_eq!(app.stranger().mutate_err(name, json!({ "membershipId": id })).await, "UNAUTHENTICATED");
    }
    assert_eq!(codes(&change(&globex, &id, "member").await), ["NOT_FOUND"]);
    assert_eq!(codes(&leave(&globex, &other).await), ["NOT_FOUND"]);
    for name in ["suspendMember", "reinstateMember", "removeMember"] {
        assert_eq!(max.mutate_err(name, json!({ "membershipId": id })).await, "FORBIDDEN", "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t59_two_owners_who_leave_at_once_200_times_leave_one() {
    let app = TestApp::with(&["--limit-invites-per-hour=10000"]).await;
    let one = app.owner().await;
    let two = app.member(&one, "two@acme.test", "owner").await;
    let tenant = one.me().await["activeMembership"]["tenant"]["id"].clone();
    let owners = "SELECT COUNT(*) FROM membership WHERE status = 'active'";
    for round in 0..200 {
        let leaving = [one.clone(), two.clone()].map(|client| {
            let tenant = tenant.clone();
            tokio::spawn(async move { leave(&client, &tenant).await })
        });
        let mut outcomes = Vec::new();
        for task in leaving {
            outcomes.push(codes(&task.await.unwrap()).join(","));
        }
        outcomes.sort();
        assert_eq!(outcomes, ["", "LAST_OWNER"], "round {round}");
        assert_eq!(app.number(owners).await, 1);
        // Whoever left is put back for the next round.
        for email in ["owner@acme.test", "two@acme.test"] {
            app.put("acme", email, "owner").await;
        }
    }
}

#[tokio::test]
async fn members_are_listed_filtered_and_paged_for_each_other() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let other = app.owner_of("globex").await;
    let max = app.member(&owner, "max@acme.test", "member").await;
    let adam = app.member(&owner, "adam@acme.test", "admin").await;
    act(&owner, "suspendMember", &member(&adam).await).await;
    let query = "query Q($first: Int, $after: String, $filter: MemberFilter) { tenant(by: { slug: \"acme\" }) {
        members(first: $first, after: $after, filter: $filter) { totalCount nodes { user { email } } pageInfo { hasNextPage endCursor } } } }";
    let list = async |client: &Client, variables: Value| {
        client.ask(query, variables).await["data"]["tenant"]["members"].clone()
    };
    let emails = |page: &Value| -> Vec<String> {
        page["nodes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n["user"]["email"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = list(&max, json!({})).await;
    assert_eq!(emails(&all), ["owner@acme.test", "max@acme.test", "adam@acme.test"]);
    assert_eq!(all["totalCount"], 3);
    let first = list(&owner, json!({ "first": 2 })).await;
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    let rest = list(&owner, json!({ "first": 2, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(emails(&rest), ["adam@acme.test"]);
    for (filter, expected) in [
        (json!({ "roleKey": ["owner", "member"] }), vec!["owner@acme.test", "max@acme.test"]),
        (json!({ "status": ["SUSPENDED"] }), vec!["adam@acme.test"]),
        (json!({ "search": "OLIVIA" }), vec!["owner@acme.test"]),
        (json!({ "search": "adam@" }), vec!["adam@acme.test"]),
        (json!({ "search": "%" }), vec![]),
    ] {
        assert_eq!(emails(&list(&owner, json!({ "filter": filter })).await), expected, "{filter}");
    }
    let forged = owner.ask(query, json!({ "first": 0 })).await;
    assert_eq!(forged["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(other.ask(query, json!({})).await["data"]["tenant"], Value::Null);
}

#[tokio::test]
async fn what_the_viewer_can_is_what_the_rules_enforce() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let max = app.member(&owner, "max@acme.test", "member").await;
    let can = async |client: &Client| {
        let query = "{ tenant(by: { slug: \"acme\" }) { viewerCan { invite manageMembers manageRoles approveResets viewEvents
            manageTenant grantRoles { key } } } }";
        client.ask(query, json!({})).await["data"]["tenant"]["viewerCan"].clone()
    };
    let keys = |can: &Value| -> Vec<String> {
        can["grantRoles"]
            .as_array()
            .unwrap()
            .iter()
            .map(|role| role["key"].as_str().unwrap().to_owned())
            .collect()
    };
    let (theirs, his, hers) = (can(&owner).await, can(&admin).await, can(&max).await);
    assert_eq!(keys(&theirs), ["owner", "admin", "member"]);
    assert_eq!(keys(&his), ["admin", "member"]);
    assert_eq!(
        (&his["manageTenant"], &his["invite"], &theirs["manageTenant"]),
        (&json!(false), &json!(true), &json!(true))
    );
    assert_eq!((&hers["invite"], &hers["viewEvents"]), (&json!(false), &json!(false)));
    app.sql("UPDATE tenant SET status = 'suspended'").await;
    assert_eq!(can(&owner).await["invite"], false, "as invite would refuse");
}
