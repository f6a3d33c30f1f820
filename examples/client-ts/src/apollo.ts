// An Apollo client that speaks for a session. Call its `clearStore` when somebody else signs in: the cache is one person's.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { from, of, switchMap } from "rxjs";
import { bearer } from "./send.js";
import type { Session } from "./session.js";

const unauthenticated = ({ errors }: ApolloLink.Result) =>
  errors?.some(({ extensions }) => extensions?.["code"] === "UNAUTHENTICATED") ?? false;

/** Signs requests; after UNAUTHENTICATED it sends one again, once, with the token that follows. */
export function sessionLink(session: Session): ApolloLink {
  return new ApolloLink((operation, forward) => {
    const signed = (token: string | undefined) => {
      operation.setContext(({ headers }) => ({ headers: { ...(headers as object), ...bearer(token) } }));
      return forward(operation);
    };
    const again = async (result: ApolloLink.Result, failed: string | undefined) => {
      const token = await session.renew(failed);
      return token ? signed(token) : of(result);
    };
    return from(session.token()).pipe(
      switchMap((token) =>
        signed(token).pipe(
          switchMap((result) =>
            unauthenticated(result) ? from(again(result, token)).pipe(switchMap((next) => next)) : of(result),
          ),
        ),
      ),
    );
  });
}

export function apolloClient(session: Session): ApolloClient {
  const http = new HttpLink({ uri: session.url, fetch: session.fetch });
  return new ApolloClient({ link: sessionLink(session).concat(http), cache: new InMemoryCache() });
}
