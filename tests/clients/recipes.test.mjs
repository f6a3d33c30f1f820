// What `docs/CLIENTS.md` shows is true: its documents are valid, and its commands do what they say.

import { test } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildSchema, parse, validate } from "graphql/index.mjs";
import { administrator, start } from "./server.mjs";

const page = await readFile(join(process.env.GUESTLIST_EXAMPLES, "../docs/CLIENTS.md"), "utf8");
const blocks = (kind) => [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)].filter((m) => m[1] === kind).map((m) => m[2]);

test("its documents are valid", async () => {
  const schema = buildSchema(await readFile(process.env.GUESTLIST_SCHEMA, "utf8"));
  const documents = blocks("graphql");
  assert.ok(documents.length > 0);
  for (const document of documents) assert.deepEqual(validate(schema, parse(document)), [], document);
});

test("its commands sign in, invite, refresh and sign out", async (t) => {
  const server = await start();
  t.after(() => server.stop());
  await administrator(server, "you@example.com");
  const [commands] = blocks("sh");
  const env = { ...process.env, URL: server.graphql };
  const child = spawn("sh", ["-eu"], { env, stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (piece) => (output += piece));
  child.stdin.end(`${commands}\necho; echo "$REFRESH"`);
  assert.equal(await new Promise((done) => child.once("close", done)), 0);
  assert.match(output, /"email":"you@example.com".*"role":\{"key":"owner"\}/);
  assert.match(output, /"created":true,"invitation":\{"status":"PENDING"\},"userErrors":\[\]/);
  assert.match(output, /"logout":\{"userErrors":\[\]\}/);
  assert.match(output, /^gl_ref_/m);
});
