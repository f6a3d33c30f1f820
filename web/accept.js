// Looks an invitation up by its token, and accepts or declines it when a person says so.

import { ask, attempt, byId, onSubmit, say, show, takeFragment } from "/assets/page.js";

const advice = {
  SIGN_IN: "There is an account for this address. Sign in where you usually do, then accept the invitation.",
  SWITCH_ACCOUNT: "You are signed in with another address.",
  ASK_FOR_NEW: "It has expired. Ask for a new one.",
  NOT_USABLE: "It cannot be used any more.",
};

let token = "";
let invited = "";

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

function end(text) {
  for (const id of ["join", "refuse", "note"]) show(id, false);
  say(text);
}

onSubmit("find", async () => {
  token = byId("token").value.trim();
  await find();
});

onSubmit("join", async () => {
  const input = { token, name: byId("name").value, password: byId("password").value };
  await ask(
    "mutation Accept($input: AcceptInvitationInput!) { acceptInvitation(input: $input) { userErrors { message } } }",
    { input },
  );
  end("Welcome! Your account is ready; sign in where you were invited to.");
});

// Mail scanners press buttons: declining cannot be undone, so that it asks for what a scanner does not type.
onSubmit("decline", async () => {
  if (byId("address").value.trim().toLowerCase() !== invited.toLowerCase()) {
    throw new Error("That is not the invited address.");
  }
  await ask(
    "mutation Decline($input: DeclineInvitationInput!) { declineInvitation(input: $input) { userErrors { message } } }",
    { input: { token } },
  );
  end("You declined the invitation.");
});

token = takeFragment();
if (token) attempt(find);
