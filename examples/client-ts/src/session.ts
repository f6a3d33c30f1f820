// Keeps one session: the access token in memory, the refresh token in a vault or in a cookie, and one refresh at a time.

import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import type { AcceptInvitationInput, ErrorCode, LoginInput, TokensFragment } from "./gql/graphql.js";
import { AcceptInvitation, Refresh, SignIn, SignOut } from "./operations.js";
import { RequestError, bearer, send } from "./send.js";

/** How long before its end an access token is renewed, in milliseconds. */
const AHEAD = 30_000;

/** Where a program that is no page keeps its refresh token: the key store of a phone, a file that only its owner reads. */
export interface Vault {
  load(): Promise<string | undefined>;
  /** Stores the token, or forgets it. */
  save(token: string | undefined): Promise<void>;
}

/** A vault that ends with the program. */
export function memoryVault(token?: string): Vault {
  return {
    load: () => Promise.resolve(token),
    save: (next) => {
      token = next;
      return Promise.resolve();
    },
  };
}

export interface Options {
  /** The endpoint, such as `https://id.example.com/graphql`. */
  url: string;
  /** `cookie` in browsers: the service keeps the refresh token where scripts cannot read it. A vault elsewhere. */
  refreshToken: "cookie" | Vault;
  /** Called once when the session cannot go on, with the code of the refusal. */
  onOver?: (code: ErrorCode | undefined) => void;
  fetch?: typeof fetch;
  now?: () => number;
}

export class Session {
  readonly url: string;
  readonly fetch: typeof fetch;
  #vault: Vault | undefined;
  #onOver: (code: ErrorCode | undefined) => void;
  #now: () => number;
  #access: { token: string; dueAt: number } | undefined;
  #renewal: Promise<string | undefined> | undefined;
  #over = false;

  constructor(options: Options) {
    this.url = options.url;
    this.fetch = options.fetch ?? ((...request) => fetch(...request));
    this.#vault = options.refreshToken === "cookie" ? undefined : options.refreshToken;
    this.#onOver = options.onOver ?? (() => {});
    this.#now = options.now ?? Date.now;
  }

  /** Goes into the `Authorization` header. Undefined before `signIn` or `resume`, and when the session is over. */
  get accessToken(): string | undefined {
    return this.#access?.token;
  }

  /** Whether the access token ends soon, or has ended. */
  get due(): boolean {
    return this.#access !== undefined && this.#now() >= this.#access.dueAt;
  }

  async signIn(input: LoginInput) {
    const { login } = await this.#send(SignIn, { input });
    if (login?.tokens) await this.take(login.tokens);
    return login;
  }

  /** Joins: as a new person, who is signed in then, or as the person who is signed in. */
  async acceptInvitation(input: AcceptInvitationInput) {
    const { acceptInvitation } = await this.#send(AcceptInvitation, { input }, await this.token());
    if (acceptInvitation?.tokens) await this.take(acceptInvitation.tokens);
    return acceptInvitation;
  }

  /** Ends the session here, whether or not the service can be reached, and there. */
  async signOut(): Promise<void> {
    await this.#renewal?.catch(() => {});
    const refreshToken = await this.#vault?.load();
    const token = this.accessToken;
    await this.#end();
    await this.#send(SignOut, { input: { refreshToken: refreshToken ?? null } }, token);
  }

  /** The access token for the next request, renewed where its end is near. */
  token(): Promise<string | undefined> {
    return this.due ? this.renew(this.accessToken) : Promise.resolve(this.accessToken);
  }

  /** Goes on with a session from before, when a page or a program begins. Undefined where there is none. */
  resume(): Promise<string | undefined> {
    return this.renew(this.accessToken);
  }

  /**
   * The access token that follows the one that failed. Any number of requests may fail together or late: all share one
   * refresh, and none begins another where the token was replaced in the meantime. Undefined when the session is over.
   */
  renew(failed: string | undefined): Promise<string | undefined> {
    if (this.#over || failed !== this.accessToken) return Promise.resolve(this.accessToken);
    this.#renewal ??= this.#refresh().finally(() => (this.#renewal = undefined));
    return this.#renewal;
  }

  /** Goes on with these tokens, from an operation that was sent elsewhere, such as `changePassword`. */
  async take(tokens: TokensFragment): Promise<void> {
    if (tokens.refreshToken) await this.#vault?.save(tokens.refreshToken);
    const now = this.#now();
    // A clock that is wrong, or a token that is short, makes a refresh every now and then, not one with each request.
    const dueAt = Math.max(Date.parse(tokens.accessTokenExpiresAt) - AHEAD, now + AHEAD);
    this.#access = { token: tokens.accessToken, dueAt };
    this.#over = false;
  }

  async #refresh(): Promise<string | undefined> {
    const refreshToken = (await this.#vault?.load()) ?? null;
    if (this.#vault && !refreshToken) return this.#refused(undefined);
    const ask = () => this.#send(Refresh, { input: { refreshToken } });
    // Where no answer came, the same token gets the same answer within ten seconds.
    const { refresh } = await ask().catch((error: unknown) => {
      if (error instanceof RequestError) throw error;
      return ask();
    });
    if (!refresh?.tokens) return this.#refused(refresh?.userErrors[0]?.code);
    await this.take(refresh.tokens);
    return this.accessToken;
  }

  async #refused(code: ErrorCode | undefined): Promise<undefined> {
    await this.#end();
    this.#onOver(code);
  }

  async #end(): Promise<void> {
    this.#access = undefined;
    this.#over = true;
    await this.#vault?.save(undefined);
  }

  #send<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables, token?: string) {
    const { url, fetch } = this;
    const headers = bearer(token);
    if (this.#vault) return send({ url, fetch, headers }, document, variables);
    headers["x-guestlist-session"] = "cookie";
    return send({ url, fetch, headers, credentials: "include" }, document, variables);
  }
}
