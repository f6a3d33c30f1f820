// Looks an invitation up by its token, and accepts or declines it when a person says so.

const byId = (id) => document.getElementById(id);
const advice = {
  SIGN_IN: "There is an account for this address. Sign in where you usually do, then accept the invitation.",
  SWITCH_ACCOUNT: "You are signed in with another address.",
  ASK_FOR_NEW: "It has expired. Ask for a new one.",
  NOT_USABLE: "It cannot be used any more.",
};

let token = "";
let invited = "";

async function ask(query, variables) {
  const response = await fetch("/graphql", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json();
  if (answer.errors) throw new Error(answer.errors[0].message);
  const [payload] = Object.values(answer.data);
  if (payload.userErrors?.length) throw new Error(payload.userErrors[0].message);
  return payload;
}

function say(text) {
  byId("lead").textContent = text;
}

function show(id, visible) {
  byId(id).hidden = !visible;
}

async function attempt(work) {
  show("problem", false);
  try {
    await work();
  } catch (error) {
    byId("problem").textContent = error.message;
    show("problem", true);
  }
}

async function find() {
  const seen = await ask(
    "query Invitation($token: String!) { invitation(token: $token) { email tenantName invitedByName roleName note nextStep } }",
    { token },
  );
  const open = seen.nextStep === "CREATE_ACCOUNT";
  const offer = `${seen.invitedByName} invited ${seen.email} to join ${seen.tenantName} as ${seen.roleName}.`;
  say(open ? offer : `${offer} ${advice[seen.nextStep] ?? ""}`);
  byId("note").textContent = seen.note ?? "";
  show("note", Boolean(seen.note));
  show("find", false);
  show("join", open);
  show("refuse", open);
  invited = seen.email;
}

byId("find").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  attempt(find);
});

byId("join").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const input = { token, name: byId("name").value, password: byId("password").value };
    await ask(
      "mutation Accept($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { userErrors { message } } }",
      { input },
    );
    show("join", false);
    show("refuse", false);
    show("note", false);
    say("Welcome! Your account is ready; sign in where you were invited to.");
  });
});

// Mail scanners press buttons: declining cannot be undone, so that it asks for what a scanner does not type.
byId("decline").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    if (byId("address").value.trim().toLowerCase() !== invited.toLowerCase()) {
      throw new Error("That is not the invited address.");
    }
    await ask(
      "mutation Decline($input: DeclineInvitationInput!) { declineInvitation(input: $input) { userErrors { message } } }",
      { input: { token } },
    );
    show("join", false);
    show("refuse", false);
    show("note", false);
    say("You declined the invitation.");
  });
});

const fragment = decodeURIComponent(location.hash.slice(1));
if (fragment) {
  token = fragment;
  history.replaceState(null, "", location.pathname);
  attempt(find);
}
