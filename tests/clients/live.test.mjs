// Subscriptions with the clients that frontends use: graphql-ws over a WebSocket, graphql-sse over server-sent events.

import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { createClient as createSocket } from "graphql-ws";
import { createClient as createEvents } from "graphql-sse";
import WebSocket from "ws";
import { administrator, ask, invite, signIn, start } from "./server.mjs";

const FOLLOW = `subscription F($after: String) {
  invitationEvents(after: $after) { cursor node { kind subject { ... on Invitation { id email } } } }
}`;

const kinds = {
  "graphql-ws": (server, token) =>
    createSocket({
      url: server.graphql.replace("http", "ws"),
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      connectionParams: { authorization: `Bearer ${token}` },
    }),
  "graphql-sse": (server, token) =>
    createEvents({ url: server.graphql, retryAttempts: 0, headers: { authorization: `Bearer ${token}` } }),
};

/** Resolves once the service follows: everything after that is seen. */
async function following(server, token, iterator) {
  const first = iterator.next();
  first.catch(() => {});
  // The subscription has begun when an event that was made after it comes.
  let made;
  const seen = Promise.race([first, new Promise((done) => setTimeout(done, 0))]);
  await seen;
  for (let n = 0; !made; n += 1) {
    await invite(server, token, `probe${n}@x.test`);
    made = await Promise.race([first, new Promise((done) => setTimeout(done, 700))]);
  }
  return made.value.data.invitationEvents.cursor;
}

for (const [name, connect] of Object.entries(kinds)) {
  test(`${name}: nothing is missed and nothing comes twice, whatever happens to the server`, async (t) => {
    const env = { GUESTLIST_ACCESS_TTL: "1d", GUESTLIST_LIMIT_INVITES_PER_HOUR: "1000" };
    let server = await start(env);
    t.after(() => server.stop());
    const token = await administrator(server);
    let client = connect(server, token);
    let iterator = client.iterate({ query: FOLLOW, variables: {} });
    let cursor = await following(server, token, iterator);

    const made = [];
    const seen = [];
    const take = async (count) => {
      while (seen.length < count) {
        const { value, done } = await iterator.next();
        assert.ok(!done, "the subscription goes on");
        assert.ok(!value.errors, JSON.stringify(value));
        const edge = value.data.invitationEvents;
        if (edge.node.subject.email.startsWith("probe")) continue;
        assert.equal(edge.node.kind, "invitation.created");
        seen.push(edge.node.subject.id);
        cursor = edge.cursor;
      }
    };
    for (let n = 0; n < 5; n += 1) made.push(await invite(server, token, `early${n}@x.test`));
    await take(5);

    for (const signal of ["SIGKILL", "SIGTERM"]) {
      const last = iterator.next().catch((error) => ({ error }));
      await server.stop({ signal, keep: true });
      const ended = await last;
      assert.ok(ended.error || ended.done, "the client notices");
      client.dispose();
      server = await start(env, server);
      for (let n = 0; n < 5; n += 1) made.push(await invite(server, token, `${signal}${n}@x.test`));
      client = connect(server, token);
      iterator = client.iterate({ query: FOLLOW, variables: { after: cursor } });
      for (let n = 0; n < 5; n += 1) made.push(await invite(server, token, `late${signal}${n}@x.test`));
      await take(made.length);
    }
    assert.deepEqual(seen, made);
    await iterator.return();
    client.dispose();
  });
}

let server, root;
before(async () => {
  server = await start({ GUESTLIST_ACCESS_TTL: "1d", GUESTLIST_ALLOWED_ORIGINS: "https://app.example.com" });
  root = await administrator(server);
});
after(() => server.stop());

test("a query and a mutation can be sent over either", async () => {
  for (const connect of Object.values(kinds)) {
    const client = connect(server, root);
    for await (const result of client.iterate({ query: "{ me { email } }" })) {
      assert.equal(result.data.me.email, "root@platform.test");
    }
    for await (const result of client.iterate({ query: "{ __schema { subscriptionType { name } } }" })) {
      assert.equal(result.data.__schema.subscriptionType.name, "Subscription");
    }
    const update = `mutation { updateProfile(input: { name: "Root" }) { viewer { name } } }`;
    for await (const result of client.iterate({ query: update })) {
      assert.equal(result.data.updateProfile.viewer.name, "Root");
    }
    client.dispose();
  }
});

test("what is refused over either is an error with a code", async () => {
  const stranger = kinds["graphql-sse"](server, "nonsense");
  for await (const result of stranger.iterate({ query: FOLLOW })) {
    assert.equal(result.errors[0].extensions.code, "UNAUTHENTICATED");
  }
  const client = kinds["graphql-ws"](server, root);
  await assert.rejects(client.iterate({ query: "subscription { nothing }" }).next(), (errors) => {
    assert.equal(errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
    return true;
  });
  for await (const result of client.iterate({ query: FOLLOW, variables: { after: "x" } })) {
    assert.equal(result.errors[0].extensions.code, "BAD_USER_INPUT");
  }
  client.dispose();
  const plain = await ask(server, FOLLOW, {}, root);
  assert.match(plain.errors[0].message, /graphql-transport-ws/);
});

test("a subscription ends with the session", async () => {
  const token = await signIn(server, "root@platform.test");
  for (const connect of Object.values(kinds)) {
    const own = await signIn(server, "root@platform.test");
    const client = connect(server, own);
    const iterator = client.iterate({ query: FOLLOW });
    await following(server, token, iterator);
    const next = iterator.next();
    await ask(server, "mutation { logout { userErrors { code } } }", {}, own);
    await invite(server, token, `after-${Math.random()}@x.test`);
    const { value } = await next;
    assert.equal(value.errors[0].extensions.code, "UNAUTHENTICATED", JSON.stringify(value));
    client.dispose();
  }
});

/** Says things over a bare socket and returns the code that the server ends it with. */
function closed(messages, options = {}) {
  const socket = new WebSocket(server.graphql.replace("http", "ws"), options.protocol ?? "graphql-transport-ws", {
    origin: options.origin,
  });
  return new Promise((done) => {
    socket.on("open", () => messages.forEach((message) => socket.send(message)));
    socket.on("close", (code) => done(code));
    socket.on("unexpected-response", (_, response) => done(response.statusCode));
    socket.on("error", () => {});
  });
}

const init = JSON.stringify({ type: "connection_init" });
const subscribe = JSON.stringify({
  type: "subscribe",
  id: "1",
  payload: { query: FOLLOW },
});

test("the protocol's own codes end a connection", async () => {
  const bad = JSON.stringify({ type: "connection_init", payload: { authorization: "Bearer nonsense" } });
  const good = JSON.stringify({ type: "connection_init", payload: { authorization: `Bearer ${root}` } });
  assert.equal(await closed([subscribe]), 4401);
  assert.equal(await closed(["nonsense"]), 4400);
  assert.equal(await closed([JSON.stringify({ type: "start", id: "1" })]), 4400);
  assert.equal(await closed([Buffer.from(init)]), 4400);
  assert.equal(await closed([init, init]), 4429);
  assert.equal(await closed([good, subscribe, subscribe]), 4409);
  assert.equal(await closed([bad]), 4403);
  assert.equal(await closed([]), 4408, "a client that says nothing");
  const many = Array.from({ length: 21 }, (_, id) => subscribe.replace(`"1"`, `"${id}"`));
  assert.equal(await closed([good, ...many]), 4429);
  assert.ok([1006, 1009].includes(await closed(["x".repeat(100_000)])), "too long a message");
});

test("t51_ pages of other origins get no socket", async () => {
  for (const origin of ["https://evil.test", "null"]) assert.equal(await closed([init], { origin }), 403);
  assert.equal(await closed(["bye"], { origin: "https://app.example.com" }), 4400);
  assert.equal(await closed([init], { protocol: "graphql-ws" }), 400, "the protocol that is dead");
});
