// However many requests fail and whenever they do, one refresh goes out for all of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Invitations } from "../src/operations.js";
import { memoryVault, type Session } from "../src/session.js";
import { clients, code, type Client } from "./clients.js";
import { recording, signedIn, start } from "./server.js";

const MANY = 20;
const lenient = { GUESTLIST_LIMIT_TOKENS_PER_IP: "1000" };

/** Gives the session an access token that the service refuses, as it does one that has ended. */
const spoil = (session: Session) =>
  session.take({
    accessToken: `${session.accessToken!.slice(0, -8)}AAAAAAAA`,
    accessTokenExpiresAt: new Date(Date.now() + 600_000).toISOString(),
    refreshToken: null,
  });

/** Different queries, since both clients send equal ones only once. */
const ask = ({ query }: Client) =>
  Promise.all(Array.from({ length: MANY }, (_, n) => query(Invitations, { first: n + 1 })));

for (const [name, connect] of Object.entries(clients)) {
  test(`${name}: twenty queries fail together, share one refresh and succeed`, async (t) => {
    const { url } = await start(t, lenient);
    const { fetch, seen, count } = recording();
    const session = await signedIn({ url, fetch });
    await spoil(session);
    const answers = await ask(connect(session));
    assert.ok(answers.every(({ invitations }) => invitations?.nodes.length === 0));
    assert.equal(count("Invitations UNAUTHENTICATED"), MANY, seen.join());
    assert.equal(count("Refresh ok"), 1, seen.join());
    assert.equal(count("Invitations ok"), MANY, seen.join());
  });

  test(`${name}: a query that fails after the others were refreshed makes no second refresh`, async (t) => {
    const { url } = await start(t, lenient);
    let release: (() => void) | undefined;
    const released = new Promise<void>((done) => (release = done));
    const slow: typeof fetch = async (to, init) => {
      const response = await fetch(to, init);
      if (String(init?.body).includes(`"first":1}`) && release) await released;
      return response;
    };
    const { fetch: recorded, seen, count } = recording(slow);
    const session = await signedIn({ url, fetch: recorded });
    await spoil(session);
    const { query } = connect(session);
    const late = query(Invitations, { first: 1 });
    await query(Invitations, { first: 2 });
    release!();
    release = undefined;
    assert.ok((await late).invitations);
    assert.equal(count("Refresh ok"), 1, seen.join());
    assert.equal(count("Invitations UNAUTHENTICATED"), 2, seen.join());
  });

  test(`${name}: a token near its end is renewed before anything fails, once`, async (t) => {
    const { url } = await start(t, lenient);
    const { fetch, seen, count } = recording();
    let later = 0;
    const session = await signedIn({ url, fetch, now: () => Date.now() + later });
    later = 575_000;
    await ask(connect(session));
    assert.equal(count("Refresh ok"), 1, seen.join());
    assert.equal(count("Invitations UNAUTHENTICATED"), 0, seen.join());
  });

  test(`${name}: a refused refresh ends the session, once and for every query`, async (t) => {
    const { url } = await start(t, lenient);
    const { fetch, seen, count } = recording();
    const over: unknown[] = [];
    const vault = memoryVault();
    const session = await signedIn({ url, fetch, refreshToken: vault, onOver: (reason) => over.push(reason) });
    await vault.save("gl_ref_nonsense");
    await spoil(session);
    const { query } = connect(session);
    const asked = Array.from({ length: MANY }, (_, n) => query(Invitations, { first: n + 1 }));
    for (const outcome of await Promise.allSettled(asked)) {
      assert.equal(outcome.status, "rejected");
      assert.equal(code(outcome.reason), "UNAUTHENTICATED");
    }
    assert.deepEqual(over, ["TOKEN_INVALID"]);
    assert.equal(session.accessToken, undefined);
    assert.equal(await vault.load(), undefined);
    await assert.rejects(query(Invitations, { first: MANY + 1 }));
    assert.equal(count("Refresh ok"), 1, seen.join());
  });
}
