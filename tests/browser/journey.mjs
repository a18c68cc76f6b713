// The whole journey in a real browser: get a link, consent, see the merchant receive the openId; and refuse once. Then
// the same by a link of GetAuthorizationUrl and its page.
//
// node journey.mjs --demo http://127.0.0.1:8789 --authlink http://127.0.0.1:8787 --secret FILE --screenshots DIR
//   [--browser /usr/bin/chromium]
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { violations } from "./axe.mjs";
import { explorer } from "./explorer.mjs";
import { landing } from "./landing.mjs";
import { decide, demand } from "./steps.mjs";

const SIZES = {
  phone: {
    viewport: { width: 360, height: 780 },
    deviceScaleFactor: 2,
    isMobile: true,
    userAgent:
      "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Mobile Safari/537.36",
  },
  desktop: { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
};
const VISITS = [
  { size: "phone", locale: "zh-CN", signType: "sign-type-rsa" },
  { size: "phone", locale: "en-GB", signType: "sign-type-md5" },
  { size: "desktop", locale: "zh-CN", signType: "sign-type-md5" },
  { size: "desktop", locale: "en-GB", signType: "sign-type-rsa" },
];
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const { values } = parseArgs({
  options: {
    demo: { type: "string" },
    authlink: { type: "string" },
    secret: { type: "string" },
    screenshots: { type: "string" },
    browser: { type: "string", default: "/usr/bin/chromium" },
  },
});
if (!values.demo || !values.authlink || !values.secret || !values.screenshots) {
  console.error("usage: journey.mjs --demo URL --authlink URL --secret FILE --screenshots DIR [--browser FILE]");
  process.exit(2);
}
mkdirSync(values.screenshots, { recursive: true });

/** A picture of a page, what axe has found on it: nothing, and that it is not wider than its window. */
async function inspect(page, visit, name, seen) {
  await page.screenshot({ path: join(values.screenshots, `${visit}-${name}.png`), fullPage: true });
  const broken = await violations(page);
  demand(broken.length === 0, `axe has found on ${name}: ${broken.join("; ")}`);
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  demand(wide <= room, `${name} is ${wide} pixels wide and has ${room}`);
  seen.push(name);
}

/** Opens the demo page and asks for a link; the serialNo it was asked under. */
async function askForLink(page, signType) {
  await page.goto(values.demo);
  await page.locator("body[data-ready]").waitFor();
  await page.getByTestId(signType).check({ force: true });
  const asked = page.waitForResponse((answer) => answer.url().endsWith("/api/links"));
  await page.getByTestId("get-link").click();
  const answer = await asked;
  demand(answer.ok(), `no link: HTTP ${answer.status()} ${await answer.text()}`);
  await page.getByTestId("open-link").waitFor();
  return answer.headers()["serial-no"];
}

/** From the demo page's link through the consent page to the result page. */
async function follow(page, decision, outcome, picture) {
  await page.getByTestId("open-link").click();
  await decide(page, decision, outcome, picture);
}

/** Collects what the browser complains of on `page`, and every request that leaves this machine. */
function watched(page, problems) {
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    const { url } = message.location();
    // A page that is refused is judged where it is opened.
    const known = url.endsWith("/favicon.ico") || (url.includes("/auth-bao?") && message.text().includes("a status of 4"));
    if (message.type() === "error" && !known) problems.push(`${message.text()} ${url}`);
  });
  page.on("request", (request) => {
    const host = new URL(request.url()).hostname;
    if (host !== "127.0.0.1" && host !== "localhost" && host !== "") problems.push(`asked ${request.url()}`);
  });
}

/** What merchants' developers use, at the width of a small phone or of a desktop. */
async function tools(context, visit, device, problems, seen) {
  const parties = dirname(values.secret);
  await explorer(context, {
    demo: values.demo,
    rsaKey: readFileSync(join(parties, "merchant.pem"), "utf8"),
    md5Key: readFileSync(join(parties, "merchant-md5-key.txt"), "utf8"),
    width: device === "phone" ? 360 : 1280,
    picture: (page, name) => inspect(page, visit, name, seen),
    watch: (page) => watched(page, problems),
  });
}

/** Asks what became of a serialNo until `holds` its life line, which it returns. */
async function lifeLine(row, holds, what) {
  for (let tries = 0; tries < 300; tries += 1) {
    const answered = row.page().waitForResponse((answer) => answer.url().endsWith("/api/queries"));
    await row.getByTestId("query").click();
    await answered;
    const line = row.getByTestId("life-line");
    await line.waitFor();
    if (await holds(line)) return line;
    await row.page().waitForTimeout(100);
  }
  throw new Error(`the life line never shows ${what}`);
}

/** A merchant that answers 500: every attempt, the next one's time, and a button once nobody tries any more. */
async function givenUp(page, signType, picture) {
  const serialNo = await askForLink(page, signType);
  await page.getByTestId("merchant-fault").selectOption("server-error");
  await follow(page, "allow", "authorized", async () => {});
  await page.goto(values.demo);
  await page.locator("body[data-ready]").waitFor();
  const row = page.locator(`[data-testid=authorization][data-serial-no="${serialNo}"]`);
  await row.waitFor();
  const waits = async (line) => (await line.getByTestId("next-attempt").count()) === 1;
  const waiting = await lifeLine(row, waits, "the next attempt's time");
  demand(/\d\d:\d\d:\d\d/.test(await waiting.getByTestId("next-attempt").innerText()), "the next attempt has no time");
  demand((await waiting.getByTestId("attempt").count()) === 1, "the first attempt is not shown");
  await picture("demo-next-attempt");
  const isOver = async (line) => (await line.getAttribute("data-state")) === "UNDELIVERABLE";
  const over = await lifeLine(row, isOver, "UNDELIVERABLE");
  demand((await over.locator("[data-testid=attempt][data-outcome=status]").count()) === 2, "an attempt is missing");
  demand((await over.locator("[data-event=UNDELIVERABLE]").count()) === 1, "it is not said that it was given up");
  await picture("demo-given-up");

  await page.getByTestId("merchant-fault").selectOption("none");
  await over.getByTestId("redrive").click();
  await row.locator(".life[data-state=AUTHORIZED], .life[data-state=DELIVERED]").waitFor();
  demand((await row.getByTestId("given-up").count()) === 0, "what is due again is still given up");
}

/** "Clear" hides what was there, and shows what comes. */
async function clearing(page, signType) {
  const shown = page.locator("[data-testid=journal-entry]:visible");
  demand((await shown.count()) > 0, "the journal is empty");
  await page.getByTestId("clear-journal").click();
  demand((await shown.count()) === 0, "a cleared journal shows entries");
  const serialNo = await askForLink(page, signType);
  await page.locator(`.group[data-of="${serialNo}"] .entry`).first().waitFor();
}

async function journey(page, visit, device, signType) {
  const seen = [];
  const picture = (name) => inspect(page, visit, name, seen);
  const problems = [];
  watched(page, problems);

  const refused = await askForLink(page, signType);
  await picture("demo-link");
  await follow(page, "refuse", "not-authorized", picture);
  const again = page.locator("a.button").first();
  demand((await again.getAttribute("href")).includes("state="), "a refusal has no way to authorize after all");
  const back = page.locator("a.button.second");
  demand((await back.getAttribute("href")).startsWith(values.demo), "a refusal has no way back");
  await back.click();
  await page.getByTestId("way-back").waitFor();
  demand((await page.getByTestId("way-back").innerText()).includes(refused), "the way back names no serialNo");
  await picture("demo-way-back");

  const allowed = await askForLink(page, signType);
  await follow(page, "allow", "authorized", picture);
  await page.goto(values.demo);
  const row = (serialNo) => page.locator(`[data-testid=authorization][data-serial-no="${serialNo}"]`);
  await page.locator(`[data-serial-no="${allowed}"][data-state=received]`).waitFor();
  const openId = await row(allowed).getByTestId("open-id").innerText();
  demand(openId.trim() !== "", "the merchant received no openId");
  demand((await row(refused).getAttribute("data-state")) === "waiting", "the refused one was delivered too");
  const callback = page.locator("[data-title=callback-received]").first();
  await callback.locator("summary").click();
  demand((await callback.locator("pre").first().innerText()).includes(openId), "the journal lacks the openId");
  const inGroup = (title) => page.locator(`.group[data-of="${allowed}"] .entry[data-title=${title}]`);
  for (const title of ["link-requested", "consent-given", "code-exchanged", "callback-received"]) {
    demand((await inGroup(title).count()) === 1, `the journal has not one ${title} under the serialNo`);
  }
  await row(refused).getByTestId("query").click();
  await row(refused).locator("[data-event=REFUSED]").waitFor();
  await row(allowed).getByTestId("query").click();
  await row(allowed).locator("[data-event=DELIVERED]").waitFor();
  await page.getByTestId("journal-of").selectOption(allowed);
  demand(!(await page.locator(`.group[data-of="${refused}"]`).isVisible()), "the journal shows another serialNo");
  await picture("demo-received");

  const secret = readFileSync(values.secret, "utf8");
  const { authlink, demo } = values;
  const requestId = await landing(page, { authlink, demo, secret, device, picture });
  await page.goto(values.demo);
  await page.locator(`[data-serial-no="${requestId}"][data-state=received]`).waitFor();
  await givenUp(page, signType, picture);
  await clearing(page, signType);
  await tools(page.context(), visit, device, problems, seen);
  demand(problems.length === 0, `the browser complained: ${problems.join("; ")}`);
  return { openId, pages: seen.length };
}

const profile = mkdtempSync(join(tmpdir(), "authlink-browser-"));
let browser;
try {
  for (const { size, locale, signType } of VISITS) {
    const visit = `${size}-${locale}`;
    browser = await chromium.launchPersistentContext(join(profile, visit), {
      executablePath: values.browser,
      args: FLAGS,
      locale,
      ...SIZES[size],
    });
    browser.setDefaultTimeout(20_000);
    const { openId, pages } = await journey(await browser.newPage(), visit, size, signType);
    console.log(`ok: ${visit}, ${signType}: the merchant received ${openId}; axe: ${pages} pages, 0 violations`);
    await browser.close();
  }
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser?.close().catch(() => {});
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
