// Shows reset requests to who may decide them. The session lives in this page alone and ends with it.

import { ask, attempt, byId, onSubmit, say, show, takeFragment } from "/assets/page.js";

const fields = "id status createdAt expiresAt ipAddress user { name email }";
const wanted = takeFragment();
let accessToken = "";

async function load() {
  if (wanted) {
    const found = await ask(
      `query Request($id: ID!) { node(id: $id) { ... on ResetRequest { ${fields} } } }`,
      { id: wanted },
      accessToken,
    );
    return found?.user ? [found] : [];
  }
  const page = await ask(
    `query Requests { resetRequests(filter: { status: [REQUESTED] }) { nodes { ${fields} } } }`,
    {},
    accessToken,
  );
  return page.nodes;
}

async function decide(name, input, article, done) {
  const type = `${name[0].toUpperCase()}${name.slice(1)}Input!`;
  await ask(
    `mutation Decide($input: ${type}) { ${name}(input: $input) { userErrors { message } } }`,
    { input },
    accessToken,
  );
  article.replaceChildren(Object.assign(document.createElement("p"), { textContent: done }));
}

function draw(request) {
  const article = byId("request").content.cloneNode(true).querySelector("article");
  const time = (text) => new Date(text).toLocaleString();
  article.querySelector("h2").textContent = `${request.user.name} (${request.user.email})`;
  const origin = request.ipAddress ? ` from ${request.ipAddress}` : "";
  article.querySelector("p").textContent =
    `Asked on ${time(request.createdAt)}${origin}. Open until ${time(request.expiresAt)}.`;
  const resetRequestId = request.id;
  article.querySelector("[name=approve]").addEventListener("click", () =>
    attempt(() =>
      decide("approveReset", { resetRequestId }, article, `Approved. A link goes to ${request.user.email}.`),
    ),
  );
  article.querySelector("[name=reject]").addEventListener("click", () => {
    const reason = article.querySelector("[name=reason]").value || null;
    attempt(() => decide("rejectReset", { resetRequestId, reason }, article, "Rejected."));
  });
  if (request.status !== "REQUESTED") {
    for (const part of article.querySelectorAll("button, label")) part.remove();
    article.append(`It is ${request.status.toLowerCase()} already.`);
  }
  byId("requests").append(article);
}

onSubmit("login", async () => {
  const input = { email: byId("email").value, password: byId("password").value };
  const payload = await ask(
    "mutation SignIn($input: LoginInput!) { login(input: $input) { tokens { accessToken } userErrors { message } } }",
    { input },
  );
  accessToken = payload.tokens.accessToken;
  byId("password").value = "";
  show("login", false);
  const requests = await load();
  say(requests.length ? "Make sure that it was really this person who asked." : "Nothing waits for you.");
  requests.forEach(draw);
});

addEventListener("pagehide", () => {
  if (!accessToken) return;
  const headers = { "Content-Type": "application/json", Authorization: `Bearer ${accessToken}` };
  const body = JSON.stringify({ query: "mutation { logout { userErrors { message } } }" });
  fetch("/graphql", { method: "POST", headers, body, keepalive: true });
});
