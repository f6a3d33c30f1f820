// A urql client that speaks for a session. Make another one when somebody else signs in: its cache is one person's.

import { Client, cacheExchange, fetchExchange, makeOperation } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { bearer } from "./send.js";
import type { Session } from "./session.js";

export function urqlClient(session: Session): Client {
  const auth = authExchange(async ({ appendHeaders }) => {
    let failed: string | undefined;
    return {
      addAuthToOperation(operation) {
        const accessToken = session.accessToken;
        const context = { ...operation.context, accessToken };
        return appendHeaders(makeOperation(operation.kind, operation, context), bearer(accessToken));
      },
      willAuthError() {
        failed = session.accessToken;
        return session.due;
      },
      didAuthError({ graphQLErrors }, operation) {
        failed = operation.context["accessToken"] as string | undefined;
        return graphQLErrors.some(({ extensions }) => extensions["code"] === "UNAUTHENTICATED");
      },
      async refreshAuth() {
        await session.renew(failed);
      },
    };
  });
  return new Client({
    url: session.url,
    fetch: session.fetch,
    preferGetMethod: false,
    exchanges: [cacheExchange, auth, fetchExchange],
  });
}
