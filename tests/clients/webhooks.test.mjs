// What is posted to an endpoint, taken by the library of the Standard Webhooks specification and by the lines in docs/API.md.

import { test } from "node:test";
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Webhook } from "standardwebhooks";
import { administrator, ask, invite, start } from "./server.mjs";

const API = join(dirname(process.env.GUESTLIST_SCHEMA), "docs", "API.md");

/** An endpoint: its URL, and what it is posted next. */
async function endpoint(t) {
  const posted = [];
  const waiting = [];
  const listener = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    response.writeHead(204).end();
    const taken = { headers: request.headers, body };
    const next = waiting.shift();
    if (next) next(taken);
    else posted.push(taken);
  });
  await new Promise((done) => listener.listen(0, "127.0.0.1", done));
  t.after(() => listener.close());
  const next = () => posted.shift() ?? new Promise((done) => waiting.push(done));
  return { url: `http://127.0.0.1:${listener.address().port}/`, next };
}

test("the library and the guide verify what is posted, and nothing else", async (t) => {
  const server = await start({ GUESTLIST_WEBHOOK_ALLOW_PRIVATE: "true" });
  t.after(() => server.stop());
  const token = await administrator(server);
  const { url, next } = await endpoint(t);
  const create = `mutation C($input: CreateWebhookEndpointInput!) {
    createWebhookEndpoint(input: $input) { secret webhookEndpoint { id } userErrors { code message } } }`;
  const made = await ask(server, create, { input: { url, eventKinds: ["invitation"] } }, token);
  const { secret, webhookEndpoint } = made.data.createWebhookEndpoint;
  const rotate = `mutation R($input: RotateWebhookSecretInput!) { rotateWebhookSecret(input: $input) { secret } }`;
  const rotated = await ask(server, rotate, { input: { webhookEndpointId: webhookEndpoint.id } }, token);
  const secrets = [secret, rotated.data.rotateWebhookSecret.secret];
  const stranger = `whsec_${Buffer.alloc(32).toString("base64")}`;

  const subject = await invite(server, token, "ann@x.test");
  const { headers, body } = await next();
  const [, snippet] = (await readFile(API, "utf8")).match(/```js\n([^`]*isGuestlist[\s\S]*?)\n```/);
  const isGuestlist = new Function("require", `${snippet}; return isGuestlist;`)(createRequire(import.meta.url));
  for (const known of secrets) {
    const event = new Webhook(known).verify(body, headers);
    assert.equal(event.type, "invitation.created");
    assert.equal(event.data.subjectId, subject);
    assert.ok(isGuestlist(known, headers, body));
  }
  const old = { ...headers, "webhook-timestamp": String(headers["webhook-timestamp"] - 600) };
  for (const [key, head, text] of [
    [stranger, headers, body],
    [secret, headers, body.replace("created", "accepted")],
    [secret, old, body],
    [secret, { ...headers, "webhook-id": "whd_1" }, body],
    [secret, { ...headers, "webhook-signature": "v1," }, body],
  ]) {
    assert.throws(() => new Webhook(key).verify(text, head));
    assert.equal(isGuestlist(key, head, text), false);
  }
});
