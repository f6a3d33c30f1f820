// What to do about a refusal: every code has its step, and the compiler says so when the schema gains one.

import type { RefusalFragment } from "./gql/graphql.js";

export type Step =
  | { do: "correct"; field: string | undefined; say: string }
  | { do: "replace" | "sign in" | "switch account" | "ask for another link" | "look again" | "wait" | "tell"; say: string };

/** The step that leads on from a refusal; `say` is a sentence of the service for the person. */
export function stepAfter({ code, message: say, path }: RefusalFragment): Step {
  switch (code) {
    case "BAD_USER_INPUT":
    case "WEAK_PASSWORD":
    case "INVALID_CREDENTIALS":
    case "SLUG_TAKEN":
    case "ROLE_NOT_ALLOWED":
      return { do: "correct", field: path?.join("."), say };
    case "PENDING_WITH_OTHER_ROLE":
      return { do: "replace", say };
    case "SIGN_IN_REQUIRED":
    case "ALREADY_ACCEPTED":
    case "UNAUTHENTICATED":
      return { do: "sign in", say };
    case "EMAIL_MISMATCH":
      return { do: "switch account", say };
    case "TOKEN_INVALID":
    case "TOKEN_EXPIRED":
    case "SUPERSEDED":
      return { do: "ask for another link", say };
    case "ALREADY_MEMBER":
    case "NOT_PENDING":
    case "NOT_FOUND":
    case "ALREADY_DECIDED":
      return { do: "look again", say };
    case "QUOTA_EXCEEDED":
    case "TOO_SOON":
    case "RATE_LIMITED":
    case "OVERLOADED":
      return { do: "wait", say };
    case "ROLE_IN_USE":
    case "ROLE_BUILT_IN":
    case "NOT_ELIGIBLE":
    case "LAST_OWNER":
    case "TENANT_UNAVAILABLE":
    case "ACCOUNT_SUSPENDED":
    case "FORBIDDEN":
    case "INTERNAL":
      return { do: "tell", say };
    default:
      return unknown(code, say);
  }
}

/** The service may be younger than this client and say a code that it does not know: the sentence is good all the same. */
function unknown(_: never, say: string): Step {
  return { do: "tell", say };
}
