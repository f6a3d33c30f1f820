// The pages in a real browser: from the printed link to an accepted invitation, in light and dark, at 360 pixels, and with
// scripts switched off. Nothing leaves the origin, nothing is logged as an error, and axe finds nothing.

import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { PASSWORD, administrator, ask, invite, run, signIn, start } from "./server.mjs";

const program = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const required = process.env.GUESTLIST_TEST_REQUIRE_BROWSER;
const skip = program || required ? false : "Chromium is not installed here (Debian: apt-get install chromium)";
const shots = process.env.GUESTLIST_SCREENSHOTS;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let browser;
before(async () => {
  if (skip) return;
  const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
  args.push("--disable-background-networking", "--disable-component-update");
  browser = await chromium.launch({ executablePath: program, args });
});
after(() => browser?.close());

/** A page that keeps watch over itself. */
async function open(server, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const faults = [];
  // A form that is refused is answered with 422, which the browser notes by itself.
  const fault = (message) => message.type() === "error" && !message.text().includes("status of 422");
  page.on("console", (message) => fault(message) && faults.push(message.text()));
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== server.url && protocol !== "data:") faults.push(`left the origin: ${request.url()}`);
  });
  const look = async (name, { axe: audited = true } = {}) => {
    assert.deepEqual(faults, []);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
    if (audited && options.javaScriptEnabled !== false) {
      const { violations } = await page.evaluate(`${axe}; axe.run()`);
      const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
      assert.deepEqual(found, [], name);
    }
    if (shots) {
      await mkdir(shots, { recursive: true });
      await page.screenshot({ path: join(shots, `${name}.png`), fullPage: true });
    }
  };
  return { page, look, close: () => context.close() };
}

async function setUp(server, page) {
  await page.goto(server.setup);
  if (await page.locator("#token").isVisible()) await page.fill("#token", server.setup.split("#")[1]);
  await page.fill("#name", "Olivia Owner");
  await page.fill("#email", "olivia@acme.test");
  await page.fill("#password", PASSWORD);
  await page.fill("#tenant_name", "Acme & Sons");
  if (!(await page.inputValue("#slug"))) await page.fill("#slug", "acme-sons");
}

for (const [name, options] of [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["small", { viewport: { width: 360, height: 740 } }],
]) {
  test(`${name}: from the printed link to an accepted invitation`, { skip }, async (t) => {
    const server = await start();
    t.after(() => server.stop());
    const { page, look, close } = await open(server, options);
    await setUp(server, page);
    assert.equal(new URL(page.url()).hash, "", "the code is out of the address bar");
    assert.equal(await page.inputValue("#slug"), "acme-sons");
    await page.waitForSelector("#password-strength [role=status]:has-text('Very hard to guess')");
    await look(`${name}-setup`);
    await page.click("button:has-text('Set up')");
    await page.waitForURL("**/console");
    await look(`${name}-first-steps`);
    await page.click("a:has-text('Invite somebody')");
    await page.waitForURL("**/console/invitations");
    await look(`${name}-empty`);

    await page.fill("#email", "ann@example.com");
    await page.fill("#note", "See you on Monday <b>Ann</b>");
    await page.click("button:has-text('Send the invitation')");
    await page.waitForSelector("[role=status]");
    await page.waitForSelector("td:has-text('ann@example.com')");
    await page.reload();
    await look(`${name}-invitations`);

    const mailed = async () => {
      const mails = await (await fetch(`${server.url}/dev/mail.json?to=ann@example.com`)).json();
      return mails.at(-1)?.link ?? (await new Promise((done) => setTimeout(done, 100)), mailed());
    };
    const link = await mailed();
    // A mail scanner, and one that runs scripts, look first: that uses nothing up.
    const scanner = await open(server, options);
    for (let look = 0; look < 3; look += 1) {
      await fetch(link, { method: "HEAD" });
      await scanner.page.goto("about:blank");
      await scanner.page.goto(link);
      await scanner.page.waitForSelector("#join");
    }
    await scanner.close();
    const guest = await open(server, options);
    await guest.page.goto(link);
    await guest.page.waitForSelector("#join");
    assert.equal(new URL(guest.page.url()).hash, "", "the code is out of the address bar");
    await guest.look(`${name}-accept`);
    await guest.page.fill("#name", "Ann Guest");
    // The meter says what the service would, and knows whose password it is.
    const said = (text) => guest.page.waitForSelector(`#password-strength [role=status]:has-text("${text}")`);
    assert.equal(await guest.page.isVisible("#password-strength"), false);
    await guest.page.fill("#password", "ann guest");
    await said("Very easy to guess.");
    await guest.look(`${name}-accept-weak`);
    await guest.page.fill("#password", "another horse battery staple");
    await said("Very hard to guess.");
    await guest.page.fill("#password", "");
    await guest.page.waitForSelector("#password-strength", { state: "hidden" });
    await guest.page.fill("#password", "another horse battery staple");
    await said("Very hard to guess.");
    await guest.page.click("[data-show]");
    assert.equal(await guest.page.getAttribute("#password", "type"), "text");
    await guest.page.click("button:has-text('Accept')");
    await guest.page.waitForURL("**/console?done=joined");
    await guest.look(`${name}-joined`);
    await guest.page.click("button:has-text('Sign out')");

    await page.goto(`${server.url}/console/members`);
    await page.waitForSelector("td:has-text('Ann Guest')");
    await look(`${name}-members`);
    await guest.page.goto(`${server.url}/login`);
    await guest.page.fill("#email", "ann@example.com");
    await guest.page.fill("#password", "wrong");
    await guest.page.click("button:has-text('Sign in')");
    await guest.page.waitForSelector("[role=alert]");
    assert.equal(await guest.page.inputValue("#email"), "ann@example.com", "what was typed stays");
    await guest.close();

    await page.goto(`${server.url}/console/import`);
    const bad = Array.from({ length: 20 }, (_, n) => `nobody${n}`);
    const good = Array.from({ length: 480 }, (_, n) => `guest${n}@example.com,Guest ${n}`);
    const buffer = Buffer.from([...good, ...bad].join("\n"));
    await page.setInputFiles("#file", { name: "people.csv", mimeType: "text/csv", buffer });
    await page.waitForFunction(() => document.querySelector("#list").value.includes("nobody19"));
    await page.click("button:has-text('See what would')");
    await page.waitForSelector("text=480 of 500 would be invited");
    await look(`${name}-import`);
    await page.click("button:has-text('Invite 480')");
    await page.waitForSelector("text=480 of 500 were invited");
    const saved = page.waitForEvent("download");
    await page.click("a:has-text('Download all outcomes')");
    const outcomes = await readFile(await (await saved).path(), "utf8");
    assert.equal(outcomes.trim().split("\n").length, 501);
    assert.equal(outcomes.match(/INVALID_EMAIL/g).length, 20);
    // The figures follow the mails without being asked again, until the last has left.
    await page.click("a:has-text('see their mails leave')");
    await page.waitForFunction(() => document.querySelector("#mail").dataset.live === "no", null, { timeout: 60_000 });
    await look(`${name}-mail`);
    for (const place of ["console", "console/events", "console/resets", "console/settings", "platform", "platform/users", "platform/health", "platform/settings", "login/tenant"]) {
      await page.goto(`${server.url}/${place}`);
      await look(`${name}-${place.replace("/", "-")}`);
    }
    await page.goto(`${server.url}/account`);
    await look(`${name}-account`);
    await page.click("button:has-text('Sign out')");
    await page.waitForURL("**/login");
    await look(`${name}-login`);
    await page.goto(`${server.url}/console/members`);
    assert.match(page.url(), /\/login\?next=/, "signed out is signed out");
    await page.goto(server.setup);
    assert.match(await page.textContent("h1"), /is set up/);
    await close();
  });
}

test("without scripts every form of the console works", { skip }, async (t) => {
  const server = await start();
  t.after(() => server.stop());
  const { page, look, close } = await open(server, { javaScriptEnabled: false });
  await setUp(server, page);
  await page.click("button:has-text('Set up')");
  await page.waitForURL("**/console");
  await page.goto(`${server.url}/console/invitations`);
  await page.fill("#email", "bob@example.com");
  await page.click("button:has-text('Make a link')");
  await page.waitForSelector(".link");
  assert.match(await page.textContent(".link"), /\/accept#gl_inv_/);
  await page.click("[aria-label='Cancel the invitation of bob@example.com']");
  await page.waitForSelector("text=The link is of no use any more");
  await page.goto(`${server.url}/account`);
  await page.fill("#name", "Olivia O.");
  await page.click("button:has-text('Save')");
  await page.waitForSelector("text=Saved.");
  await page.fill("#current", "not the password");
  await page.fill("#new", "a battery of correct staples");
  await page.click("button:has-text('Change the password')");
  assert.match(await page.textContent("[role=alert]"), /current password is wrong/);
  await page.fill("#current", PASSWORD);
  await page.fill("#new", "a battery of correct staples");
  await page.click("button:has-text('Change the password')");
  await page.waitForSelector("text=The password is changed");
  await look("plain-account");
  await close();
});

const mailTo = async (server, email, subject) => {
  const mails = await (await fetch(`${server.url}/dev/mail.json?to=${email}`)).json();
  const found = mails.filter((mail) => mail.subject.includes(subject)).at(-1);
  return found ?? (await new Promise((done) => setTimeout(done, 100)), mailTo(server, email, subject));
};

const signInAs = async (page, email, password) => {
  await page.fill("#email", email);
  await page.fill("#password", password);
  await page.click("button:has-text('Sign in')");
};

for (const [name, options] of [
  ["light", {}],
  ["plain", { javaScriptEnabled: false }],
]) {
  test(`${name}: a forgotten password, a suspended member, an ended session, another tenant`, { skip }, async (t) => {
    const server = await start();
    t.after(() => server.stop());
    await administrator(server);
    const admin = await open(server, options);
    const { page } = admin;
    await page.goto(`${server.url}/login`);
    await signInAs(page, "root@platform.test", PASSWORD);
    await page.waitForURL("**/console");
    await page.goto(`${server.url}/console/invitations`);
    await page.fill("#email", "max@example.com");
    await page.click("button:has-text('Send the invitation')");
    await page.waitForSelector("[role=status]");
    const { link, token } = await mailTo(server, "max@example.com", "invit");

    const max = await open(server, options);
    await max.page.goto(link);
    if (options.javaScriptEnabled === false) {
      await max.page.fill("#token", token);
      await max.page.click("button:has-text('Look it up')");
    }
    await max.page.fill("#name", "Max Member");
    await max.page.fill("#password", PASSWORD);
    await max.page.click("button:has-text('Accept')");
    await max.page.waitForURL("**/console?done=joined");

    // Forgot, approved in the console where the mail leads, reset.
    const forgetful = await open(server, options);
    await forgetful.page.goto(`${server.url}/login`);
    await forgetful.page.click("text=Forgot your password?");
    await forgetful.look(`${name}-forgot`);
    await forgetful.page.fill("#email", "max@example.com");
    await forgetful.page.click("button:has-text('Ask for a link')");
    await forgetful.page.waitForSelector("[role=status]");
    await page.goto((await mailTo(server, "root@platform.test", "password")).link);
    await admin.look(`${name}-request`);
    await page.click("button:has-text('Approve')");
    await page.waitForSelector("text=A link goes to the person's own mailbox");
    const reset = await mailTo(server, "max@example.com", "password");
    await forgetful.page.goto(reset.link);
    if (options.javaScriptEnabled === false) await forgetful.page.fill("#token", reset.token);
    else assert.equal(await forgetful.page.isVisible("#token"), false);
    await forgetful.look(`${name}-reset`);
    await forgetful.page.fill("#password", "seven quiet lanterns drifting");
    await forgetful.page.click("button:has-text('Set the password')");
    await forgetful.page.waitForURL("**/login?done=reset");
    await signInAs(forgetful.page, "max@example.com", "seven quiet lanterns drifting");
    await forgetful.page.waitForURL("**/console");
    await max.page.reload();
    assert.match(max.page.url(), /\/login/, "the session before the reset has ended");

    // One session ends another.
    await signInAs(max.page, "max@example.com", "seven quiet lanterns drifting");
    await max.page.goto(`${server.url}/account`);
    await max.page.click("button:text-is('End')");
    await max.page.waitForSelector("text=That session has ended");
    await forgetful.page.goto(`${server.url}/account`);
    assert.match(forgetful.page.url(), /\/login/);

    // Suspended counts from the next request, and is taken back.
    await page.goto(`${server.url}/console/members`);
    await page.click("tr:has-text('Max Member') button:has-text('Suspend')");
    await page.waitForSelector("tr:has-text('Max Member') button:has-text('Reinstate')");
    await max.page.goto(`${server.url}/console`);
    await max.page.waitForURL("**/login/tenant");
    await max.look(`${name}-suspended`);
    await page.click("tr:has-text('Max Member') button:has-text('Reinstate')");
    await page.waitForSelector("[role=status]");

    // Another tenant, made on the platform's page, and the way back.
    await page.goto(`${server.url}/platform`);
    await page.click("summary:has-text('Make a tenant')");
    await page.fill("#name", "Globex");
    await page.fill("#slug", "globex");
    await page.click("button:has-text('Make the tenant')");
    await page.waitForSelector("td:has-text('Globex')");
    await page.goto(`${server.url}/login/tenant`);
    await admin.look(`${name}-tenants`);
    await page.click("[aria-label='Open Globex']");
    await page.waitForSelector("h1:has-text('Globex')");
    for (const { close } of [admin, max, forgetful]) await close();
  });
}

for (const [name, options] of [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["small", { viewport: { width: 360, height: 740 } }],
  ["plain", { javaScriptEnabled: false }],
]) {
  test(`${name}: a webhook from its secret to a delivery that is posted again`, { skip }, async (t) => {
    const server = await start({ GUESTLIST_WEBHOOK_ALLOW_PRIVATE: "true" });
    t.after(() => server.stop());
    const posted = [];
    const answers = [500];
    const hook = createServer((request, response) => {
      posted.push(request.headers["webhook-id"]);
      request.resume();
      request.on("end", () => response.writeHead(answers.shift() ?? 200).end("thanks"));
    });
    await new Promise((listening) => hook.listen(0, "127.0.0.1", listening));
    t.after(() => hook.close());
    await administrator(server);
    const { page, look, close } = await open(server, options);
    await page.goto(`${server.url}/login?next=/console/webhooks`);
    await signInAs(page, "root@platform.test", PASSWORD);
    await page.waitForURL("**/console/webhooks");
    await look(`${name}-webhooks-empty`);
    await page.fill("#url", `http://127.0.0.1:${hook.address().port}/hooks`);
    await page.fill("#description", "Address book");
    await page.check("[value=webhook]");
    await page.click("button:has-text('Add the endpoint')");
    await page.waitForSelector("#secret");
    assert.match(await page.textContent("#secret"), /^whsec_/);
    await look(`${name}-webhook-made`);
    // Its own making is the first event that is posted, and is refused; the page is asked for until it says so.
    const endpoint = await page.getAttribute("form[action$='/rotate']", "action");
    const shown = async (text) => {
      await page.goto(`${server.url}${endpoint.replace("/rotate", "")}`);
      const there = await page.locator(`td:has-text('${text}')`).count();
      return there > 0 || (await new Promise((done) => setTimeout(done, 200)), shown(text));
    };
    await shown("500");
    await page.click("summary:has-text('Change URL')");
    await look(`${name}-webhook`);
    await page.click("button:has-text('Post again')");
    await page.waitForSelector("[role=status]:has-text('posted once more')");
    await shown("200");
    assert.equal(posted[0], posted[1], "the same delivery");
    await page.click("button:has-text('Make another secret')");
    await page.waitForSelector("#secret");
    await page.goto(`${server.url}/console/webhooks`);
    await look(`${name}-webhooks`);
    await page.click("a:has-text('Address book')");
    await page.click("button:has-text('Disable')");
    await page.waitForSelector(".state.disabled");
    await page.click("summary:has-text('Delete')");
    await page.click("button:has-text('Delete it')");
    await page.waitForURL("**/console/webhooks?done=deleted");
    await close();
  });
}

for (const [name, options] of [
  ["light", { colorScheme: "light" }],
  ["dark", { colorScheme: "dark" }],
  ["small", { viewport: { width: 360, height: 740 } }],
  ["plain", { javaScriptEnabled: false }],
]) {
  test(`${name}: mail that is held back and stopped, and sessions that are ended`, { skip }, async (t) => {
    const server = await start();
    t.after(() => server.stop());
    const token = await administrator(server);
    await run(server, ["outbox", "hold"]);
    const admin = await open(server, options);
    const { page } = admin;
    await page.goto(`${server.url}/login?next=/console/invitations`);
    await signInAs(page, "root@platform.test", PASSWORD);
    await page.waitForURL("**/console/invitations");
    await page.fill("#email", "ann@example.com");
    await page.click("button:has-text('Send the invitation')");
    await page.waitForSelector("[role=status]");
    await page.goto(`${server.url}/console/mail?status=QUEUED`);
    await admin.look(`${name}-mail-queued`);
    await page.goto(`${server.url}/platform/health`);
    await page.waitForSelector("text=All mail is held back");
    await admin.look(`${name}-health-held`);
    await page.goto(`${server.url}/console/mail`);
    await page.click("[aria-label='Stop the mail to ann@example.com']");
    await page.waitForSelector("[role=status]:has-text('Stopped.')");
    await page.waitForSelector("td:has-text('stopped')");
    await admin.look(`${name}-mail-stopped`);

    // Somebody joins by a link, is signed in, and is signed out by the platform.
    const invite = `mutation { invite(input: { email: "max@example.com", delivery: LINK_ONLY }) { link } }`;
    const { link } = (await ask(server, invite, {}, token)).data.invite;
    const max = await open(server, options);
    await max.page.goto(link);
    if (options.javaScriptEnabled === false) {
      await max.page.fill("#token", link.split("#")[1]);
      await max.page.click("button:has-text('Look it up')");
    }
    await max.page.fill("#name", "Max Member");
    await max.page.fill("#password", PASSWORD);
    await max.page.click("button:has-text('Accept')");
    await max.page.waitForURL("**/console?done=joined");
    await page.goto(`${server.url}/platform/users?q=max`);
    await page.click("summary[aria-label='End the sessions of Max Member']");
    await admin.look(`${name}-users-end`);
    await page.click("button:has-text('End every session of Max Member')");
    await page.waitForSelector("[role=status]:has-text('Every session of theirs has ended')");
    await max.page.goto(`${server.url}/account`);
    assert.match(max.page.url(), /\/login/);
    for (const { close } of [admin, max]) await close();
  });
}

test("the explorer comes from the service and is signed in with the console's session", { skip }, async (t) => {
  const server = await start();
  t.after(() => server.stop());
  await administrator(server);
  const { page, look, close } = await open(server);
  await page.goto(`${server.url}/login?next=/graphiql`);
  await signInAs(page, "root@platform.test", PASSWORD);
  await page.waitForURL("**/graphiql");
  await page.waitForSelector(".graphiql-execute-button");
  await page.click(".graphiql-execute-button");
  await page.waitForSelector(".result-window :text('root@platform.test')");
  // A subscription streams what happens meanwhile.
  await page.click("[role=tab]:has-text('Live')");
  // GraphiQL looks which operation stands in a tab a moment after it was opened: run until it sends this one.
  const streaming = (answer) =>
    answer.url() === `${server.url}/graphql` && answer.request().postDataJSON().operationName === "Live";
  let live;
  for (let tries = 0; tries < 30 && !live; tries += 1) {
    const answered = page.waitForResponse(streaming, { timeout: 1000 }).catch(() => undefined);
    await page.click(".graphiql-execute-button");
    live = await answered;
  }
  assert.equal(live?.headers()["content-type"], "text/event-stream; charset=utf-8");
  // A stream without a cursor begins when the service has looked where the log ends: what comes after that is shown.
  const token = await signIn(server, "root@platform.test");
  const shown = page.locator(".result-window :text-matches('live\\\\d+@example')");
  for (let number = 0; number < 20 && !(await shown.isVisible()); number += 1) {
    await invite(server, token, `live${number}@example.com`);
    await shown.waitFor({ timeout: 2000 }).catch(() => {});
  }
  assert.ok(await shown.isVisible());
  await look("graphiql", { axe: false });
  // What the page knows of the session survives the page: the cookie went on with it.
  await page.goto(`${server.url}/console`);
  assert.ok(page.url().endsWith("/console"));
  await close();
});

test("pages and what scripts add to them speak the language of the browser", { skip }, async (t) => {
  const words = await mkdtemp(join(tmpdir(), "guestlist-words-"));
  t.after(() => rm(words, { recursive: true, force: true }));
  await writeFile(join(words, "de.ftl"), "show = Zeigen\nhide = Verbergen\nstrength-0 = Leicht zu erraten.\n");
  await writeFile(join(words, "ar.ftl"), "sign-in = تسجيل الدخول\nskip = إلى المحتوى\n");
  const server = await start({ GUESTLIST_WORDS_DIR: words });
  t.after(() => server.stop());
  const german = await open(server, { locale: "de-CH" });
  await german.page.goto(server.setup);
  await german.page.waitForSelector("html[lang=de]");
  const show = german.page.locator("[data-show=password]");
  assert.equal(await show.textContent(), "Zeigen");
  await show.click();
  assert.equal(await show.textContent(), "Verbergen");
  await show.click();
  assert.equal(await show.textContent(), "Zeigen");
  await german.page.fill("#password", "password");
  await german.page.waitForSelector("#password-strength [role=status]:has-text('Leicht zu erraten. ')");
  await german.look("german-setup");
  await german.close();
  for (const [name, viewport] of [["arabic", { width: 1100, height: 800 }], ["arabic-small", { width: 360, height: 740 }]]) {
    const arabic = await open(server, { locale: "ar-EG", viewport });
    await arabic.page.goto(`${server.url}/login`);
    await arabic.page.waitForSelector("html[lang=ar][dir=rtl]");
    await arabic.look(name);
    await arabic.close();
  }
});

test("the pages are small", { skip }, async (t) => {
  const server = await start();
  t.after(() => server.stop());
  const { page, close } = await open(server);
  let bytes = 0;
  const sizes = {};
  page.on("response", async (response) => {
    const size = (await response.body()).length;
    bytes += size;
    sizes[new URL(response.url()).pathname] = size;
  });
  await page.goto(server.setup, { waitUntil: "networkidle" });
  assert.ok(sizes["/assets/console.js"] < 30_000, JSON.stringify(sizes));
  assert.ok(sizes["/assets/console.css"] < 25_000, JSON.stringify(sizes));
  assert.ok(bytes > 10_000 && bytes < 60_000, `${bytes}`);
  await close();
});
