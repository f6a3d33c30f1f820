// The schema as the tools of its clients see it: graphql-eslint's rules for schemas and for Relay, and Relay's compiler.

import { test } from "node:test";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import plugin from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";

const SCHEMA = resolve(process.env.GUESTLIST_SCHEMA);

/** What ESLint finds by the rules of one of the plugin's configurations. */
async function lint(rules, schema = SCHEMA) {
  const eslint = new ESLint({
    cwd: dirname(schema),
    overrideConfigFile: true,
    overrideConfig: [
      {
        files: ["**/*.graphql"],
        plugins: { "@graphql-eslint": plugin },
        languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema } } },
        rules,
      },
    ],
  });
  const [{ messages }] = await eslint.lintFiles([schema]);
  return messages.map(({ line, ruleId, message }) => `${line}: ${ruleId}: ${message}`);
}

// A type is an object of its own with an id, or a part of one, of a page or of an answer, which has none.
const parts = ["AuthTokens", "Delivery", "InvitationPreview", "InviteResult", "PageInfo", "TenantAbilities", "UserError"];
parts.push("Platform", "PlatformDatabase", "PlatformMail", "PlatformJob", "PlatformSetting");
const suffixes = ["Payload", "Connection", "Edge"];

test("the schema passes what graphql-eslint recommends", async () => {
  const rules = {
    ...plugin.configs["flat/schema-recommended"].rules,
    "@graphql-eslint/strict-id-in-types": ["error", { exceptions: { types: parts, suffixes } }],
  };
  assert.deepEqual(await lint(rules), []);
});

test("the schema passes graphql-eslint's rules for Relay", async () => {
  const rules = {
    ...plugin.configs["flat/schema-relay"].rules,
    // Short lists that are read whole, such as `userErrors` or `permissions`, are plain lists and no connections.
    "@graphql-eslint/relay-edge-types": ["error", { listTypeCanWrapOnlyEdgeType: false }],
  };
  assert.deepEqual(await lint(rules), []);
});

const OPERATIONS = {
  "GuestList.js": `
    graphql\`
      fragment GuestList_rows on Query
      @argumentDefinitions(first: { type: "Int", defaultValue: 20 }, after: { type: "String" })
      @refetchable(queryName: "GuestListNextPage") {
        invitations(first: $first, after: $after, filter: { status: [PENDING] }) @connection(key: "GuestList_invitations") {
          edges { node { id ...GuestList_row } }
        }
      }
    \`;
    graphql\`
      fragment GuestList_row on Invitation { email status expiresAt role { key name } delivery { state } }
    \`;
    graphql\`
      query GuestListQuery { me { id name } ...GuestList_rows }
    \`;
    graphql\`
      mutation GuestListInviteMutation($input: InviteInput!, $connections: [ID!]!) {
        invite(input: $input) {
          invitation @prependNode(connections: $connections, edgeTypeName: "InvitationEdge") { id ...GuestList_row }
          userErrors { code message path }
        }
      }
    \`;
    graphql\`
      mutation GuestListLeaveMutation($input: LeaveTenantInput!) {
        leaveTenant(input: $input) { leftTenantId @deleteRecord userErrors { code message } }
      }
    \`;
    graphql\`
      subscription GuestListSubscription($after: String) {
        invitationEvents(after: $after) { cursor node { kind subject { ...GuestList_row @alias(as: "row") } } }
      }
    \`;`,
  "Person.js": `
    graphql\`
      fragment Person_user on User @refetchable(queryName: "PersonRefetch") { id name email }
    \`;`,
};

test("Relay's compiler takes connections, pages, updates of its store and the subscription", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "guestlist-relay-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "src"));
  await copyFile(SCHEMA, join(folder, "schema.graphql"));
  for (const [name, text] of Object.entries(OPERATIONS)) await writeFile(join(folder, "src", name), text);
  const config = {
    src: "src",
    schema: "schema.graphql",
    language: "typescript",
    artifactDirectory: "artifacts",
    customScalarTypes: { DateTime: "string", EmailAddress: "string", JSON: "unknown" },
  };
  await writeFile(join(folder, "relay.config.json"), JSON.stringify(config));
  await mkdir(join(folder, "artifacts"));
  await compile(folder);
  const written = await readdir(join(folder, "artifacts"));
  assert.equal(written.length, 9, written.join());
  const page = await readFile(join(folder, "artifacts/GuestListNextPage.graphql.ts"), "utf8");
  assert.match(page, /hasNextPage/, "the compiler asks for what paging needs");
  const person = await readFile(join(folder, "artifacts/PersonRefetch.graphql.ts"), "utf8");
  assert.match(person, /node\(id: \$id\)/, "an object is fetched again by its global id");
});

async function compile(folder) {
  const compiler = fileURLToPath(new URL("node_modules/.bin/relay-compiler", import.meta.url));
  const child = spawn(compiler, ["relay.config.json", "--noWatchman"], { cwd: folder });
  let output = "";
  child.stdout.on("data", (piece) => (output += piece));
  child.stderr.on("data", (piece) => (output += piece));
  const code = await new Promise((done) => child.once("close", done));
  assert.equal(code, 0, output);
}
