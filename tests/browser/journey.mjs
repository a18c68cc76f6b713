// The whole journey in a real browser: get a link, consent, see the merchant receive the openId; and refuse once. Then
// the same by a link of GetAuthorizationUrl and its page.
//
// node journey.mjs --demo http://127.0.0.1:8789 --authlink http://127.0.0.1:8787 --secret FILE --screenshots DIR
//   [--browser /usr/bin/chromium]
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { landing } from "./landing.mjs";
import { decide, demand } from "./steps.mjs";

const SIZES = {
  phone: {
    viewport: { width: 390, height: 844 },
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

async function journey(page, visit, device, signType) {
  const picture = (name) =>
    page.screenshot({ path: join(values.screenshots, `${visit}-${name}.png`), fullPage: true });
  const problems = [];
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

  const refused = await askForLink(page, signType);
  await picture("demo-link");
  await follow(page, "refuse", "not-authorized", picture);

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
  await picture("demo-received");

  const secret = readFileSync(values.secret, "utf8");
  const requestId = await landing(page, { authlink: values.authlink, secret, device, picture });
  await page.goto(values.demo);
  await page.locator(`[data-serial-no="${requestId}"][data-state=received]`).waitFor();
  demand(problems.length === 0, `the browser complained: ${problems.join("; ")}`);
  return openId;
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
    const openId = await journey(await browser.newPage(), visit, size, signType);
    console.log(`ok: ${visit}, ${signType}: the merchant received ${openId}`);
    await browser.close();
  }
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser?.close().catch(() => {});
  rmSync(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
