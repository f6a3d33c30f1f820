// GraphiQL over this service: it uses the session of the console, if there is one, and streams subscriptions as server-sent events.

const endpoint = "/graphql";
const json = { "content-type": "application/json" };

let access = { token: null, endsAt: 0 };
let renewing;

/** Exchanges the refresh token in the cookie, which no script can read, for an access token that stays in this page. */
async function renew() {
  const query =
    "mutation Renew { refresh(input: {}) { tokens { accessToken accessTokenExpiresAt } userErrors { code } } }";
  const answer = await fetch(endpoint, {
    method: "POST",
    headers: { ...json, "x-guestlist-session": "cookie" },
    body: JSON.stringify({ query }),
  });
  const tokens = (await answer.json()).data?.refresh?.tokens;
  // Whoever is not signed in is asked again in a minute, should they sign in meanwhile.
  access = {
    token: tokens?.accessToken ?? null,
    endsAt: tokens ? Date.parse(tokens.accessTokenExpiresAt) - 30_000 : Date.now() + 60_000,
  };
}

async function authorization(headers = {}) {
  if (Object.keys(headers).some((name) => name.toLowerCase() === "authorization")) return headers;
  if (Date.now() >= access.endsAt) {
    renewing ??= renew().finally(() => (renewing = undefined));
    await renewing;
  }
  return access.token ? { ...headers, authorization: `Bearer ${access.token}` } : headers;
}

/** Results of a subscription as they come (GraphQL over server-sent events, distinct connections). */
async function* follow(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      text += value;
      const messages = text.split("\n\n");
      text = messages.pop();
      for (const message of messages) {
        const lines = message.split("\n");
        if (lines.includes("event: complete")) return;
        const data = lines.find((line) => line.startsWith("data:"));
        if (lines.includes("event: next") && data) yield JSON.parse(data.slice(5));
      }
    }
  } finally {
    reader.cancel();
  }
}

/** Every operation is asked for as a stream: what comes back says whether it is one, whatever GraphiQL took the document for. */
async function fetcher({ query, variables, operationName }, options = {}) {
  const answer = await fetch(endpoint, {
    method: "POST",
    headers: {
      ...json,
      accept: "text/event-stream, application/json",
      ...(await authorization(options.headers)),
    },
    body: JSON.stringify({ query, variables, operationName }),
  });
  const streaming = answer.headers.get("content-type")?.startsWith("text/event-stream");
  return streaming ? follow(answer) : answer.json();
}

const examples = [
  `# Whose session this is: that of the console, or nobody's (null). Sign in at /login.
query Me {
  me {
    name
    email
    activeMembership { role { name } tenant { id name slug } }
  }
}
`,
  `query Invitations {
  invitations(first: 20, filter: { status: [PENDING] }) {
    totalCount
    nodes { id email status expiresAt role { key } delivery { state lastReply } }
    pageInfo { hasNextPage endCursor }
  }
}
`,
  `mutation Invite {
  invite(input: { email: "ann@example.com", roleKey: "member", note: "See you on Monday" }) {
    created
    invitation { id status expiresAt }
    userErrors { code message path }
  }
}
`,
  `# Invite somebody in another window, and watch.
subscription Live {
  invitationEvents {
    cursor
    node { kind at subject { ... on Invitation { email status } } }
  }
}
`,
];

const { React, ReactDOM, GraphiQL } = window;
const explorer = React.createElement(GraphiQL, {
  fetcher,
  defaultTabs: examples.map((query) => ({ query })),
  defaultEditorToolsVisibility: "variables",
});
ReactDOM.createRoot(document.getElementById("explorer")).render(explorer);
