// Every page that a user can meet, as tests/pages.rs has kept it: on a phone and on a desktop, held against axe, the
// window's width, the fold and the room that a merchant's name may take; and a picture of each.
//
// node pages.mjs --pages target/tmp/pages --screenshots DIR [--browser /usr/bin/chromium]
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";
import { violations } from "./axe.mjs";
import { demand } from "./steps.mjs";

const SIZES = [
  { size: "phone", viewport: { width: 360, height: 780 }, deviceScaleFactor: 2, isMobile: true },
  { size: "desktop", viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
];
const MOST_LINES = 3;

const { values } = parseArgs({
  options: {
    pages: { type: "string" },
    screenshots: { type: "string" },
    browser: { type: "string", default: "/usr/bin/chromium" },
  },
});
if (!values.pages || !values.screenshots) {
  console.error("usage: pages.mjs --pages DIR --screenshots DIR [--browser FILE]");
  process.exit(2);
}
mkdirSync(values.screenshots, { recursive: true });

const pages = new Map(
  readdirSync(values.pages)
    .filter((file) => file.endsWith(".json"))
    .map((file) => [file.replace(/\.json$/, ""), JSON.parse(readFileSync(join(values.pages, file), "utf8"))]),
);

/** Answers with a kept page as the function did, but for its asking again: it stays while it is looked at. */
const server = createServer((request, response) => {
  const page = pages.get(request.url.slice(1));
  if (!page) return response.writeHead(404).end();
  response.writeHead(page.status, page.headers).end(page.html.replace(/<meta http-equiv="refresh"[^>]*>/, ""));
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const origin = `http://127.0.0.1:${server.address().port}`;

/** The lines that the texts take which may hold a merchant's name or a long word. */
const lines = (page) =>
  page.locator("h1, .merchant").evaluateAll((found) =>
    found.map((text) => {
      const { height } = text.getBoundingClientRect();
      return { text: text.textContent, lines: Math.round(height / parseFloat(getComputedStyle(text).lineHeight)) };
    }),
  );

/** The buttons that stand less than 8 pixels below what is above them. */
const crowded = (page) =>
  page.locator("a.button").evaluateAll((buttons) =>
    buttons.filter((button) => {
      const own = button.getBoundingClientRect();
      const above = [...document.querySelector("main").children].filter((part) => {
        const { left, right } = part.getBoundingClientRect();
        const isBefore = part.compareDocumentPosition(button) === Node.DOCUMENT_POSITION_FOLLOWING;
        return isBefore && left < own.right && right > own.left;
      });
      return above.some((part) => part.getBoundingClientRect().bottom > own.top - 8);
    }).map((button) => button.textContent),
  );

async function look(page, name, size) {
  await page.goto(`${origin}/${name}`);
  await page.screenshot({ path: join(values.screenshots, `${size}-${name}.png`), fullPage: true });
  const broken = await violations(page);
  demand(broken.length === 0, `axe has found on ${name}, ${size}: ${broken.join("; ")}`);
  const [wide, room, fold] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
    window.innerHeight,
  ]);
  demand(wide <= room, `${name} is ${wide} pixels wide and has ${room}`);
  for (const { text, lines: taken } of await lines(page)) {
    demand(taken <= MOST_LINES, `${name}, ${size}: "${text}" takes ${taken} lines`);
  }
  const crowding = await crowded(page);
  demand(crowding.length === 0, `${name}, ${size}: no room above ${crowding.join(", ")}`);
  const primary = page.locator("a.button:not(.second)");
  if ((await primary.count()) > 0) {
    const { y, height } = await primary.boundingBox();
    demand(y + height <= fold, `${name}, ${size}: the button ends at ${y + height}, below the fold at ${fold}`);
  }
}

let browser;
try {
  demand(pages.size > 0, `${values.pages} holds no page`);
  browser = await chromium.launch({
    executablePath: values.browser,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
  });
  for (const { size, ...device } of SIZES) {
    const context = await browser.newContext(device);
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    for (const name of [...pages.keys()].sort()) await look(page, name, size);
    console.log(`ok: every page, ${size}; axe: ${pages.size} pages, 0 violations`);
    await context.close();
  }
} catch (error) {
  console.error(`failed: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser?.close().catch(() => {});
  server.close();
}
