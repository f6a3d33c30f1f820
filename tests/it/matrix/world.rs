//! Two tenants, everybody who can be in them, and targets made afresh.

use chrono::TimeDelta;
use serde_json::{Value, json};
use std::cell::Cell;

use super::classify;
use super::rows::Row;
use crate::support::{Client, PASSWORD, TestApp, reset};

/// Everybody who asks, in the order of a row's outcomes.
pub const ACTORS: [&str; 7] =
    ["anonymous", "member", "admin", "owner", "owner of another tenant", "suspended member", "superuser"];

const SLUGS: [&str; 2] = ["acme", "globex"];

/// One tenant and those who are in it.
pub struct Home {
    pub tenant: Value,
    pub owner: Client,
    pub admin: Client,
    pub member: Client,
    pub suspended: Client,
}

pub struct World {
    pub app: TestApp,
    pub homes: [Home; 2],
    pub root: Client,
    made: Cell<u32>,
}

async fn home(app: &TestApp, slug: &str) -> Home {
    let owner = app.owner_of(slug).await;
    let admin = app.member(&owner, &format!("admin@{slug}.test"), "admin").await;
    let member = app.member(&owner, &format!("member@{slug}.test"), "member").await;
    let suspended = app.member(&owner, &format!("suspended@{slug}.test"), "member").await;
    let membership = suspended.me().await["activeMembership"]["id"].clone();
    owner.mutate("suspendMember", "membership { id }", json!({ "membershipId": membership })).await;
    let tenant = owner.me().await["activeMembership"]["tenant"]["id"].clone();
    Home { tenant, owner, admin, member, suspended }
}

impl World {
    pub async fn new() -> Self {
        let app = TestApp::with(&[
            "--access-ttl=13d",
            "--limit-login-per-ip=10000",
            "--webhook-allow-private=true",
        ])
        .await;
        let homes = [home(&app, SLUGS[0]).await, home(&app, SLUGS[1]).await];
        let root = app.superuser().await;
        Self { app, homes, root, made: Cell::new(0) }
    }

    pub fn actor(&self, home: usize, place: usize) -> Client {
        let here = &self.homes[home];
        match ACTORS[place] {
            "anonymous" => self.app.stranger(),
            "member" => here.member.clone(),
            "admin" => here.admin.clone(),
            "owner" => here.owner.clone(),
            "owner of another tenant" => self.homes[1 - home].owner.clone(),
            "suspended member" => here.suspended.clone(),
            "superuser" => self.root.clone(),
            other => panic!("{other}"),
        }
    }

    fn fresh(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("fresh-{}", self.made.get())
    }

    /// Somebody who has just joined, with their address.
    async fn joined(&self, home: usize) -> (Client, String) {
        let email = format!("{}@{}.test", self.fresh(), SLUGS[home]);
        let owner = &self.homes[home].owner;
        (self.app.member(owner, &email, "member").await, email)
    }

    /// A target in the tenant, by its name in a row.
    async fn target(&self, name: &str, home: usize, actor: &Client) -> String {
        let here = &self.homes[home];
        let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("{name}: {value}")).to_owned();
        match name {
            "tenant" => text(&here.tenant),
            "slug" => SLUGS[home].to_owned(),
            "password" => PASSWORD.to_owned(),
            "fresh" => self.fresh(),
            "email" => self.joined(home).await.1,
            "user" => text(&self.joined(home).await.0.me().await["id"]),
            "refresh" => self.joined(home).await.0.refresh.unwrap(),
            "session" => text(&self.joined(home).await.0.me().await["sessions"][0]["id"]),
            "membership" => text(&self.joined(home).await.0.me().await["activeMembership"]["id"]),
            "own-session" => actor.me().await["sessions"][0]["id"].as_str().unwrap_or("ses_0").to_owned(),
            "invitation" => {
                let invitation = here.owner.invited(&format!("{}@x.test", self.fresh())).await;
                // Long enough ago that it can be sent again.
                self.app.advance(TimeDelta::seconds(61));
                text(&invitation["id"])
            }
            "token" => {
                let input = json!({ "email": format!("{}@x.test", self.fresh()), "delivery": "LINK_ONLY" });
                text(&here.owner.invite(input).await["link"]).split('#').nth(1).unwrap().to_owned()
            }
            "role" => {
                let input = json!({ "key": self.fresh(), "name": "Guest", "permissions": [] });
                text(&here.owner.mutate("createRole", "role { id }", input).await["role"]["id"])
            }
            "event" => {
                let query = "{ events(first: 1) { nodes { id } } }";
                text(&here.owner.ask(query, json!({})).await["data"]["events"]["nodes"][0]["id"])
            }
            "reset" => {
                let (_, email) = self.joined(home).await;
                text(&reset::asked(&self.app, &here.owner, &email).await)
            }
            "reset-token" => {
                let (_, email) = self.joined(home).await;
                reset::approved(&self.app, &here.owner, &email).await
            }
            "mail" => {
                here.owner.invited(&format!("{}@x.test", self.fresh())).await;
                let query = "query Q($id: ID!) { node(id: $id) { ... on Tenant { mails(first: 1) { nodes { id } } } } }";
                let answer = here.owner.ask(query, json!({ "id": here.tenant })).await;
                text(&answer["data"]["node"]["mails"]["nodes"][0]["id"])
            }
            "webhook" => self.webhook(home).await,
            "delivery" => {
                // Its own making is the first thing that an endpoint is posted.
                let query = format!(
                    "{{ node(id: \"{}\") {{ ... on WebhookEndpoint {{ deliveries {{ nodes {{ id }} }} }} }} }}",
                    self.webhook(home).await
                );
                self.app.tick().await;
                text(&here.owner.ask(&query, json!({})).await["data"]["node"]["deliveries"]["nodes"][0]["id"])
            }
            other => panic!("there is no target ${other}"),
        }
    }

    /// The only endpoint of a tenant, where nobody listens.
    async fn webhook(&self, home: usize) -> String {
        let here = &self.homes[home];
        let query = "query Q($id: ID!) { node(id: $id) { ... on Tenant { webhookEndpoints { id } } } }";
        let answer = here.owner.ask(query, json!({ "id": here.tenant })).await;
        for earlier in answer["data"]["node"]["webhookEndpoints"].as_array().unwrap() {
            let input = json!({ "webhookEndpointId": earlier["id"] });
            here.owner.mutate("deleteWebhookEndpoint", "deletedWebhookEndpointId", input).await;
        }
        let input = json!({ "url": "http://127.0.0.1:1/", "eventKinds": ["webhook.created"] });
        let made = here.owner.mutate("createWebhookEndpoint", "webhookEndpoint { id }", input).await;
        made["webhookEndpoint"]["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned()
    }

    /// What an actor gets for a row, with every target made afresh.
    pub async fn outcome(&self, row: &Row, home: usize, place: usize) -> String {
        let actor = self.actor(home, place);
        let mut ask = row.ask.to_owned();
        while let Some((before, rest)) = ask.split_once("\"$").or_else(|| ask.split_once('$')) {
            let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
            let made = self.target(&name, home, &actor).await;
            let quote = &ask[before.len()..ask.len() - rest.len() - 1];
            ask = format!("{before}{quote}{made}{}", &rest[name.len()..]);
        }
        let operation = row.operation();
        let (query, variables) = if ask.starts_with("{ ") {
            (ask, json!({}))
        } else if ask.is_empty() {
            (format!("mutation {{ {operation} {{ userErrors {{ code }} }} }}"), json!({}))
        } else {
            let kind = format!("{}{}Input!", operation[..1].to_uppercase(), &operation[1..]);
            let input: Value = serde_json::from_str(&ask).unwrap();
            let query = format!(
                "mutation M($input: {kind}) {{ {operation}(input: $input) {{ userErrors {{ code }} }} }}"
            );
            (query, json!({ "input": input }))
        };
        let outcome = classify(&actor.ask(&query, variables).await);
        self.app.tick().await;
        outcome
    }
}
