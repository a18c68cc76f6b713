// The page behind a link of GetAuthorizationUrl: outside Alipay's app, inside it, and when the link is used up.
import { getAuthorizationUrl } from "./call.mjs";
import { decide, demand } from "./steps.mjs";

const ACCESS_KEY_ID = "demoAccessKeyId";
const PARAMETERS = { PhoneNo: "13900001234", SchemeId: "235", EndDate: "2099-12-31" };
const MERCHANT = "示例商店 Demo Shop";
const IN_WECHAT =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22F76 " +
  "MicroMessenger/8.0.56(0x18003831) NetType/WIFI Language/zh_CN";
const IN_ALIPAY =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/22F76 " +
  "NebulaSDK/1.8.100112 Nebula AliApp(AP/10.7.40.6000) AlipayClient/10.7.40.6000 Language/zh-Hans";

/** Opens a link, and takes a picture of a page that says `outcome`. */
async function open(page, link, status, outcome, picture) {
  const answer = await page.goto(link);
  demand(answer.status() === status, `the landing page has status ${answer.status()}, not ${status}`);
  const seen = await page.locator("[data-outcome]").getAttribute("data-outcome");
  demand(seen === outcome, `the landing page says ${seen}, not ${outcome}`);
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  demand(wide <= room, `the landing page ${outcome} is ${wide} pixels wide and has ${room}`);
  await picture(`landing-${outcome}`);
}

/** From the call to a link that is used up; the requestId under which the merchant hears of it. */
export async function landing(page, { authlink, demo, secret, device, picture }) {
  const answer = await getAuthorizationUrl(authlink, ACCESS_KEY_ID, secret, PARAMETERS);
  demand(answer.Code === "OK", `no link: ${answer.Code} ${answer.Message}`);
  const link = answer.Data.AuthorizationUrl;

  await open(page, link, 200, device === "phone" ? "open" : "scan", picture);
  demand((await page.locator("dl").innerText()).includes(MERCHANT), "the landing page does not say who asks");
  const button = page.locator('a.button[href^="alipays:"]');
  const code = page.locator("figure svg[role=img]");
  demand((await button.isVisible()) === (device === "phone"), "there is a button on a phone, and nowhere else");
  demand((await code.isVisible()) === (device !== "phone"), "there is a code where there is no button");

  const isLedBack = async (shown, which) => (await shown.locator(which).getAttribute("href")).startsWith(demo);
  demand(await isLedBack(page, "a.button.second"), "who does not agree is not led back");

  const session = await page.context().newCDPSession(page);
  const own = await page.evaluate(() => navigator.userAgent);
  await session.send("Emulation.setUserAgentOverride", { userAgent: IN_WECHAT });
  await open(page, link, 200, "in-wechat", picture);
  // The desktop's page waits beside it, and follows.
  const waiting = device === "phone" ? null : await page.context().newPage();
  await waiting?.goto(link);
  await session.send("Emulation.setUserAgentOverride", { userAgent: IN_ALIPAY });
  await page.goto(link);
  await waiting?.locator("[data-outcome=scanned]").waitFor();
  await decide(page, "allow", "authorized", (name) => picture(`landing-${name}`));
  demand(await isLedBack(page, "a.button"), "the result page does not lead back");
  await waiting?.locator("[data-outcome=authorized]").waitFor();
  if (waiting) demand(await isLedBack(waiting, "a.button"), "the page that has waited does not lead back");
  await waiting?.close();
  await page.locator("a.button").click();
  await page.getByTestId("way-back").waitFor();
  const told = await page.getByTestId("way-back").innerText();
  demand(told.includes(answer.RequestId), "the way back names no requestId");
  await session.send("Emulation.setUserAgentOverride", { userAgent: own });

  await open(page, link, 409, "used", picture);
  demand(await isLedBack(page, "a.button"), "a link that is used up does not lead back");
  await open(page, link.replace(/token=[^&]*/, "token=forged"), 403, "forged", picture);
  await session.detach();
  return answer.RequestId;
}
