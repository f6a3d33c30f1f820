//! The lists of a tenant: invitations, their mails, members, reset requests, events. What is searched for and filtered by stands
//! in the address, and pages are found by cursor.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::{
    APPROVE_RESET, CANCEL_INVITATION, CANCEL_MAIL, CHANGE_MEMBER_ROLE, DELETE_ROLE, EVENTS, Fields,
    INVITATIONS, INVITE, MAIL, MAILS, MEMBERS, REINSTATE_MEMBER, REJECT_RESET, REMOVE_MEMBER, REQUEST,
    RESEND_INVITATION, RESETS, RETRY_MAIL, SUSPEND_MEMBER, State, TRANSFER_OWNERSHIP, UPDATE_ROLE, Visit,
    see, settings,
};
use crate::clock::Instant;
use crate::words::Key;

/// Rows on a page.
const ROWS: u32 = 50;
/// How long before its end an invitation counts as expiring.
pub(super) const SOON: chrono::TimeDelta = chrono::TimeDelta::hours(48);

/// A list: its page, its operation, the tabs it has and what it is filtered by.
pub(super) struct List {
    page: &'static str,
    pub(super) operation: &'static str,
    tabs: &'static [(&'static str, Key)],
    /// The filter that tab and search stand for.
    pub(super) filter: fn(&Fields, Instant) -> Value,
}

pub(super) const INVITATION_LIST: List = List {
    page: "invitations.html",
    operation: INVITATIONS,
    tabs: &[
        ("PENDING", Key("invitations-pending")),
        ("EXPIRING", Key("invitations-expiring")),
        ("FAILED", Key("invitations-failed")),
        ("ACCEPTED", Key("invitations-accepted")),
        ("EXPIRED", Key("invitations-expired")),
        ("CANCELLED", Key("invitations-cancelled")),
        ("DECLINED", Key("invitations-declined")),
    ],
    filter: |query, now| {
        let mut filter = match query.get("status").unwrap_or("PENDING") {
            "EXPIRING" => json!({ "status": ["PENDING"], "expiresAt": { "to": (now + SOON).to_rfc3339() } }),
            "FAILED" => json!({ "status": ["PENDING"], "delivery": ["FAILED", "RETRYING"] }),
            status => json!({ "status": [status] }),
        };
        filter["emailContains"] = json!(query.given("q"));
        filter
    },
};

const MAIL_LIST: List = List {
    page: "mail.html",
    operation: MAIL,
    tabs: &[
        ("QUEUED", Key("mails-queued")),
        ("RETRYING", Key("mails-retrying")),
        ("FAILED", Key("mails-failed")),
        ("SENT", Key("mails-sent")),
    ],
    filter: |query, _| json!({ "delivery": [query.get("status").unwrap_or("QUEUED")] }),
};

/// Kinds of mails that a tenant has.
const MAIL_KINDS: [(&str, Key); 3] = [
    ("", Key("mails-every-kind")),
    ("INVITATION", Key("mails-invitations")),
    ("INVITATION_ACCEPTED", Key("mails-acceptance")),
];

/// Every mail of the tenant, for those who manage it.
const ALL_MAIL_LIST: List = List {
    page: "mails.html",
    operation: MAILS,
    tabs: &[
        ("", Key("mails-all")),
        ("QUEUED", Key("mails-queued")),
        ("RETRYING", Key("mails-retrying")),
        ("FAILED", Key("mails-failed")),
        ("SENT", Key("mails-sent")),
        ("SUPPRESSED", Key("mails-stopped")),
    ],
    filter: |query, _| {
        let one_of = |name| query.given(name).map(|value| json!([value]));
        json!({ "state": one_of("status"), "kind": one_of("kind") })
    },
};

pub(super) const MEMBER_LIST: List = List {
    page: "members.html",
    operation: MEMBERS,
    tabs: &[
        ("", Key("members-all")),
        ("ACTIVE", Key("members-active")),
        ("SUSPENDED", Key("members-suspended")),
    ],
    filter: |query, _| {
        let status = query.given("status").map(|status| json!([status]));
        json!({ "status": status, "search": query.given("q") })
    },
};

const RESET_LIST: List = List {
    page: "resets.html",
    operation: RESETS,
    tabs: &[
        ("", Key("resets-all")),
        ("REQUESTED", Key("resets-waiting")),
        ("APPROVED", Key("resets-approved")),
        ("REJECTED", Key("resets-rejected")),
    ],
    filter: |query, _| json!({ "status": query.given("status").map(|status| json!([status])) }),
};

pub(super) const EVENT_LIST: List = List {
    page: "events.html",
    operation: EVENTS,
    tabs: &[],
    filter: |query, _| json!({ "kind": query.given("q").map(|kind| json!([kind])) }),
};

/// Which page of a list: arguments of its connection.
pub(super) fn place(query: &Fields) -> Value {
    match (query.get("after"), query.get("before")) {
        (_, Some(before)) => json!({ "last": ROWS, "before": before }),
        (after, None) => json!({ "first": ROWS, "after": after }),
    }
}

/// The tenant that the session speaks for, by its global id.
pub(super) fn tenant_of(visit: &Visit<'_>) -> Option<String> {
    use crate::id::TypedId as _;
    visit.actor.principal().and_then(|principal| principal.active_tenant).map(|id| id.global())
}

/// Values to choose among, each with what it is called.
fn titled(visit: &Visit<'_>, choices: &[(&str, Key)]) -> Value {
    choices.iter().map(|(value, title)| json!({ "value": value, "title": visit.words.say(*title) })).collect()
}

impl List {
    async fn respond(&self, state: &State, request: &Request) -> Response {
        match Visit::known(state, request).await {
            Ok(visit) => self.shown(&visit, json!({ "form": {} }), (StatusCode::OK, None)).await,
            Err(response) => response,
        }
    }

    async fn shown(
        &self,
        visit: &Visit<'_>,
        mut values: Value,
        (status, problem): (StatusCode, Option<String>),
    ) -> Response {
        let Some(tenant) = tenant_of(visit) else { return see("/login/tenant") };
        let wanted = visit.query.get("status").unwrap_or_default();
        let known = |tab: &&(&str, Key)| tab.0 == wanted;
        if !wanted.is_empty() && !self.tabs.iter().any(|tab| known(&tab)) {
            return see(visit.path());
        }
        let mut variables = place(&visit.query);
        variables["tenant"] = json!(tenant);
        variables["filter"] = (self.filter)(&visit.query, visit.state.app.clock.now());
        let found = visit.run(self.operation, variables).await;
        if let Some(problem) = found.problem {
            return visit.failed(found.status, &problem);
        }
        let keys: Vec<Value> = found.data["tenant"]["viewerCan"]["grantRoles"]
            .as_array()
            .map(|roles| roles.iter().map(|role| role["key"].clone()).collect())
            .unwrap_or_default();
        let current = self.tabs.iter().find(known).or(self.tabs.first()).map_or("", |tab| tab.0);
        values["keys"] = json!(keys);
        values["tabs"] = titled(visit, self.tabs);
        values["status"] = json!(current);
        values["q"] = json!(visit.query.given("q"));
        values["kept"] = json!(visit.query.kept(&["status", "q", "kind"]));
        values["data"] = found.data;
        visit.page(self.page, status, problem.as_deref(), values).await
    }
}

/// `GET /console/invitations`.
#[handler]
pub(super) async fn invitations(request: &Request, Data(state): Data<&State>) -> Response {
    INVITATION_LIST.respond(state, request).await
}

/// `GET /console/mail`.
#[handler]
pub(super) async fn mail(request: &Request, Data(state): Data<&State>) -> Response {
    match Visit::known(state, request).await {
        Ok(visit) => {
            let all = visit.viewer().await["activeMembership"]["tenant"]["viewerCan"]["manageTenant"] == true;
            let kind = visit.query.get("kind").unwrap_or_default();
            if !MAIL_KINDS.iter().any(|(known, _)| *known == kind) {
                return see(visit.path());
            }
            let values = json!({ "form": {}, "kind": kind, "kinds": titled(&visit, &MAIL_KINDS) });
            let list = if all { &ALL_MAIL_LIST } else { &MAIL_LIST };
            list.shown(&visit, values, (StatusCode::OK, None)).await
        }
        Err(response) => response,
    }
}

/// `GET /console/members`.
#[handler]
pub(super) async fn members(request: &Request, Data(state): Data<&State>) -> Response {
    MEMBER_LIST.respond(state, request).await
}

/// `GET /console/resets`.
#[handler]
pub(super) async fn resets(request: &Request, Data(state): Data<&State>) -> Response {
    RESET_LIST.respond(state, request).await
}

/// `GET /console/resets/:id`: where the mail about a request leads.
#[handler]
pub(super) async fn one_request(
    request: &Request,
    Data(state): Data<&State>,
    Path(id): Path<String>,
) -> Response {
    let visit = match Visit::known(state, request).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let mut found = visit.run(REQUEST, json!({ "id": id })).await;
    match (found.problem, found.data["node"].take()) {
        (Some(problem), _) => visit.failed(found.status, &problem),
        (None, row) if row["id"].is_string() => {
            visit.page("request.html", StatusCode::OK, None, json!({ "row": row })).await
        }
        _ => visit.refused(StatusCode::NOT_FOUND, Key("problem-no-request")),
    }
}

/// `GET /console/events`.
#[handler]
pub(super) async fn events(request: &Request, Data(state): Data<&State>) -> Response {
    EVENT_LIST.respond(state, request).await
}

/// `POST /console/invitations`: invites. A link that was asked for is shown this once.
#[handler]
pub(super) async fn invite(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let delivery = if form.given("link").is_some() { "LINK_ONLY" } else { "EMAIL" };
    let input = json!({
        "tenantId": tenant_of(&visit), "email": form.given("email").unwrap_or_default(),
        "roleKey": form.given("role").unwrap_or("member"), "note": form.given("note"), "delivery": delivery,
    });
    let done = visit.run(INVITE, json!({ "input": input })).await;
    if let Some(problem) = done.problem {
        let typed = json!({ "email": form.get("email"), "role": form.get("role"), "note": form.get("note") });
        return INVITATION_LIST.shown(&visit, json!({ "form": typed }), (done.status, Some(problem))).await;
    }
    let payload = &done.data["invite"];
    match (payload["link"].as_str(), payload["created"] == true) {
        (Some(link), _) => {
            let values = json!({ "form": {}, "link": link, "invited": form.given("email") });
            INVITATION_LIST.shown(&visit, values, (StatusCode::OK, None)).await
        }
        (None, true) => see("/console/invitations?done=invited"),
        (None, false) => see("/console/invitations?done=standing"),
    }
}

/// `POST /console/:list/:id/:action`: what the buttons of the lists do, to one row, or to all that are `selected`.
#[handler]
pub(super) async fn act(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
    Path((list, id, action)): Path<(String, String, String)>,
) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let role = form.get("role").unwrap_or_default();
    let (operation, about, rest, word) = match (list.as_str(), action.as_str()) {
        ("invitations", "resend") => (RESEND_INVITATION, "invitationId", json!({}), "resent"),
        ("invitations", "cancel") => (CANCEL_INVITATION, "invitationId", json!({}), "cancelled"),
        ("mail", "retry") => (RETRY_MAIL, "mailId", json!({}), "retried"),
        ("mail", "cancel") => (CANCEL_MAIL, "mailId", json!({}), "stopped"),
        ("members", "role") => (CHANGE_MEMBER_ROLE, "membershipId", json!({ "roleKey": role }), "role"),
        ("members", "suspend") => (SUSPEND_MEMBER, "membershipId", json!({}), "suspended"),
        ("members", "reinstate") => (REINSTATE_MEMBER, "membershipId", json!({}), "reinstated"),
        ("members", "remove") => (REMOVE_MEMBER, "membershipId", json!({}), "removed"),
        ("members", "own") => (TRANSFER_OWNERSHIP, "membershipId", json!({}), "transferred"),
        ("resets", "approve") => (APPROVE_RESET, "resetRequestId", json!({}), "approved"),
        ("resets", "reject") => {
            (REJECT_RESET, "resetRequestId", json!({ "reason": form.given("reason") }), "rejected")
        }
        ("roles", "update") => (UPDATE_ROLE, "roleId", settings::role_fields(&form), "saved"),
        ("roles", "delete") => (DELETE_ROLE, "roleId", json!({}), "deleted"),
        _ => return visit.refused(StatusCode::NOT_FOUND, Key("problem-no-action")),
    };
    let back = match list.as_str() {
        "roles" => "/console/settings".to_owned(),
        _ => format!("/console/{list}"),
    };
    let ids: Vec<&str> = if id == "selected" { form.all("id").collect() } else { vec![id.as_str()] };
    if ids.is_empty() {
        return visit.refused(StatusCode::UNPROCESSABLE_ENTITY, Key("problem-no-row"));
    }
    let (mut good, mut refused) = (0_usize, None);
    for id in &ids {
        let mut input = rest.clone();
        input[about] = json!(id);
        let done = visit.run(operation, json!({ "input": input })).await;
        match done.problem {
            None => good += 1,
            Some(problem) => refused = refused.or(Some((done.status, problem))),
        }
    }
    match refused {
        None => see(&format!("{back}?done={word}")),
        Some((status, problem)) if ids.len() == 1 => visit.failed(status, &problem),
        Some((status, problem)) => {
            let values = [("good", good.into()), ("all", ids.len().into()), ("problem", problem.into())];
            visit.failed(status, &visit.words.text(Key("problem-some"), &values))
        }
    }
}
