//! The console of a tenant: invitations, members, reset requests, events.

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use serde_json::{Value, json};

use super::{
    APPROVE_RESET, CANCEL_INVITATION, CHANGE_MEMBER_ROLE, EVENTS, FORM_MAX, Fields, INVITATIONS, INVITE,
    MEMBERS, REINSTATE_MEMBER, REJECT_RESET, REMOVE_MEMBER, RESEND_INVITATION, RESETS, SUSPEND_MEMBER, State,
    VIEWER, Visit, see,
};

/// Rows on a page.
const ROWS: u32 = 50;
/// The tabs of the invitations.
const TABS: [(&str, &str); 5] = [
    ("PENDING", "Pending"),
    ("ACCEPTED", "Accepted"),
    ("EXPIRED", "Expired"),
    ("CANCELLED", "Cancelled"),
    ("DECLINED", "Declined"),
];

/// `GET /console`: to the first list that the viewer may see.
#[handler]
pub(super) async fn index(request: &Request, Data(state): Data<&State>) -> Response {
    let visit = match Visit::known(state, request).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let viewer = visit.run(VIEWER, json!({})).await.data["me"].take();
    match &viewer["activeMembership"]["tenant"] {
        Value::Null => visit.page("nowhere.html", StatusCode::OK, None, json!({})).await,
        tenant if tenant["viewerCan"]["invite"] == true => see("/console/invitations"),
        _ => see("/console/members"),
    }
}

/// Which page of a list: arguments of its connection.
fn place(query: &Fields) -> Value {
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

/// A list of the tenant.
async fn list(
    state: &State,
    request: &Request,
    (page, operation): (&str, &str),
    more: impl FnOnce(&Fields) -> Value,
) -> Response {
    let visit = match Visit::known(state, request).await {
        Ok(visit) => visit,
        Err(response) => return response,
    };
    let values = more(&visit.query);
    shown(&visit, (page, operation), values, (StatusCode::OK, None)).await
}

async fn shown(
    visit: &Visit<'_>,
    (page, operation): (&str, &str),
    mut values: Value,
    (status, problem): (StatusCode, Option<String>),
) -> Response {
    let Some(tenant) = tenant_of(visit) else { return see("/console") };
    let mut variables = place(&visit.query);
    variables["tenant"] = json!(tenant);
    if let Some(status) = values.get("status") {
        variables["status"] = json!([status]);
    }
    let found = visit.run(operation, variables).await;
    if let Some(problem) = found.problem {
        return visit.failed(StatusCode::FORBIDDEN, &problem);
    }
    let keys: Vec<Value> = found.data["tenant"]["viewerCan"]["grantRoles"]
        .as_array()
        .map(|roles| roles.iter().map(|role| role["key"].clone()).collect())
        .unwrap_or_default();
    values["keys"] = json!(keys);
    values["data"] = found.data;
    visit.page(page, status, problem.as_deref(), values).await
}

fn tab(query: &Fields) -> Value {
    let wanted = query.get("status").map(String::as_str);
    let status =
        TABS.iter().map(|(value, _)| *value).find(|value| Some(*value) == wanted).unwrap_or("PENDING");
    let tabs: Vec<Value> =
        TABS.iter().map(|(value, title)| json!({ "value": value, "title": title })).collect();
    json!({ "status": status, "tabs": tabs, "form": { "role": "member" } })
}

const INVITATION_LIST: (&str, &str) = ("invitations.html", INVITATIONS);

/// `GET /console/invitations`.
#[handler]
pub(super) async fn invitations(request: &Request, Data(state): Data<&State>) -> Response {
    list(state, request, INVITATION_LIST, tab).await
}

/// `GET /console/members`.
#[handler]
pub(super) async fn members(request: &Request, Data(state): Data<&State>) -> Response {
    list(state, request, ("members.html", MEMBERS), |_| json!({})).await
}

/// `GET /console/resets`.
#[handler]
pub(super) async fn resets(request: &Request, Data(state): Data<&State>) -> Response {
    list(state, request, ("resets.html", RESETS), |_| json!({})).await
}

/// `GET /console/events`.
#[handler]
pub(super) async fn events(request: &Request, Data(state): Data<&State>) -> Response {
    list(state, request, ("events.html", EVENTS), |_| json!({})).await
}

/// `POST /console/invitations`: invites. A link that was asked for is shown this once.
#[handler]
pub(super) async fn invite(request: &Request, body: poem::Body, Data(state): Data<&State>) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body, FORM_MAX).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let given = |name: &str| form.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    let delivery = if given("link").is_some() { "LINK_ONLY" } else { "EMAIL" };
    let input = json!({
        "tenantId": tenant_of(&visit), "email": given("email").unwrap_or_default(),
        "roleKey": given("role").unwrap_or("member"), "note": given("note"), "delivery": delivery,
    });
    let done = visit.run(INVITE, json!({ "input": input })).await;
    let mut values = tab(&Fields::new());
    if let Some(problem) = done.problem {
        values["form"] = json!(form);
        let refused = (StatusCode::UNPROCESSABLE_ENTITY, Some(problem));
        return shown(&visit, INVITATION_LIST, values, refused).await;
    }
    let payload = &done.data["invite"];
    match (payload["link"].as_str(), payload["created"] == true) {
        (Some(link), _) => {
            (values["link"], values["invited"]) = (json!(link), json!(given("email")));
            shown(&visit, INVITATION_LIST, values, (StatusCode::OK, None)).await
        }
        (None, true) => see("/console/invitations?done=invited"),
        (None, false) => see("/console/invitations?done=standing"),
    }
}

/// `POST /console/:list/:id/:action`: what the buttons of the lists do.
#[handler]
pub(super) async fn act(
    request: &Request,
    body: poem::Body,
    Data(state): Data<&State>,
    Path((list, id, action)): Path<(String, String, String)>,
) -> Response {
    let (visit, form) = match Visit::known_form(state, request, body, FORM_MAX).await {
        Ok(formed) => formed,
        Err(response) => return response,
    };
    let reason = form.get("reason").map(|text| text.trim()).filter(|text| !text.is_empty());
    let (operation, input, word) = match (list.as_str(), action.as_str()) {
        ("invitations", "resend") => (RESEND_INVITATION, json!({ "invitationId": id }), "resent"),
        ("invitations", "cancel") => (CANCEL_INVITATION, json!({ "invitationId": id }), "cancelled"),
        ("members", "role") => {
            let role = form.get("role").cloned().unwrap_or_default();
            (CHANGE_MEMBER_ROLE, json!({ "membershipId": id, "roleKey": role }), "role")
        }
        ("members", "suspend") => (SUSPEND_MEMBER, json!({ "membershipId": id }), "suspended"),
        ("members", "reinstate") => (REINSTATE_MEMBER, json!({ "membershipId": id }), "reinstated"),
        ("members", "remove") => (REMOVE_MEMBER, json!({ "membershipId": id }), "removed"),
        ("resets", "approve") => (APPROVE_RESET, json!({ "resetRequestId": id }), "approved"),
        ("resets", "reject") => (REJECT_RESET, json!({ "resetRequestId": id, "reason": reason }), "rejected"),
        _ => return visit.failed(StatusCode::NOT_FOUND, "There is no such action."),
    };
    let done = visit.run(operation, json!({ "input": input })).await;
    visit.after(done, &format!("/console/{list}?done={word}"))
}
