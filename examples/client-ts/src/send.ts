// One typed request by fetch, without a client library: the session needs no more, and small programs do not either.

import { print } from "graphql";
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";

/** Where to send, and what with. */
export interface Endpoint {
  url: string;
  fetch: typeof fetch;
  headers: Record<string, string>;
  /** `include` sends cookies to a service on another host of the same site. */
  credentials?: RequestCredentials;
}

interface Answer<Data> {
  data?: Data | null;
  errors?: { message: string; extensions?: { code?: string; retryAfterSeconds?: number; requestId?: string } }[];
}

/** A top-level error: nothing that a person typed, but sessions, permissions, limits and faults. */
export class RequestError extends Error {
  override name = "RequestError";

  constructor(
    message: string,
    readonly code: string | undefined,
    readonly retryAfterSeconds: number | undefined,
    readonly requestId: string | undefined,
  ) {
    super(message);
  }
}

/** Sends an operation and returns its data; throws `RequestError`, or what fetch throws where no answer came. */
export async function send<Data, Variables>(
  to: Endpoint,
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const response = await to.fetch(to.url, {
    method: "POST",
    headers: { "content-type": "application/json", ...to.headers },
    body: JSON.stringify({ query: print(document), variables }),
    ...(to.credentials && { credentials: to.credentials }),
  });
  // The body tells what happened, whatever the status.
  const { data, errors } = (await response.json()) as Answer<Data>;
  const error = errors?.[0];
  if (error || !data) {
    const { code, retryAfterSeconds, requestId } = error?.extensions ?? {};
    throw new RequestError(error?.message ?? "The answer is empty.", code, retryAfterSeconds, requestId);
  }
  return data;
}

export const bearer = (token: string | undefined): Record<string, string> =>
  token ? { authorization: `Bearer ${token}` } : {};
