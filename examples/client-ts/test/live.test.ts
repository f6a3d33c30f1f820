// Events come once each and in order, whatever happens to the service in between.

import assert from "node:assert/strict";
import { test } from "node:test";
import { invitationEvents } from "../src/live.js";
import { Invite, LatestEvent } from "../src/operations.js";
import { bearer, send } from "../src/send.js";
import type { Session } from "../src/session.js";
import { signedIn, start } from "./server.js";

const say = (session: Session) => ({ url: session.url, fetch, headers: bearer(session.accessToken) });

async function invite(session: Session, email: string): Promise<string> {
  const { invite } = await send(say(session), Invite, { input: { email, delivery: "LINK_ONLY" } });
  return invite!.invitation!.id;
}

/** A place to begin: what follows it is seen, even where it happens before the subscription stands. */
async function latest(session: Session): Promise<string> {
  const { events } = await send(say(session), LatestEvent, {});
  return events!.edges[0]!.cursor;
}

test("events go on after the last one seen when the service was restarted", async (t) => {
  const server = await start(t);
  const session = await signedIn({ url: server.url });
  const end = new AbortController();
  const events = invitationEvents(session, { after: await latest(session), signal: end.signal });
  const seen: string[] = [];
  const take = async (count: number) => {
    while (seen.length < count) {
      const { value, done } = await events.next();
      assert.ok(!done && value.node.subject?.__typename === "Invitation", "the events go on");
      assert.equal(value.node.kind, "invitation.created");
      seen.push(value.node.subject.id);
    }
  };
  const made = [await invite(session, "one@example.com"), await invite(session, "two@example.com")];
  await take(2);
  const third = take(3);
  await server.restart();
  made.push(await invite(session, "three@example.com"), await invite(session, "four@example.com"));
  await third;
  await take(4);
  assert.deepEqual(seen, made);

  const last = events.next();
  end.abort();
  assert.equal((await last).done, true);
});

test("events end with the session", async (t) => {
  const { url } = await start(t);
  const session = await signedIn({ url });
  const { signal } = new AbortController();
  const after = await latest(session);
  const events = invitationEvents(session, { after, signal });
  await invite(session, "one@example.com");
  assert.equal((await events.next()).done, false);
  const last = events.next();
  await session.signOut();
  assert.equal((await last).done, true);
});
