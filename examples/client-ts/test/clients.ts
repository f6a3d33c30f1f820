// urql and Apollo by one name, so that each test is true of both.

import { CombinedGraphQLErrors } from "@apollo/client";
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { apolloClient } from "../src/apollo.js";
import type { Session } from "../src/session.js";
import { urqlClient } from "../src/urql.js";

export interface Client {
  query<Data, Variables extends object>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data>;
  mutate<Data, Variables extends object>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data>;
}

function urql(session: Session): Client {
  const client = urqlClient(session);
  const data = <Data>(result: { data?: Data | undefined; error?: Error | undefined }): Data => {
    if (result.error) throw result.error;
    return result.data!;
  };
  return {
    query: async (document, variables) => data(await client.query(document, variables).toPromise()),
    mutate: async (document, variables) => data(await client.mutation(document, variables).toPromise()),
  };
}

function apollo(session: Session): Client {
  const client = apolloClient(session);
  return {
    query: async (query, variables) => (await client.query({ query, variables } as never)).data as never,
    mutate: async (mutation, variables) => (await client.mutate({ mutation, variables } as never)).data as never,
  };
}

export const clients = { urql, apollo };

/** The code of the top-level error that either client threw. */
export function code(error: unknown): unknown {
  const errors = CombinedGraphQLErrors.is(error)
    ? error.errors
    : (error as { graphQLErrors?: { extensions: Record<string, unknown> }[] }).graphQLErrors;
  return errors?.[0]?.extensions?.["code"];
}
