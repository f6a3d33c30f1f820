// The pages in a real browser: from the printed link to an accepted invitation, in light and dark, at 360 pixels, and with
// scripts switched off. Nothing leaves the origin, nothing is logged as an error, and axe finds nothing.

import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { PASSWORD, start } from "./server.mjs";

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
  const look = async (name) => {
    assert.deepEqual(faults, []);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wide <= 0, `${name} is ${wide} pixels too wide`);
    if (options.javaScriptEnabled !== false) {
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
    await look(`${name}-setup`);
    await page.click("main button");
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
      await scanner.page.goto(link);
      await scanner.page.waitForSelector("#join:visible");
    }
    await scanner.close();
    const guest = await open(server, options);
    await guest.page.goto(link);
    await guest.page.waitForSelector("#join:visible");
    await guest.look(`${name}-accept`);
    await guest.page.fill("#name", "Ann Guest");
    await guest.page.fill("#password", "another horse battery staple");
    await guest.page.click("#join button");
    await guest.page.waitForFunction(() => document.querySelector("#join").hidden);

    await page.goto(`${server.url}/console/members`);
    await page.waitForSelector("td:has-text('Ann Guest')");
    await look(`${name}-members`);
    await guest.page.goto(`${server.url}/login`);
    await guest.page.fill("#email", "ann@example.com");
    await guest.page.fill("#password", "wrong");
    await guest.page.click("main button");
    await guest.page.waitForSelector("[role=alert]");
    assert.equal(await guest.page.inputValue("#email"), "ann@example.com", "what was typed stays");
    await guest.close();

    await page.goto(`${server.url}/console/import`);
    const bad = Array.from({ length: 20 }, (_, n) => `nobody${n}`);
    const good = Array.from({ length: 480 }, (_, n) => `guest${n}@example.com,Guest ${n}`);
    await page.fill("#list", [...good, ...bad].join("\n"));
    await page.click("button:has-text('See what would')");
    await page.waitForSelector("text=480 of 500 would be invited");
    await look(`${name}-import`);
    await page.click("button:has-text('Invite 480')");
    await page.waitForSelector("text=480 of 500 were invited");
    for (const place of ["events", "resets"]) {
      await page.goto(`${server.url}/console/${place}`);
      await look(`${name}-${place}`);
    }
    await page.goto(`${server.url}/account`);
    await look(`${name}-account`);
    await page.click("button:has-text('Sign out')");
    await page.waitForURL("**/login");
    await look(`${name}-login`);
    await page.goto(`${server.url}/console/members`);
    assert.ok(page.url().endsWith("/login"), "signed out is signed out");
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
  await page.click("main button");
  await page.waitForURL("**/console/invitations");
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
