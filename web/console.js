// What scripts add to pages that work without them.

const all = (selector) => document.querySelectorAll(selector);
const byId = (id) => document.getElementById(id);

// A token stands behind the # of a link, where no server sees it: into its field, out of the address bar and the history.
for (const field of all("[data-fragment]")) {
  const token = decodeURIComponent(location.hash.slice(1));
  if (!token) continue;
  history.replaceState(null, "", location.pathname);
  field.value = token;
  const form = field.form;
  if ("submit" in form.dataset) form.requestSubmit();
  else field.parentElement.hidden = true;
}

for (const button of all("[data-show]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const field = byId(button.dataset.show);
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? button.dataset.wordShow : button.dataset.wordHide;
    button.ariaPressed = String(!shown);
  });
}

for (const button of all("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
    button.textContent = button.dataset.wordCopied;
  });
}

for (const box of all("[data-all]")) {
  box.hidden = false;
  box.addEventListener("change", () => {
    for (const one of all(`[form=${box.dataset.all}][type=checkbox]`)) one.checked = box.checked;
  });
}

// A short name is proposed until somebody types their own.
for (const field of all("[data-slug-of]")) {
  let proposed = "";
  byId(field.dataset.slugOf).addEventListener("input", ({ target }) => {
    if (field.value !== proposed) return;
    proposed = target.value
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-+|-+$/g, "")
      .slice(0, 40);
    field.value = proposed;
  });
}

// How hard a new password is to guess, as the service will judge it; where it gives no answer there is no meter.
for (const field of all("[data-strength]")) {
  const box = byId(field.dataset.strength);
  const [meter, said] = box.children;
  let waiting;
  let latest = 0;
  const rate = async () => {
    latest += 1;
    const turn = latest;
    const body = new URLSearchParams({ password: field.value });
    for (const name of ["name", "email", "tenant_name"]) {
      const known = field.form.elements.namedItem(name)?.value;
      if (known) body.append("context", known);
    }
    const asked = field.value ? fetch("/password/strength", { method: "POST", body }) : Promise.reject();
    const found = await asked.then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
    if (turn !== latest) return;
    box.hidden = !found;
    if (!found) return;
    // One that is too short is no better than one that is too easy.
    const score = found.acceptable ? found.score : Math.max(Math.min(found.score, found.required - 1), 0);
    meter.low = meter.high = found.required + 0.5;
    meter.optimum = 5;
    meter.value = score + 1;
    const word = said.getAttribute(`data-word-${score}`);
    said.textContent = found.acceptable ? word : `${word} ${found.hint}`;
  };
  field.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(rate, 300);
  });
}

// A file is read here and sent as text, as if it had been pasted.
for (const input of all("[data-into]")) {
  const area = byId(input.dataset.into);
  const read = async (file) => {
    if (file) area.value = await file.text();
  };
  input.parentElement.hidden = false;
  input.addEventListener("change", () => read(input.files[0]));
  area.addEventListener("dragover", (event) => event.preventDefault());
  area.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    read(file);
  });
}

for (const time of all("time")) time.title = new Date(time.dateTime).toLocaleString();

// Figures that still change are asked for again while somebody looks at them.
for (const region of all("[data-live=yes]")) {
  const again = async () => {
    if (!document.hidden) {
      const answer = await fetch(location.href);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById(region.id);
      if (!next) return;
      if (next.innerHTML !== region.innerHTML) region.innerHTML = next.innerHTML;
      region.dataset.live = next.dataset.live;
    }
    if (region.dataset.live === "yes") setTimeout(again, 2000);
  };
  setTimeout(again, 2000);
}
