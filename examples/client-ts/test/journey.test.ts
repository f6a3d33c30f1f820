// From signing in to accepting, typed from end to end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Invitations, Invite, Me } from "../src/operations.js";
import { rows } from "../src/pages.js";
import { stepAfter } from "../src/refusals.js";
import { Session, memoryVault } from "../src/session.js";
import { clients } from "./clients.js";
import { signedIn, start } from "./server.js";

for (const [name, connect] of Object.entries(clients)) {
  test(`${name}: somebody is invited, joins and is signed in`, async (t) => {
    const { url } = await start(t);
    const { mutate } = connect(await signedIn({ url }));
    const input = { email: "ann@example.com", roleKey: "admin", delivery: "LINK_ONLY" as const };
    const { invite } = await mutate(Invite, { input });
    assert.equal(invite?.created, true);
    assert.equal(invite.invitation?.status, "PENDING");

    const session = new Session({ url, refreshToken: memoryVault() });
    const token = new URL(invite.link!).hash.slice(1);
    const weak = await session.acceptInvitation({ token, name: "Ann", password: "password" });
    assert.equal(weak?.userErrors[0]?.code, "WEAK_PASSWORD");
    assert.equal(session.accessToken, undefined);

    const joined = await session.acceptInvitation({ token, name: "Ann", password: "seven quiet lanterns drifting" });
    assert.deepEqual(joined?.userErrors, []);
    assert.equal(joined.membership?.tenant.slug, "acme");
    const { me } = await connect(session).query(Me, {});
    assert.equal(me?.name, "Ann");
    assert.deepEqual(me.activeMembership?.role.key, "admin");
  });

  test(`${name}: a refusal has a code, a sentence and a place`, async (t) => {
    const { url } = await start(t);
    const { mutate } = connect(await signedIn({ url }));
    const ask = async (email: string, roleKey: string) => {
      const { invite } = await mutate(Invite, { input: { email, roleKey } });
      const [refusal] = invite!.userErrors;
      return refusal && stepAfter(refusal);
    };
    const wrong = await ask("ann", "member");
    assert.ok(wrong?.do === "correct" && wrong.field === "email" && wrong.say !== "", JSON.stringify(wrong));
    assert.equal(await ask("ann@example.com", "member"), undefined);
    assert.equal((await ask("ann@example.com", "admin"))?.do, "replace");
  });

  test(`${name}: a list is read page by page, without gaps`, async (t) => {
    const { url } = await start(t);
    const { query, mutate } = connect(await signedIn({ url }));
    const emails = Array.from({ length: 7 }, (_, n) => `guest${n}@example.com`);
    for (const email of emails) await mutate(Invite, { input: { email, delivery: "LINK_ONLY" } });
    const read = async (after: string | null) => {
      const { invitations } = await query(Invitations, { first: 3, after, filter: { status: ["PENDING"] } });
      return invitations;
    };
    const found = [];
    for await (const { email } of rows(read)) found.push(email);
    assert.deepEqual(found, emails.toReversed());
  });
}

test("a code that is younger than this client is told in the service's words", () => {
  const step = stepAfter({ code: "FROM_TOMORROW" as never, message: "Come back tomorrow.", path: null });
  assert.deepEqual(step, { do: "tell", say: "Come back tomorrow." });
});
