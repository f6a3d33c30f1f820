// What the pages share: asking the API, showing parts, and saying what went wrong.

export const byId = (id) => document.getElementById(id);

/** Sends an operation with one root field and returns its payload; throws what a person should read. */
export async function ask(query, variables, accessToken) {
  const headers = { "Content-Type": "application/json" };
  if (accessToken) headers.Authorization = `Bearer ${accessToken}`;
  const response = await fetch("/graphql", {
    method: "POST",
    headers,
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json();
  if (answer.errors) throw new Error(answer.errors[0].message);
  const [payload] = Object.values(answer.data);
  if (payload?.userErrors?.length) throw new Error(payload.userErrors[0].message);
  return payload;
}

export function say(text) {
  byId("lead").textContent = text;
}

export function show(id, visible) {
  byId(id).hidden = !visible;
}

export async function attempt(work) {
  show("problem", false);
  try {
    await work();
  } catch (error) {
    byId("problem").textContent = error.message;
    show("problem", true);
  }
}

export function onSubmit(id, work) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(work);
  });
}

/** What stands behind the # of the link; taken out of the address bar and the history. */
export function takeFragment() {
  const fragment = decodeURIComponent(location.hash.slice(1));
  if (fragment) history.replaceState(null, "", location.pathname);
  return fragment;
}
