// The session by itself: both ways to keep a refresh token, lost answers, and the end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Me } from "../src/operations.js";
import { bearer, send } from "../src/send.js";
import { Session, memoryVault } from "../src/session.js";
import { EMAIL, PASSWORD, recording, signedIn, start } from "./server.js";

/** What a browser adds to the requests of a page: its origin, and the cookie that scripts do not see. */
function browser(origin: string) {
  const jar = new Map<string, string>();
  const inner: typeof fetch = async (url, init) => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const allowed = init?.credentials === "include";
    const headers = { ...(init?.headers as object), origin, ...(allowed && cookie && { cookie }) };
    const response = await fetch(url, { ...init, headers });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/)!;
      if (/Max-Age=0/i.test(line)) jar.delete(name!);
      else jar.set(name!, value!);
    }
    return response;
  };
  return { fetch: inner, jar };
}

test("in a browser the refresh token is in a cookie, and a page that is loaded again goes on", async (t) => {
  const origin = "https://app.example.com";
  const { url } = await start(t, { GUESTLIST_ALLOWED_ORIGINS: origin });
  const { fetch, jar } = browser(origin);
  const session = await signedIn({ url, fetch, refreshToken: "cookie" });
  assert.ok(session.accessToken);
  assert.deepEqual([...jar.keys()], ["__Host-guestlist_refresh"]);

  const reloaded = new Session({ url, fetch, refreshToken: "cookie" });
  const token = await reloaded.resume();
  const { me } = await send({ url, fetch, headers: bearer(token) }, Me, {});
  assert.equal(me?.email, EMAIL);

  await reloaded.signOut();
  assert.equal(jar.size, 0, "signing out takes the cookie away");
  const over: unknown[] = [];
  const stranger = new Session({ url, fetch, refreshToken: "cookie", onOver: (code) => over.push(code) });
  assert.equal(await stranger.resume(), undefined);
  assert.equal(over.length, 1);
});

test("tabs that refresh at the same moment both go on", async (t) => {
  const origin = "https://app.example.com";
  const { url } = await start(t, { GUESTLIST_ALLOWED_ORIGINS: origin });
  const { fetch } = browser(origin);
  await signedIn({ url, fetch, refreshToken: "cookie" });
  const tabs = Array.from({ length: 3 }, () => new Session({ url, fetch, refreshToken: "cookie" }));
  for (let round = 0; round < 2; round += 1) {
    for (const token of await Promise.all(tabs.map((tab) => tab.resume()))) assert.ok(token);
  }
});

test("elsewhere it is in a vault, and a program that begins again goes on", async (t) => {
  const { url } = await start(t);
  const vault = memoryVault();
  await signedIn({ url, refreshToken: vault });
  const before = await vault.load();
  const again = new Session({ url, refreshToken: vault });
  const token = await again.resume();
  assert.ok(token);
  assert.notEqual(await vault.load(), before, "each refresh token is good once");

  await again.signOut();
  assert.equal(await vault.load(), undefined);
  const { me } = await send({ url, fetch, headers: bearer(token) }, Me, {});
  assert.equal(me, null, "the access token ends with its session");
});

test("an answer that is lost is asked for again", async (t) => {
  const { url } = await start(t);
  let lost = 0;
  const { fetch: recorded, count } = recording();
  const lossy: typeof fetch = async (to, init) => {
    const response = await recorded(to, init);
    if (String(init?.body).includes("mutation Refresh") && lost++ === 0) throw new TypeError("the line is dead");
    return response;
  };
  const vault = memoryVault();
  const session = await signedIn({ url, fetch: lossy, refreshToken: vault });
  const old = session.accessToken;
  const before = await vault.load();
  const tokens = await Promise.all([session.renew(old), session.renew(old), session.resume()]);
  assert.ok(tokens.every((token) => token && token === session.accessToken));
  assert.equal(count("Refresh ok"), 2, "one whose answer was lost, and the same again");
  assert.notEqual(await vault.load(), before);
  assert.ok(await session.renew(session.accessToken), "the session goes on");
});

test("a service that is not there ends no session", async (t) => {
  const { url } = await start(t);
  let away = false;
  const patchy: typeof fetch = (to, init) => (away ? Promise.reject(new TypeError("no route")) : fetch(to, init));
  const vault = memoryVault();
  const over = () => assert.fail("it is not over");
  const session = await signedIn({ url, fetch: patchy, refreshToken: vault, onOver: over });
  const token = session.accessToken;
  const before = await vault.load();
  away = true;
  await assert.rejects(session.renew(token), /no route/);
  assert.equal(session.accessToken, token);
  away = false;
  assert.ok(await session.renew(token));
  assert.notEqual(await vault.load(), before, "it went on with the refresh token it had");
});

test("a wrong password is a refusal, and nobody is signed in", async (t) => {
  const { url } = await start(t);
  const session = new Session({ url, refreshToken: memoryVault() });
  const login = await session.signIn({ email: EMAIL, password: `${PASSWORD}!` });
  assert.equal(login?.tokens, null);
  assert.equal(login?.userErrors[0]?.code, "INVALID_CREDENTIALS");
  assert.equal(session.accessToken, undefined);
});
