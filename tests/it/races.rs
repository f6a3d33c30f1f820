//! Many at once: one wins, everybody gets a typed answer.

use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp, codes};

const ACCEPT: &str = "mutation A($input: AcceptInvitationInput!) { acceptInvitation(input: $input) {
    tokens { accessToken } membership { id } userErrors { code } } }";
const CANCEL: &str = "mutation C($input: CancelInvitationInput!) { cancelInvitation(input: $input) {
    invitation { status } userErrors { code } } }";

async fn invitation(app: &TestApp, owner: &Client, email: &str) -> (String, Value) {
    let invitation = owner.invited(email).await;
    app.tick().await;
    (app.mail_to(email).await.token.unwrap(), invitation["id"].clone())
}

fn account(token: &str) -> Value {
    json!({ "input": { "token": token, "name": "Ann", "password": PASSWORD } })
}

#[tokio::test(flavor = "multi_thread")]
async fn t32_fifty_simultaneous_accepts_make_one_member_and_49_typed_refusals() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let (token, _) = invitation(&app, &owner, "ann@x.test").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (stranger, variables) = (app.stranger(), account(&token));
        tasks.spawn(async move { stranger.ask(ACCEPT, variables).await });
    }
    let answers = tasks.join_all().await;
    let payloads: Vec<&Value> = answers.iter().map(|answer| &answer["data"]["acceptInvitation"]).collect();
    assert_eq!(payloads.iter().filter(|p| p["tokens"].is_object()).count(), 1);
    assert_eq!(payloads.iter().filter(|p| codes(p) == ["ALREADY_ACCEPTED"]).count(), 49, "{answers:?}");
    let ann = "(SELECT id FROM \"user\" WHERE email_norm = 'ann@x.test')";
    assert_eq!(app.number("SELECT COUNT(*) FROM \"user\" WHERE email_norm = 'ann@x.test'").await, 1);
    assert_eq!(app.number(&format!("SELECT COUNT(*) FROM membership WHERE user_id = {ann}")).await, 1);
    assert_eq!(app.number(&format!("SELECT COUNT(*) FROM session WHERE user_id = {ann}")).await, 1);
    assert_eq!(
        app.number("SELECT COUNT(*) FROM event WHERE kind = 'invitation.accepted'").await,
        2,
        "hers and the owner's"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t33_accept_against_cancel_has_one_winner_500_times() {
    let limits = [
        "--limit-invites-per-hour=10000",
        "--limit-invites-per-tenant-day=10000",
        "--limit-pending-per-tenant=10000",
    ];
    let app = TestApp::with(&limits).await;
    let owner = app.owner().await;
    let (mut accepted, mut cancelled) = (0, 0);
    for n in 0..500 {
        // Link-only, so that each round needs no mail.
        let payload = owner.invite(json!({ "email": format!("a{n}@x.test"), "delivery": "LINK_ONLY" })).await;
        let token = payload["link"].as_str().unwrap().split('#').nth(1).unwrap().to_owned();
        let cancel = json!({ "input": { "invitationId": payload["invitation"]["id"] } });
        let (stranger, canceller) = (app.stranger(), owner.clone());
        let accepting = tokio::spawn(async move { stranger.ask(ACCEPT, account(&token)).await });
        // Accepting has a password to hash: in some rounds it gets a head start of a few requests.
        let cancelling = tokio::spawn(async move {
            for _ in 0..n % 6 {
                canceller.me().await;
            }
            canceller.ask(CANCEL, cancel).await
        });
        let (accept, cancel) = (accepting.await.unwrap(), cancelling.await.unwrap());
        let accept = &accept["data"]["acceptInvitation"];
        let cancel = &cancel["data"]["cancelInvitation"];
        let (joined, withdrawn) = (accept["tokens"].is_object(), codes(cancel).is_empty());
        assert!(joined != withdrawn, "round {n}: {accept} {cancel}");
        if joined {
            assert_eq!(codes(cancel), ["NOT_PENDING"]);
            assert_eq!(cancel["invitation"]["status"], "ACCEPTED");
        } else {
            assert_eq!(codes(accept), ["NOT_PENDING"]);
        }
        accepted += u32::from(joined);
        cancelled += u32::from(withdrawn);
    }
    assert!(accepted > 0 && cancelled > 0, "{accepted} accepted, {cancelled} cancelled");
    assert_eq!(app.number("SELECT COUNT(*) FROM membership").await, i64::from(accepted) + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_invite_one_address_at_once_make_one_invitation() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let admin = app.member(&owner, "adam@acme.test", "admin").await;
    let query = "mutation I($input: InviteInput!) { invite(input: $input) { created invitation { id } userErrors { code } } }";
    for n in 0..20 {
        let variables = json!({ "input": { "email": format!("a{n}@x.test") } });
        let asks = [owner.clone(), admin.clone(), owner.clone()].map(|client| {
            let variables = variables.clone();
            tokio::spawn(async move { client.ask(query, variables).await["data"]["invite"].clone() })
        });
        let mut payloads = Vec::new();
        for ask in asks {
            payloads.push(ask.await.unwrap());
        }
        assert_eq!(payloads.iter().filter(|p| p["created"] == true).count(), 1, "{payloads:?}");
        assert!(payloads.iter().all(|p| p["invitation"]["id"] == payloads[0]["invitation"]["id"]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t19_simultaneous_refreshes_have_one_successor() {
    let app = TestApp::new().await;
    let owner = app.owner().await;
    let mut token = owner.refresh.clone().unwrap();
    let query = "mutation R($input: RefreshInput!) { refresh(input: $input) { tokens { refreshToken } userErrors { code } } }";
    for round in 0..20 {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (client, variables) = (app.stranger(), json!({ "input": { "refreshToken": token } }));
            tasks.spawn(async move {
                client.ask(query, variables).await["data"]["refresh"]["tokens"]["refreshToken"].clone()
            });
        }
        let successors = tasks.join_all().await;
        assert!(
            successors.iter().all(|s| s.is_string() && *s == successors[0]),
            "round {round}: {successors:?}"
        );
        token = successors[0].as_str().unwrap().to_owned();
    }
    assert_eq!(app.number("SELECT refresh_counter FROM session").await, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn t22_after_signing_out_no_refresh_brings_the_session_back() {
    let app = TestApp::new().await;
    app.owner().await;
    let refresh = "mutation R($input: RefreshInput!) { refresh(input: $input) { tokens { accessToken refreshToken } userErrors { code } } }";
    let mut refreshed_first = 0;
    for _ in 0..200 {
        app.sql("DELETE FROM rate_limit").await;
        let owner = app.signed_in("owner@acme.test").await;
        let variables = json!({ "input": { "refreshToken": owner.refresh } });
        let (refreshing, leaving) = (app.stranger(), owner.clone());
        let refreshed = tokio::spawn(async move { refreshing.ask(refresh, variables).await });
        let left = tokio::spawn(async move {
            leaving.ask("mutation { logout { userErrors { code } } }", json!({})).await
        });
        let (refreshed, _) = (refreshed.await.unwrap(), left.await.unwrap());
        let tokens = &refreshed["data"]["refresh"]["tokens"];
        if tokens.is_object() {
            refreshed_first += 1;
            let mut late = app.stranger();
            late.adopt(tokens);
            assert_eq!(late.me().await, Value::Null);
            assert_eq!(codes(&late.refresh_with(late.refresh.as_ref().unwrap()).await), ["TOKEN_INVALID"]);
        }
    }
    assert!(refreshed_first > 0, "a refresh came first at least once");
}

#[tokio::test(flavor = "multi_thread")]
async fn t33_accept_against_decline_and_resend_has_one_outcome_each() {
    let limits = ["--limit-invites-per-hour=10000", "--limit-invites-per-tenant-day=10000"];
    let app = TestApp::with(&limits).await;
    let mut owner = app.owner().await;
    let decline = "mutation D($input: DeclineInvitationInput!) { declineInvitation(input: $input) {
        invitation { status } userErrors { code } } }";
    let resend = "mutation R($input: ResendInvitationInput!) { resendInvitation(input: $input) {
        invitation { status } userErrors { code } } }";
    for n in 0..60 {
        let (token, id) = invitation(&app, &owner, &format!("a{n}@x.test")).await;
        app.advance(chrono::TimeDelta::seconds(60));
        owner.renew().await;
        let declining = n % 2 == 0;
        let (other, query, variables) = if declining {
            (app.stranger(), decline, json!({ "input": { "token": token } }))
        } else {
            (owner.clone(), resend, json!({ "input": { "invitationId": id } }))
        };
        let stranger = app.stranger();
        let accepting = tokio::spawn(async move { stranger.ask(ACCEPT, account(&token)).await });
        let against = tokio::spawn(async move {
            for _ in 0..n % 5 {
                other.me().await;
            }
            other.ask(query, variables).await
        });
        let (accept, against) = (accepting.await.unwrap(), against.await.unwrap());
        let accept = &accept["data"]["acceptInvitation"];
        let against = &against["data"][if declining { "declineInvitation" } else { "resendInvitation" }];
        if accept["tokens"].is_object() {
            let code = codes(against);
            assert!(code == ["NOT_PENDING"] || code == ["ALREADY_MEMBER"], "round {n}: {against}");
        } else {
            assert_eq!(codes(against), Vec::<&str>::new(), "round {n}");
            assert_eq!(
                codes(accept),
                [if declining { "NOT_PENDING" } else { "SUPERSEDED" }],
                "round {n}: {accept}"
            );
        }
    }
    app.tick().await;
    app.mails().await;
}
