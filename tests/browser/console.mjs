// The console in a real browser: what needs attention, a search, a life line, the last day; a resend, and a business
// disabled and enabled. Each page in both languages, on a phone and on a desktop, light and dark, and by keyboard.
//
// node console.mjs --console http://127.0.0.1:9000/TOKEN/ --authlink http://127.0.0.1:8787 --secret FILE
//   --serials S1,S2,S3,S4 --screenshots DIR [--browser /usr/bin/chromium]
//
// The serialNos are of the demo business and UNDELIVERABLE, and one more is.
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { violations } from "./axe.mjs";
import { getAuthorizationUrl } from "./call.mjs";
import { demand } from "./steps.mjs";

const ACCESS_KEY_ID = "demoAccessKeyId";
const SCHEME_ID = "234";
const VISITS = [
  { name: "phone-zh-CN", width: 360, height: 780, locale: "zh-CN", colorScheme: "light" },
  { name: "phone-en-GB", width: 360, height: 780, locale: "en-GB", colorScheme: "dark" },
  { name: "desktop-zh-CN", width: 1280, height: 800, locale: "zh-CN", colorScheme: "dark" },
  { name: "desktop-en-GB", width: 1280, height: 800, locale: "en-GB", colorScheme: "light" },
];

const { values } = parseArgs({
  options: {
    console: { type: "string" },
    authlink: { type: "string" },
    secret: { type: "string" },
    serials: { type: "string" },
    screenshots: { type: "string" },
    browser: { type: "string", default: "/usr/bin/chromium" },
  },
});
const serials = values.serials?.split(",") ?? [];
if (!values.console || !values.authlink || !values.secret || !values.screenshots || serials.length < VISITS.length) {
  console.error("usage: console.mjs --console URL --authlink URL --secret FILE --serials S1,S2,S3,S4 --screenshots DIR");
  process.exit(2);
}
mkdirSync(values.screenshots, { recursive: true });

/** A picture of the page, its faults by axe, and that it is not wider than its window. */
function inspector(page, visit) {
  const pages = [];
  return {
    pages,
    async inspect(name) {
      await page.screenshot({ path: join(values.screenshots, `console-${visit}-${name}.png`), fullPage: true });
      const broken = await violations(page);
      demand(broken.length === 0, `axe has found on ${name}: ${broken.join("; ")}`);
      const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
      demand(wide <= room, `${name} is ${wide} pixels wide and has ${room}`);
      pages.push(name);
    },
  };
}

/** The page by the Tab key alone: everything that can be used is met, and it is seen which one it is. */
async function byKeyboard(page) {
  const usable = await page.locator("a[href], button, input:not([type=hidden]), select, summary, [tabindex=\"0\"]").count();
  const met = new Set();
  for (let press = 0; press < usable + 3; press += 1) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const focused = document.activeElement;
      if (!focused || focused === document.body) return null;
      const outline = getComputedStyle(focused).outlineStyle;
      const place = [...document.querySelectorAll("*")].indexOf(focused);
      return { place, seen: outline !== "none", what: focused.outerHTML.slice(0, 80) };
    });
    if (!at) continue;
    demand(at.seen, `it cannot be seen that the focus is on ${at.what}`);
    met.add(at.place);
  }
  demand(met.size === usable, `the keyboard meets ${met.size} of ${usable}`);
}

async function search(page, by, text, of) {
  await page.getByTestId("by").selectOption(by);
  await page.getByTestId("text").fill(text);
  await page.getByTestId("of").fill(of);
  await page.getByTestId("text").press("Enter");
  await page.getByTestId("life-line").waitFor();
  return page.getByTestId("name").innerText();
}

async function looks(page, look, serial, requestId) {
  await page.goto(values.console);
  await page.getByTestId("record").first().waitFor();
  await look.inspect("attention");
  await byKeyboard(page);
  const found = await search(page, "serialNo", serial, "demo");
  demand(found === serial, `the search has found ${found}`);
  demand((await page.getByTestId("attempt").count()) >= 2, "the attempts are not shown");
  const charts = page.locator(".chart svg:visible");
  demand((await charts.count()) === 1, "one of the two life lines is to be seen");
  await look.inspect("authorization");
  await byKeyboard(page);

  await page.goto(values.console);
  const scheme = await search(page, "requestId", requestId, SCHEME_ID);
  demand(scheme === requestId, `the search has found ${scheme}`);
  await look.inspect("scheme");

  await page.goto(new URL("day", values.console).href);
  await page.getByTestId("funnel").waitFor();
  demand((await page.locator(".chart svg").count()) === 3, "a chart is missing");
  for (const summary of await page.locator("summary").all()) await summary.click();
  await look.inspect("day");

  await page.goto(new URL("search?by=reference&text=0123456789abcdef0123456789abcdef", values.console).href);
  await page.getByTestId("problem").waitFor();
  await look.inspect("not-found");
}

async function acts(page, look, serial) {
  await page.goto(values.console);
  await search(page, "serialNo", serial, "demo");
  await page.getByTestId("resend").click();
  await page.getByTestId("question").waitFor();
  await look.inspect("resend");
  await page.getByTestId("yes").click();
  await page.getByTestId("done").waitFor();
  await look.inspect("resent");

  await page.getByTestId("disable").click();
  await page.getByTestId("ask-disable").click();
  await page.getByTestId("question").waitFor();
  await look.inspect("disable");
  await page.getByTestId("yes").click();
  await page.getByTestId("disabled").getByText("business/demo").waitFor();
  await look.inspect("disabled");
  await page.getByTestId("disabled").getByRole("link").click();
  await page.getByTestId("yes").click();
  await page.getByTestId("none-disabled").waitFor();

  await page.goto(values.console);
  await search(page, "serialNo", serial, "demo");
  await page.getByTestId("forget").click();
  await page.getByTestId("question").waitFor();
  await look.inspect("forget");
  await page.getByTestId("yes").click();
  await page.getByTestId("done").waitFor();
  demand((await page.getByTestId("forget").count()) === 0, "a person can be forgotten twice");
  await look.inspect("forgotten");
}

/** Another page of the same browser can neither read the console nor have it act. */
async function fromElsewhere(page) {
  await page.goto("about:blank");
  const form = `<form method="post" action="${new URL("resend", values.console).href}"><button>act</button></form>`;
  await page.setContent(form);
  const answered = page.waitForResponse((answer) => answer.url().startsWith(values.console));
  await page.getByRole("button", { name: "act" }).click();
  demand((await answered).status() === 403, "a form of another page was let in");
}

let browser;
try {
  const secret = readFileSync(values.secret, "utf8");
  const parameters = { PhoneNo: "13900001234", SchemeId: SCHEME_ID };
  const { RequestId } = await getAuthorizationUrl(values.authlink, ACCESS_KEY_ID, secret, parameters);
  browser = await chromium.launch({
    executablePath: values.browser,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
  for (const [place, { name, width, height, locale, colorScheme }] of VISITS.entries()) {
    const context = await browser.newContext({ viewport: { width, height }, locale, colorScheme });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    const problems = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => {
      const known = message.text().includes("a status of 404");
      if (message.type() === "error" && !known) problems.push(message.text());
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(values.console) && !request.url().startsWith("data:")) {
        problems.push(`asked ${request.url()}`);
      }
    });
    const look = inspector(page, name);
    await looks(page, look, serials[place], RequestId);
    await acts(page, look, serials[place]);
    demand(problems.length === 0, `the browser complained: ${problems.join("; ")}`);
    const stranger = await context.newPage();
    await fromElsewhere(stranger);
    console.log(`ok: console ${name}, ${colorScheme}; axe: ${look.pages.length} pages, 0 violations`);
    await context.close();
  }
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser?.close().catch(() => {});
}
