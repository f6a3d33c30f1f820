// Takes the code out of the link, so that nobody has to paste it, and proposes a short name for the tenant.

import { byId, takeFragment } from "/assets/page.js";

const token = takeFragment();
if (token) {
  byId("token").value = token;
  byId("code").hidden = true;
}

let proposed = "";
byId("tenant_name").addEventListener("input", () => {
  const slug = byId("slug");
  if (slug.value !== proposed) return;
  proposed = byId("tenant_name")
    .value.toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 40);
  slug.value = proposed;
});
