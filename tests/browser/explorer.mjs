// The explorer: every call by the demo's keys and by a key that stays in the browser, also without WebCrypto; and the
// doctor, which is handed what the explorer has sent.
import { demand } from "./steps.mjs";

/** Sends what is filled in; the answer as shown. */
async function send(page) {
  const answered = page.waitForResponse((answer) => answer.url().endsWith("/explorer/send"));
  await page.getByTestId("send").click();
  await answered;
  await page.waitForFunction(() => document.getElementById("answer").textContent !== "…");
  return page.getByTestId("answer").innerText();
}

async function fits(page, name) {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  demand(wide <= room, `${name} is ${wide} pixels wide and has ${room}`);
}

async function open(page, demo) {
  await page.goto(new URL("/explorer", demo).href);
  await page.locator("body[data-ready]").waitFor();
}

async function byDemoKeys(page, picture) {
  demand((await send(page)).includes('"status": 0'), "the explorer's link is refused");
  demand(await page.getByTestId("open-link").isVisible(), "the link cannot be opened");
  await picture("explorer-link");
  await fits(page, "the explorer");
  const code = await page.getByTestId("sample").count();
  demand(code === 7, `the call is shown in ${code} languages`);

  await page.getByTestId("sign-type").selectOption("MD5");
  demand((await send(page)).includes('"status": 0'), "the explorer's link by MD5 is refused");
  await page.getByTestId("api").selectOption("query");
  demand((await send(page)).includes('"state": "ISSUED"'), "the explorer's query found nothing");
  await page.getByTestId("api").selectOption("rpc");
  demand((await send(page)).includes('"Code": "OK"'), "GetAuthorizationUrl is refused");
  await picture("explorer-rpc");
}

/** Signs with `keys` of the page's own; none of them may be in anything that the page sends. */
async function byOwnKeys(page, keys) {
  const sent = [];
  const watch = (request) => sent.push(`${request.url()} ${request.postData() ?? ""}`);
  page.on("request", watch);
  await page.getByTestId("key").selectOption("own");
  await page.getByTestId("own-id").fill("demo");
  for (const [signType, key] of keys) {
    await page.getByTestId("sign-type").selectOption(signType);
    await page.getByTestId("own-key").fill(key);
    const answer = await send(page);
    demand(answer.includes('"status": 0'), `${signType} by the browser is refused: ${answer}`);
  }
  page.off("request", watch);
  demand(sent.length === keys.length, `the page sent ${sent.length} requests for ${keys.length} calls`);
  for (const [, key] of keys) {
    const secret = key.replace(/-----[^-]+-----/g, "").trim().slice(0, 24);
    demand(!sent.some((request) => request.includes(secret)), "a key has left the browser");
  }
}

async function withoutWebCrypto(page, demo, md5Key, picture) {
  await page.addInitScript(() => Object.defineProperty(Crypto.prototype, "subtle", { get: () => undefined }));
  await open(page, demo);
  demand(await page.getByTestId("no-webcrypto").isVisible(), "the page does not say that WebCrypto is missing");
  const own = page.getByTestId("key").locator("[value=own]");
  demand(await own.isDisabled(), "a key of one's own can be chosen without WebCrypto");
  demand((await send(page)).includes('"status": 0'), "the demo's key does not sign without WebCrypto");
  await page.getByTestId("sign-type").selectOption("MD5");
  await byOwnKeys(page, [["MD5", md5Key]]);
  await picture("explorer-without-webcrypto");
}

async function doctor(page, demo, request, picture) {
  await page.goto(new URL("/doctor", demo).href);
  await page.getByTestId("request").fill(request.replace('{"', '{ "'));
  await page.getByTestId("examine").click();
  const cause = await page.getByTestId("cause").innerText();
  demand(cause === "body_reserialized", `the doctor says ${cause}`);
  demand((await page.getByTestId("aligned").locator("mark").count()) === 2, "the strings are not aligned");
  await picture("doctor");
  await fits(page, "the doctor");
}

/** All of it; `keys` are the demo merchant's, in PEM and in plain text. */
export async function explorer(context, { demo, rsaKey, md5Key, width, picture, watch }) {
  const page = await context.newPage();
  watch(page);
  await page.setViewportSize({ width, height: 800 });
  const shot = (name) => picture(page, name);
  await open(page, demo);
  await byDemoKeys(page, shot);
  await page.getByTestId("api").selectOption("link");
  await byOwnKeys(page, [["SHA256-RSA", rsaKey], ["MD5", md5Key]]);
  const request = await page.getByTestId("request").innerText();
  await doctor(page, demo, request, shot);
  await withoutWebCrypto(page, demo, md5Key, shot);
  await page.close();
}
