//! Access tokens: what they say, and what is no token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Client, TestApp};

fn part(token: &str, index: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(index).unwrap()).unwrap()).unwrap()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

async fn is_refused(owner: &Client, token: String) -> bool {
    let mut client = owner.clone();
    client.access = Some(token);
    client.me().await.is_null()
}

#[tokio::test]
async fn an_access_token_names_user_session_tenant_role_and_permissions() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    owner.renew().await;
    let token = owner.access.clone().unwrap();
    let header = part(&token, 0);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
    let claims = part(&token, 1);
    let me = owner.me().await;
    assert_eq!(claims["sub"], me["id"]);
    assert_eq!(claims["tid"], me["activeMembership"]["tenant"]["id"]);
    assert_eq!(claims["role"], "owner");
    assert_eq!(claims["permissions"].as_array().unwrap().len(), 6);
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!("http://localhost:8000"), &json!("http://localhost:8000"))
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    let keys = app.stranger().get("/.well-known/jwks.json").await.json();
    let key = &keys["keys"][0];
    assert_eq!((&key["kid"], &key["crv"], &key["kty"]), (&header["kid"], &json!("Ed25519"), &json!("OKP")));
    assert!(key.get("d").is_none(), "the private part stays here");
}

#[tokio::test]
async fn a_published_key_verifies_the_token_elsewhere() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let keys = app.stranger().get("/.well-known/jwks.json").await.json();
    let public = URL_SAFE_NO_PAD.decode(keys["keys"][0]["x"].as_str().unwrap()).unwrap();
    let token = owner.access.clone().unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, public);
    assert!(key.verify(message.as_bytes(), &signature).is_ok());
}

#[tokio::test]
async fn t14_t15_t16_t18_altered_tokens_are_refused() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let token = owner.access.clone().unwrap();
    let signature = token.rsplit('.').next().unwrap();
    let (header, claims) = (part(&token, 0), part(&token, 1));
    let mut forged = vec![
        String::new(),
        "nonsense".to_owned(),
        token[..token.len() - 4].to_owned(),
        owner.refresh.clone().unwrap(),
    ];
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("RS256")),
        ("alg", json!("ES256")),
        ("typ", json!("JWT")),
        ("kid", json!("../../dev/null")),
        ("kid", json!("' OR 1=1 --")),
        ("kid", json!("x".repeat(10_000))),
        ("jku", json!("http://127.0.0.1:9/keys")),
    ] {
        let mut header = header.clone();
        header[name] = value;
        forged.push(format!("{}.{}.{signature}", encode(&header), encode(&claims)));
        forged.push(format!("{}.{}.", encode(&header), encode(&claims)));
    }
    for (name, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(-1)),
        ("exp", Value::Null),
        ("sub", json!("usr_1")),
        ("sid", json!(7)),
    ] {
        let mut claims = claims.clone();
        claims[name] = value;
        forged.push(format!("{}.{}.{signature}", encode(&header), encode(&claims)));
    }
    for token in forged {
        assert!(is_refused(&owner, token.clone()).await, "{token}");
    }
    assert!(!is_refused(&owner, token).await);
}

#[tokio::test]
async fn t16_claims_that_are_missing_or_of_another_type_are_refused_though_they_are_signed() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let token = owner.access.clone().unwrap();
    let (mut header, claims) = (jsonwebtoken::decode_header(&token).unwrap(), part(&token, 1));
    let sealed: String = app.value("SELECT sealed_private_key FROM signing_key").await;
    let kid = header.kid.clone().unwrap();
    let (private, _) = app.app.keys.unseal(&kid, &sealed).unwrap();
    let key = jsonwebtoken::EncodingKey::from_ed_der(&private);
    let sign =
        |header: &jsonwebtoken::Header, claims: &Value| jsonwebtoken::encode(header, claims, &key).unwrap();
    assert!(!is_refused(&owner, sign(&header, &claims)).await, "the key signs");
    for (name, value) in [
        ("exp", json!("9999999999")),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("exp", json!(null)),
        ("exp", json!(true)),
        ("iat", json!("now")),
        ("iat", json!(9_999_999_999_i64)),
        ("iss", json!("https://evil.test")),
        ("iss", json!(null)),
        ("aud", json!(["https://evil.test"])),
        ("aud", json!("http://localhost:80000")),
        ("sub", json!(7)),
        ("sid", json!("ses_x")),
        ("sid", json!(null)),
        ("permissions", json!("all")),
    ] {
        let mut forged = claims.clone();
        forged[name] = value.clone();
        assert!(is_refused(&owner, sign(&header, &forged)).await, "{name}: {value}");
        forged.as_object_mut().unwrap().remove(name);
        assert!(is_refused(&owner, sign(&header, &forged)).await, "no {name}");
    }
    for typ in [None, Some("JWT"), Some("at+JWT "), Some("gl_ref")] {
        header.typ = typ.map(str::to_owned);
        assert!(is_refused(&owner, sign(&header, &claims)).await, "{typ:?}");
    }
}

#[tokio::test]
async fn t15_a_key_is_found_by_its_exact_name_and_nowhere_else() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let token = owner.access.clone().unwrap();
    let claims = part(&token, 1);
    let kid = part(&token, 0)["kid"].as_str().unwrap().to_owned();
    let own = aws_lc_rs::signature::Ed25519KeyPair::generate().unwrap();
    let private = own.to_pkcs8v1().unwrap();
    let key = jsonwebtoken::EncodingKey::from_ed_der(private.as_ref());
    for name in ["../../dev/null", "' OR 1=1 --", &kid.to_lowercase(), &format!("{kid}\0"), &kid, ""] {
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::EdDSA);
        (header.typ, header.kid) = (Some("at+jwt".to_owned()), Some(name.to_owned()));
        header.jku = Some("http://127.0.0.1:9/keys".to_owned());
        header.x5u = Some("http://127.0.0.1:9/chain".to_owned());
        assert!(is_refused(&owner, jsonwebtoken::encode(&header, &claims, &key).unwrap()).await, "{name}");
    }
}

#[tokio::test]
async fn t18_a_token_of_another_instance_is_refused() {
    let (here, there) = (TestApp::new().await, TestApp::new().await);
    let owner = here.owner().await;
    let foreign = there.owner().await.access.unwrap();
    assert!(is_refused(&owner, foreign).await);
}

#[tokio::test]
async fn clocks_may_disagree_by_thirty_seconds() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    app.advance(TimeDelta::seconds(629));
    assert!(owner.me().await["id"].is_string());
    app.advance(TimeDelta::seconds(1));
    assert_eq!(owner.me().await, Value::Null);
    app.advance(TimeDelta::seconds(-661));
    assert_eq!(owner.me().await, Value::Null, "issued more than thirty seconds from now");
}

#[tokio::test]
async fn a_change_of_the_secret_voids_nothing_while_the_old_one_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) =
        ("--secret-key=kJ8sPq2vXw9zL4mN7bR1tY6uI3oA5dF0", "--secret-key=0Fd5Ao3Iu6Yt1Rb7Nm4Lz9wXv2qPs8Jk");
    let database = crate::support::database::Fresh::new();
    let config = |args: &[&str]| {
        let mut config = crate::support::options(&folder, args).check().unwrap();
        if let Some(database) = &database {
            config.database_url = database.url.clone().into();
        }
        config.mail = guestlist::config::MailTarget::Memory;
        config
    };
    let spare = || tempfile::tempdir().unwrap();
    let before = TestApp::over(config(&[old]), spare()).await;
    let mut owner = before.owner().await;
    owner.invited("ann@x.test").await;
    before.tick().await;
    let link = before.mail_to("ann@x.test").await.token;
    drop(before);

    let previous = "--secret-key-previous=kJ8sPq2vXw9zL4mN7bR1tY6uI3oA5dF0";
    let during = TestApp::over(config(&[new, previous]), spare()).await;
    let mut client = during.stranger();
    (client.access, client.refresh) = (owner.access.take(), owner.refresh.take());
    assert_eq!(client.me().await["name"], "Olivia Owner");
    client.renew().await;
    let seen =
        client.ask("query Q($t: String!) { invitation(token: $t) { nextStep } }", json!({ "t": link })).await;
    assert_eq!(seen["data"]["invitation"]["nextStep"], "SWITCH_ACCOUNT");
    drop(during);

    let after = TestApp::over(config(&[new]), spare()).await;
    let mut again = after.stranger();
    (again.access, again.refresh) = (client.access.take(), client.refresh.take());
    assert_eq!(again.me().await["name"], "Olivia Owner", "the signing key was sealed anew");
    again.renew().await;
    let seen =
        again.ask("query Q($t: String!) { invitation(token: $t) { nextStep } }", json!({ "t": link })).await;
    assert_eq!(seen["errors"][0]["extensions"]["code"], "TOKEN_INVALID", "the old secret is forgotten");
}

#[tokio::test]
async fn t28_no_token_is_in_the_database() {
    let app = TestApp::new().await;
    let mut owner = app.owner().await;
    owner.invited("ann@x.test").await;
    app.tick().await;
    let link = app.mail_to("ann@x.test").await.token.unwrap();
    owner.renew().await;
    for (place, bytes) in stored(&app).await {
        for token in [&link, owner.refresh.as_ref().unwrap(), owner.access.as_ref().unwrap()] {
            let found = bytes.windows(token.len()).any(|window| window == token.as_bytes());
            assert!(!found, "{token} in {place}");
        }
        assert!(!bytes.windows(7).any(|window| window == b"gl_inv_"), "{place}");
    }
}

/// Everything that is stored: the bytes of the SQLite files, or every row of PostgreSQL as text.
async fn stored(app: &TestApp) -> Vec<(String, Vec<u8>)> {
    use sea_orm::ConnectionTrait as _;
    if let Some(path) = guestlist::db::sqlite_path(&app.app.config.database_url) {
        let files = [path.clone(), path.with_extension("db-wal")];
        return files.map(|file| (file.display().to_string(), std::fs::read(&file).unwrap())).into();
    }
    let db = app.app.db.reader();
    let mut rows = Vec::new();
    for table in guestlist_migration::TABLES {
        let query = format!("SELECT CAST(t AS text) FROM \"{table}\" t");
        let statement = sea_orm::Statement::from_string(db.get_database_backend(), query);
        for row in db.query_all_raw(statement).await.unwrap() {
            rows.push(((*table).to_owned(), row.try_get_by_index::<String>(0).unwrap().into_bytes()));
        }
    }
    assert!(rows.len() > 10, "{rows:?}");
    rows
}

#[tokio::test]
async fn r27_a_new_signing_key_signs_nobody_out_and_other_replicas_know_it_at_once() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let kid = |token: &str| {
        use base64::Engine as _;
        let header = token.split('.').next().unwrap();
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
    };
    let published = async |app: &TestApp| {
        let keys = app.stranger().get("/.well-known/jwks.json").await.json();
        let keys = keys["keys"].as_array().unwrap().clone();
        let kids = keys.into_iter().map(|key| key["kid"].as_str().unwrap().to_owned());
        kids.collect::<std::collections::BTreeSet<_>>()
    };
    let old = kid(owner.access.as_ref().unwrap());
    // Another process over the same database, started before the rotation.
    let mut config = app.app.config.clone();
    config.mail = guestlist::config::MailTarget::Memory;
    let db = guestlist::db::Db::open(&config.database_url).await.unwrap();
    let replica = guestlist::app::App::new(config, db, app.app.clock.clone()).await.unwrap();

    let new = app.app.access_keys.rotate(&app.app).await.unwrap();
    assert_ne!(new, old);
    assert!(owner.me().await["id"].is_string(), "a token of the old key is good until it ends");
    let fresh = app.signed_in("owner@acme.test").await;
    assert_eq!(kid(fresh.access.as_ref().unwrap()), new);
    app.advance(TimeDelta::seconds(1));
    for token in [&owner.access, &fresh.access] {
        let origin = guestlist::actor::Origin::default();
        let actor = guestlist::auth::service::authenticate(&replica, token.as_deref(), origin).await.unwrap();
        assert!(actor.principal().is_some(), "the other replica knows both keys");
    }
    assert_eq!(published(&app).await, [new.clone(), old].into());
    app.advance(TimeDelta::minutes(13));
    app.signed_in("owner@acme.test").await;
    assert_eq!(published(&app).await, [new].into(), "the old key is gone when its tokens have ended");
}

#[tokio::test]
async fn what_is_remembered_of_a_session_counts_only_while_nothing_changed() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let max = app.member(&owner, "max@acme.test", "member").await;
    let me = "{ me { name } }";
    for _ in 0..3 {
        assert_eq!(max.ask(me, json!({})).await["data"]["me"]["name"], "Max Member");
    }
    // Behind the service's back, by a connection of somebody else's.
    let other = sea_orm::Database::connect(&*app.app.config.database_url).await.unwrap();
    let change = async |statement: &str| {
        use sea_orm::ConnectionTrait as _;
        other.execute_unprepared(statement).await.unwrap();
    };
    change("UPDATE \"user\" SET name = 'Maxine' WHERE email = 'max@acme.test'").await;
    assert_eq!(max.ask(me, json!({})).await["data"]["me"]["name"], "Maxine");
    change("UPDATE \"user\" SET status = 'suspended' WHERE email = 'max@acme.test'").await;
    assert!(max.ask(me, json!({})).await["data"]["me"].is_null(), "with the very next request");
    change("UPDATE \"user\" SET status = 'active' WHERE email = 'max@acme.test'").await;
    assert_eq!(max.ask(me, json!({})).await["data"]["me"]["name"], "Maxine");
    // Time ends a session without any change: what is remembered is no excuse.
    let ends = app.app.config.access_ttl + chrono::TimeDelta::seconds(31);
    app.advance(ends);
    assert!(max.ask(me, json!({})).await["data"]["me"].is_null());
}

#[tokio::test]
async fn a_remembered_signature_ends_with_its_key() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    assert!(owner.ask("{ me { id } }", json!({})).await["data"]["me"].is_object());
    app.app.access_keys.rotate(&app.app).await.unwrap();
    assert!(owner.ask("{ me { id } }", json!({})).await["data"]["me"].is_object(), "for a while");
    app.sql("UPDATE signing_key SET retired_at = '2020-01-01 00:00:00+00:00' WHERE retired_at IS NOT NULL")
        .await;
    app.app.access_keys.rotate(&app.app).await.unwrap();
    assert!(
        owner.ask("{ me { id } }", json!({})).await["data"]["me"].is_null(),
        "a key that is gone verifies nothing"
    );
}
