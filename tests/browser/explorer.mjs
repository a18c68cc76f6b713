// The explorer: every call by the demo's keys and by a key that stays in the browser, also without WebCrypto; and the
// doctor, which is handed what the explorer has sent.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
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
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  demand(wide <= room, `${name} is ${wide} pixels wide and has ${room}`);
}

async function open(page, demo) {
  await page.goto(new URL("/explorer", demo).href);
  await page.locator("body[data-ready]").waitFor();
}

/** The shown command of the shell's sample, run in the repository with the shown settings; what it prints. */
async function runShown(page) {
  const settings = await page.getByTestId("settings").innerText();
  const commands = await page.getByTestId("command").allTextContents();
  const command = commands.find((text) => text.startsWith("samples/shell/"));
  const root = fileURLToPath(new URL("../..", import.meta.url));
  return execFileSync("bash", ["-euc", `${settings}\n${command}`], { cwd: root, encoding: "utf8" }).trim();
}

/** The same call as code: the settings and commands that are shown work, and what they cannot tell is said. */
async function asCode(page, demo, signType) {
  await page.getByTestId("api").selectOption("link");
  await page.getByTestId("sign-type").selectOption(signType);
  const key = (await page.getByTestId("settings").innerText()).match(/^export \w+_KEY_FILE=(.*)$/m)[1];
  demand(existsSync(key.replace(/^'|'$/g, "")), `there is no ${key}`);
  const link = await runShown(page);
  demand(/^https?:/.test(link), `the shown command printed ${link}`);
  await page.getByTestId("query-serialNo").evaluate((input, serialNo) => {
    input.value = serialNo;
  }, await page.getByTestId("link-serialNo").inputValue());
  await page.getByTestId("api").selectOption("query");
  demand((await runShown(page)).includes("ISSUED"), "the shown query found nothing");

  await page.getByTestId("api").selectOption("link");
  demand(!(await page.getByTestId("left-out").isVisible()), "something is left out of a whole command");
  await page.getByTestId("link-returnUrl").fill(`${demo}/order/7`.replace("//order", "/order"));
  await page.getByTestId("link-thirdAccount").fill(await page.getByTestId("link-userId").inputValue());
  const leftOut = await page.getByTestId("left-out").innerText();
  demand(leftOut.includes("thirdAccount, returnUrl"), `the page says that these are left out: ${leftOut}`);
  for (const field of ["returnUrl", "thirdAccount"]) await page.getByTestId(`link-${field}`).fill("");
}

async function byDemoKeys(page, demo, picture) {
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
  const commands = await page.getByTestId("rpc-commands").innerText();
  demand(commands.match(/--phone 13900001234 --scheme 234 /g)?.length === 2, `the commands are ${commands}`);
  await picture("explorer-rpc");
  for (const signType of ["SHA256-RSA", "MD5"]) {
    // A serialNo is used once, by the command too.
    await page.getByTestId("api").selectOption("link");
    await page.getByTestId("link-serialNo").fill(`X${Date.now()}${signType.length}`);
    await asCode(page, demo, signType);
    await page.getByTestId("link-serialNo").fill(`Y${Date.now()}${signType.length}`);
  }
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
  await byDemoKeys(page, demo, shot);
  await page.getByTestId("api").selectOption("link");
  await byOwnKeys(page, [["SHA256-RSA", rsaKey], ["MD5", md5Key]]);
  const request = await page.getByTestId("request").innerText();
  await doctor(page, demo, request, shot);
  await withoutWebCrypto(page, demo, md5Key, shot);
  await page.close();
}
