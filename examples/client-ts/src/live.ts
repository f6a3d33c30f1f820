// Follows the events of invitations over server-sent events. A connection that is lost goes on after the last event seen.

import { NetworkError, createClient } from "graphql-sse";
import { print } from "graphql";
import type { InvitationEventsSubscription } from "./gql/graphql.js";
import { InvitationEvents } from "./operations.js";
import { RequestError, bearer } from "./send.js";
import type { Session } from "./session.js";

export type InvitationEvent = NonNullable<InvitationEventsSubscription["invitationEvents"]>;

/** Waiting time before another attempt, in milliseconds: doubled with each that fails, up to the longest. */
const SHORTEST = 100;
const LONGEST = 10_000;

/**
 * Events after the cursor, then live; without a cursor only what follows. Store the cursor of the last event that was
 * dealt with and begin there the next time: nothing is missed and nothing comes twice. Ends with the session, or by the signal.
 */
export async function* invitationEvents(
  session: Session,
  { after, signal }: { after?: string | undefined; signal: AbortSignal },
): AsyncGenerator<InvitationEvent> {
  for (let wait = SHORTEST; !signal.aborted; wait = Math.min(wait * 2, LONGEST)) {
    try {
      for await (const event of connection(session, after, signal)) {
        yield event;
        after = event.cursor;
        wait = SHORTEST;
      }
      if (session.accessToken === undefined) return;
    } catch (error) {
      if (!passing(error)) throw error;
    }
    await pause(wait * (0.5 + Math.random() / 2), signal);
  }
}

/** The events of one connection. Where its access token has ended, the next one has another. */
async function* connection(session: Session, after: string | undefined, signal: AbortSignal) {
  const token = await session.token();
  if (signal.aborted) return;
  const client = createClient({ url: session.url, fetchFn: session.fetch, headers: bearer(token), retryAttempts: 0 });
  const query = print(InvitationEvents);
  const stream = client.iterate<InvitationEventsSubscription>({ query, variables: { after: after ?? null } });
  const stop = () => client.dispose();
  signal.addEventListener("abort", stop);
  try {
    for await (const { data, errors } of stream) {
      const error = errors?.[0];
      if (error?.extensions?.["code"] === "UNAUTHENTICATED") return void (await session.renew(token));
      if (error) throw new RequestError(error.message, String(error.extensions?.["code"]), undefined, undefined);
      if (data?.invitationEvents) yield data.invitationEvents;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    client.dispose();
  }
}

/** Whether another attempt may fare better: nobody answered (fetch throws a TypeError then), or the service is busy. */
function passing(error: unknown): boolean {
  if (error instanceof RequestError) return error.code === "OVERLOADED" || error.code === "RATE_LIMITED";
  return error instanceof NetworkError || error instanceof TypeError;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
