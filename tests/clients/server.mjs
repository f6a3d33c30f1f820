// Starts the binary in a folder of its own on a port of the system's choice, and ends it again.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const BINARY = process.env.GUESTLIST_BINARY;
export const PASSWORD = "correct horse battery staple";

/** Starts a server; over the folder and on the port of one that was stopped, if given. */
export async function start(env = {}, before) {
  const folder = before?.folder ?? (await mkdtemp(join(tmpdir(), "guestlist-")));
  const child = spawn(BINARY, ["serve"], {
    cwd: folder,
    env: {
      GUESTLIST_LISTEN: `127.0.0.1:${before ? new URL(before.url).port : 0}`,
      GUESTLIST_LOG: "off",
      GUESTLIST_ARGON2_M: "8",
      GUESTLIST_ARGON2_T: "1",
      ...env,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  let setup;
  const url = await new Promise((found, failed) => {
    child.once("exit", (code) => failed(new Error(`the server ended with ${code}`)));
    let graphql;
    lines.on("line", (line) => {
      graphql ??= line.match(/graphql\s+(http\S+)\/graphql/)?.[1];
      setup ??= line.match(/http\S+\/setup#\S+/)?.[0];
      // The last line there is: about mail, or about setting up where that is still to be done.
      if (before ? line.includes("  mail ") : line.includes("create-superuser")) found(graphql);
    });
  });
  const stop = async ({ signal = "SIGTERM", keep = false } = {}) => {
    const ended = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await ended;
    if (!keep) await rm(folder, { recursive: true, force: true });
  };
  return { url, graphql: `${url}/graphql`, setup, folder, stop };
}

/** Runs another command of the binary beside the server, with text on its standard input. */
export function run(server, args, text = "") {
  const child = spawn(BINARY, args, {
    cwd: server.folder,
    env: { GUESTLIST_ARGON2_M: "8", GUESTLIST_ARGON2_T: "1" },
  });
  let output = "";
  child.stdout.on("data", (piece) => (output += piece));
  child.stderr.on("data", (piece) => (output += piece));
  child.stdin.end(text);
  return new Promise((done, failed) =>
    child.once("exit", (code) => (code === 0 ? done(output) : failed(new Error(output)))),
  );
}

/** Sends an operation and returns the whole answer. */
export async function ask(server, query, variables = {}, token) {
  const response = await fetch(server.graphql, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

/** An administrator with a tenant, signed in: the access token. */
export async function administrator(server, email = "root@platform.test") {
  await run(server, ["create-superuser", "--email", email, "--password-stdin"], PASSWORD);
  const token = await signIn(server, email);
  const create = `mutation C($input: CreateTenantInput!) { createTenant(input: $input) { tenant { id } userErrors { code } } }`;
  await ask(server, create, { input: { name: "Acme", slug: "acme" } }, token);
  return token;
}

export async function signIn(server, email) {
  const login = `mutation L($input: LoginInput!) { login(input: $input) { tokens { accessToken } userErrors { code } } }`;
  const answer = await ask(server, login, { input: { email, password: PASSWORD } });
  return answer.data.login.tokens.accessToken;
}

export async function invite(server, token, email) {
  const query = `mutation I($input: InviteInput!) { invite(input: $input) { invitation { id } userErrors { code } } }`;
  const answer = await ask(server, query, { input: { email, delivery: "LINK_ONLY" } }, token);
  return answer.data.invite.invitation.id;
}
