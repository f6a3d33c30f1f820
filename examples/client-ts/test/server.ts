// Starts the service in a folder of its own on a port of the system's choice, with an administrator who owns a tenant.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { graphql } from "../src/gql/index.js";
import { bearer, send } from "../src/send.js";
import { Session, memoryVault, type Options } from "../src/session.js";

export const EMAIL = "root@example.com";
export const PASSWORD = "correct horse battery staple";

const CreateTenant = graphql(`
  mutation CreateTenant($input: CreateTenantInput!) {
    createTenant(input: $input) {
      tenant {
        id
      }
    }
  }
`);

export interface Server {
  url: string;
  /** Kills the service and starts it again over the same data, on the same port. */
  restart(): Promise<void>;
}

function binary(): string {
  const path = process.env["GUESTLIST_BINARY"];
  if (!path) throw new Error("Set GUESTLIST_BINARY to the program of the service.");
  return resolve(path);
}

const cheap = { GUESTLIST_ARGON2_M: "8", GUESTLIST_ARGON2_T: "1" };

async function serve(folder: string, listen: string, env: Record<string, string>) {
  const child = spawn(binary(), ["serve"], {
    cwd: folder,
    env: { GUESTLIST_LISTEN: listen, GUESTLIST_LOG: "off", ...cheap, ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise<string>((found, failed) => {
    child.once("exit", (code) => failed(new Error(`The service ended with ${code}.`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const graphql = line.match(/graphql\s+(http\S+\/graphql)/)?.[1];
      if (graphql) found(graphql);
    });
  });
  const kill = async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  return { url, kill };
}

export async function start(t: TestContext, env: Record<string, string> = {}): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), "guestlist-example-"));
  let running: Awaited<ReturnType<typeof serve>> | undefined;
  t.after(async () => {
    await running?.kill();
    await rm(folder, { recursive: true, force: true });
  });
  running = await serve(folder, "127.0.0.1:0", env);
  const { url, kill } = running;
  const superuser = ["create-superuser", "--email", EMAIL, "--password-stdin"];
  const command = spawn(binary(), superuser, { cwd: folder, env: cheap, stdio: ["pipe", "ignore", "inherit"] });
  command.stdin.end(PASSWORD);
  await once(command, "exit");
  const session = await signedIn({ url });
  const to = { url, fetch, headers: bearer(session.accessToken) };
  await send(to, CreateTenant, { input: { name: "Acme", slug: "acme" } });
  return {
    url,
    async restart() {
      await kill();
      running = await serve(folder, `127.0.0.1:${new URL(url).port}`, env);
    },
  };
}

/** The administrator's session. */
export async function signedIn(options: Partial<Options> & { url: string }): Promise<Session> {
  const session = new Session({ refreshToken: memoryVault(), ...options });
  await session.signIn({ email: EMAIL, password: PASSWORD });
  return session;
}

/** A fetch that keeps a record: the name of each operation and what became of it. */
export function recording(inner: typeof fetch = fetch) {
  const seen: string[] = [];
  const recorded: typeof fetch = async (url, init) => {
    const body = String(init?.body);
    const operation = body.match(/(?:query|mutation) (\w+)/)?.[1] ?? body;
    const response = await inner(url, init);
    const answer = await response.clone().text();
    seen.push(`${operation} ${answer.includes("UNAUTHENTICATED") ? "UNAUTHENTICATED" : "ok"}`);
    return response;
  };
  const count = (what: string) => seen.filter((line) => line === what).length;
  return { fetch: recorded, seen, count };
}
