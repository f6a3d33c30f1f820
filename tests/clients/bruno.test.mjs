// The collection in `examples/bruno`, run by Bruno's own command line: the first steps, each with its assertions.

import { test } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { administrator, start } from "./server.mjs";

const BRU = fileURLToPath(new URL("node_modules/.bin/bru", import.meta.url));
const COLLECTION = join(process.env.GUESTLIST_EXAMPLES, "bruno");

/** Runs the collection and returns what became of each request. */
async function run(server, report) {
  const say = ["run", "--env", "local", "--env-var", `endpoint=${server.graphql}`, "--reporter-json", report];
  const child = spawn(BRU, say, { cwd: COLLECTION });
  let output = "";
  child.stdout.on("data", (piece) => (output += piece));
  child.stderr.on("data", (piece) => (output += piece));
  const code = await new Promise((done) => child.once("close", done));
  assert.equal(code, 0, output);
  const [{ results }] = JSON.parse(await readFile(report, "utf8"));
  return results;
}

test("the Bruno collection runs from signing in to signing out", async (t) => {
  const server = await start();
  const folder = await mkdtemp(join(tmpdir(), "guestlist-bruno-"));
  t.after(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  });
  await administrator(server, "you@example.com");
  const results = await run(server, join(folder, "report.json"));
  const requests = (await readdir(COLLECTION)).filter((name) => name.endsWith(".bru"));
  assert.equal(results.length, requests.length);
  for (const { request, testResults, assertionResults } of results) {
    assert.ok(testResults.length > 0 && assertionResults.length > 0, `${request.url} asserts something`);
    for (const { status } of [...testResults, ...assertionResults]) assert.equal(status, "pass");
  }
});
