//! Every mutation is in a class of limits: what guesses or sends mail is refused at the third time where two are allowed,
//! everything else needs a session. A mutation that is added has to choose.

use apollo_compiler::Schema;
use serde_json::{Value, json};

use crate::support::{Client, PASSWORD, TestApp};

/// What bounds how often a mutation can be tried.
enum Class {
    /// Guesses, or sends mail: counted by address, network, tenant or inviter. Tried by a stranger, with this input.
    Counted(Value),
    /// The same, tried by who is signed in.
    CountedSession(Value),
    /// Needs a session and the right to it.
    Session,
    /// Ends sessions, guesses at nothing and answers alike.
    Harmless,
}

fn class(name: &str, round: usize) -> Option<Class> {
    use Class::{Counted, CountedSession, Harmless, Session};
    let token = json!({ "token": "gl_inv_guess" });
    Some(match name {
        "login" => Counted(json!({ "email": "owner@acme.test", "password": format!("guess {round}") })),
        "refresh" => Counted(json!({ "refreshToken": "gl_ref_guess" })),
        "acceptInvitation" | "declineInvitation" => Counted(token),
        "resetPassword" => Counted(json!({ "token": "gl_rst_guess", "newPassword": PASSWORD })),
        "ratePassword" => Counted(json!({ "password": "guess" })),
        "requestReset" => Counted(json!({ "email": "owner@acme.test" })),
        "changePassword" => CountedSession(
            json!({ "currentPassword": "guess", "newPassword": "a battery of correct staples" }),
        ),
        "invite" => {
            CountedSession(json!({ "email": format!("guest{round}@x.test"), "delivery": "LINK_ONLY" }))
        }
        "inviteMany" => CountedSession(json!({ "rows": [{ "email": format!("row{round}@x.test") }] })),
        "logout" => Harmless,
        "logoutAll"
        | "revokeSession"
        | "switchTenant"
        | "updateProfile"
        | "createTenant"
        | "resendInvitation"
        | "cancelInvitation"
        | "approveReset"
        | "rejectReset"
        | "cancelReset"
        | "changeMemberRole"
        | "suspendMember"
        | "reinstateMember"
        | "removeMember"
        | "leaveTenant"
        | "transferOwnership"
        | "createRole"
        | "updateRole"
        | "deleteRole"
        | "updateTenant"
        | "suspendTenant"
        | "reinstateTenant"
        | "deleteTenant"
        | "createWebhookEndpoint"
        | "updateWebhookEndpoint"
        | "deleteWebhookEndpoint"
        | "rotateWebhookSecret"
        | "redeliverWebhook"
        | "revokeUserSessions"
        | "retryMail"
        | "cancelMail" => Session,
        _ => return None,
    })
}

/// Which of the first three tries are refused for their number.
async fn three(client: &Client, name: &str) -> Vec<&'static str> {
    let kind = format!("{}{}Input!", name[..1].to_uppercase(), &name[1..]);
    let query =
        format!("mutation Do($input: {kind}) {{ {name}(input: $input) {{ userErrors {{ code }} }} }}");
    let mut codes = Vec::new();
    for round in 0..3 {
        let Some(Class::Counted(input) | Class::CountedSession(input)) = class(name, round) else { continue };
        let answer = client.ask(&query, json!({ "input": input })).await;
        let refused = &answer["errors"][0]["extensions"]["code"];
        let payload = &answer["data"][name]["userErrors"][0]["code"];
        let limited = [refused, payload]
            .iter()
            .any(|code| ["RATE_LIMITED", "QUOTA_EXCEEDED"].iter().any(|c| *code == c));
        codes.push(if limited { "limited" } else { "" });
    }
    codes
}

#[tokio::test]
async fn every_mutation_is_in_a_class_of_limits() {
    let schema = Schema::parse(guestlist::schema::sdl(), "schema.graphql").unwrap();
    let mutations: Vec<String> =
        schema.get_object("Mutation").unwrap().fields.keys().map(ToString::to_string).collect();
    assert!(mutations.len() > 30);
    for name in &mutations {
        let Some(class) = class(name, 0) else { panic!("{name} is in no class of limits: choose one") };
        let two = [
            "login-per-address",
            "login-per-ip",
            "tokens-per-ip",
            "ratings-per-ip",
            "invites-per-hour",
            "resets-per-address",
        ];
        let limits: Vec<String> = two.iter().map(|limit| format!("--limit-{limit}=2")).collect();
        let mut args: Vec<&str> = limits.iter().map(String::as_str).collect();
        args.push("--access-ttl=1d");
        match class {
            Class::Counted(_) => {
                let app = TestApp::with(&args).await;
                app.owner().await;
                assert_eq!(three(&app.stranger(), name).await, ["", "", "limited"], "{name}");
            }
            Class::CountedSession(_) => {
                let app = TestApp::with(&args).await;
                let owner = app.owner().await;
                assert_eq!(three(&owner, name).await, ["", "", "limited"], "{name}");
            }
            // The matrix holds each of them against strangers and every kind of member.
            Class::Session | Class::Harmless => {}
        }
    }
}
