// The audits of the npm package graphql-http: the GraphQL-over-HTTP specification as its own working group tests it.

import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { serverAudits } from "graphql-http";
import { start } from "./server.mjs";

let server;
before(async () => (server = await start()));
after(() => server.stop());

// A query by GET is answered only with a header that browsers do not send to other sites unasked.
const fetchFn = (url, init = {}) => {
  const headers = new Headers(init.headers);
  if ((init.method ?? "GET") === "GET") headers.set("graphql-require-preflight", "1");
  return fetch(url, { ...init, headers });
};

const audits = serverAudits({ url: () => server.graphql, fetchFn });

test("all audits are there", () => assert.equal(audits.length, 61));

for (const audit of audits) {
  test(`${audit.id} ${audit.name}`, async () => {
    const result = await audit.fn();
    const body = result.response && !result.response.bodyUsed ? await result.response.text() : "";
    assert.equal(result.status, "ok", `${result.reason ?? ""} ${result.response?.status ?? ""} ${body}`);
  });
}
