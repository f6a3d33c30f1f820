//! What a session speaks for as it begins: which tenant, and with which role.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, codes};

/// Tenant and role that an access token names, and whether it permits anything.
fn claims(client: &Client) -> (Value, Value, bool) {
    let token = client.access.as_ref().unwrap();
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    let permits = claims["permissions"].as_array().is_some_and(|all| !all.is_empty());
    (claims["tid"].clone(), claims["role"].clone(), permits)
}

/// Signs in, and looks whether the access token says what the next one does as well.
async fn enters(app: &TestApp, email: &str) -> (Value, Value, bool) {
    let mut client = app.stranger();
    client.login(email, PASSWORD).await.unwrap();
    let first = claims(&client);
    client.renew().await;
    assert_eq!(claims(&client), first, "the token that follows says the same");
    first
}

async fn names(app: &TestApp, email: &str, tenant: &Value) -> Result<Client, Vec<String>> {
    let mut client = app.stranger();
    let input = json!({ "email": email, "password": PASSWORD, "tenantId": tenant });
    let payload = client.mutate("login", "tokens { accessToken refreshToken }", input).await;
    if !codes(&payload).is_empty() {
        return Err(codes(&payload).into_iter().map(str::to_owned).collect());
    }
    client.adopt(&payload["tokens"]);
    Ok(client)
}

async fn id_of(client: &Client) -> Value {
    client.me().await["activeMembership"]["tenant"]["id"].clone()
}

#[tokio::test]
async fn a_session_speaks_for_the_tenant_used_last_where_its_user_still_may() {
    let app = TestApp::with(&["--limit-login-per-address=100", "--limit-login-per-ip=100"]).await;
    let acme = id_of(&app.owner_of("acme").await).await;
    let globex = id_of(&app.owner_of("globex").await).await;
    app.put("globex", "owner@acme.test", "member").await;
    let email = "owner@acme.test";
    assert_eq!(enters(&app, email).await, (acme.clone(), json!("owner"), true));
    let named = names(&app, email, &globex).await.unwrap();
    assert_eq!(claims(&named), (globex.clone(), json!("member"), false));
    assert_eq!(enters(&app, email).await, (globex.clone(), json!("member"), false), "it was used last");

    let there = "tenant_id = (SELECT id FROM tenant WHERE slug = 'globex')
        AND user_id = (SELECT id FROM \"user\" WHERE email = 'owner@acme.test')";
    for (closed, open) in [
        (
            format!("UPDATE membership SET status = 'suspended' WHERE {there}"),
            format!("UPDATE membership SET status = 'active' WHERE {there}"),
        ),
        (
            "UPDATE tenant SET status = 'suspended' WHERE slug = 'globex'".to_owned(),
            "UPDATE tenant SET status = 'active' WHERE slug = 'globex'".to_owned(),
        ),
        (
            "UPDATE tenant SET status = 'deleted' WHERE slug = 'globex'".to_owned(),
            "UPDATE tenant SET status = 'active' WHERE slug = 'globex'".to_owned(),
        ),
    ] {
        app.sql(&closed).await;
        assert_eq!(names(&app, email, &globex).await.err().unwrap(), ["NOT_FOUND"], "{closed}");
        assert_eq!(enters(&app, email).await, (acme.clone(), json!("owner"), true), "{closed}");
        app.sql(&open).await;
        names(&app, email, &globex).await.unwrap();
    }

    // A role that a newer version has changed is in nobody's way who speaks for another tenant.
    names(&app, email, &acme).await.unwrap();
    app.sql("UPDATE role SET permissions = 'travel_in_time' WHERE key = 'member' AND tenant_id = (SELECT id FROM tenant WHERE slug = 'globex')").await;
    assert_eq!(enters(&app, email).await, (acme.clone(), json!("owner"), true));

    app.sql("UPDATE membership SET status = 'suspended' WHERE user_id = (SELECT id FROM \"user\" WHERE email = 'owner@acme.test')").await;
    assert_eq!(enters(&app, email).await, (Value::Null, Value::Null, false), "no tenant is open to them");
}

#[tokio::test]
async fn an_administrator_of_the_platform_speaks_for_any_tenant_and_has_a_role_where_they_are_in() {
    let app = TestApp::new().await;
    app.superuser().await;
    let acme = id_of(&app.owner_of("acme").await).await;
    let email: String = app.value("SELECT email FROM \"user\" WHERE is_superuser").await;
    assert_eq!(enters(&app, &email).await, (Value::Null, Value::Null, false), "they are in none");
    let named = names(&app, &email, &acme).await.unwrap();
    assert_eq!(claims(&named), (Value::Null, Value::Null, false), "a token names a tenant with a role");
    let speaks = |client: Client| async move {
        client.ask("{ invitations(first: 1) { totalCount } }", json!({})).await
    };
    assert_eq!(speaks(named).await["data"]["invitations"]["totalCount"], 1);

    app.put("acme", &email, "owner").await;
    let owns = (acme.clone(), json!("owner"), true);
    assert_eq!(claims(&names(&app, &email, &acme).await.unwrap()), owns);
    app.sql("UPDATE tenant SET status = 'deleted'").await;
    assert_eq!(claims(&names(&app, &email, &acme).await.unwrap()), owns, "they may still look at it");
    app.sql("UPDATE tenant SET status = 'active'").await;
    app.sql("UPDATE membership SET status = 'suspended' WHERE user_id = (SELECT id FROM \"user\" WHERE is_superuser)").await;
    assert_eq!(enters(&app, &email).await, (Value::Null, Value::Null, false));
    assert_eq!(
        names(&app, &email, &json!("ten_00000000000000000000000000000000")).await.err().unwrap(),
        ["NOT_FOUND"]
    );
}
