// Sets a new password with the token from the mail, or asks for one.

import { ask, byId, onSubmit, say, show, takeFragment } from "/assets/page.js";

function end(text) {
  show("reset", false);
  show("forgot", false);
  say(text);
}

onSubmit("reset", async () => {
  const input = { token: byId("token").value.trim(), newPassword: byId("password").value };
  await ask(
    "mutation Reset($input: ResetPasswordInput!) { resetPassword(input: $input) { userErrors { message } } }",
    { input },
  );
  end("Your password is set. Sign in with it where you usually do.");
});

onSubmit("request", async () => {
  await ask(
    "mutation Ask($input: RequestResetInput!) { requestReset(input: $input) { userErrors { message } } }",
    { input: { email: byId("address").value } },
  );
  end("If there is such an account, a link comes by mail as soon as the request is approved.");
});

const token = takeFragment();
if (token) {
  byId("token").value = token;
  show("code", false);
  show("forgot", false);
} else {
  byId("forgot").open = true;
}
