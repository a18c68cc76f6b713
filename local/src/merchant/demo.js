// The demo page: asks for links, polls the journal once a second, and shows what is new without moving what is open.
"use strict";

const words = document.documentElement.lang.startsWith("zh")
  ? {
      "link-requested": "请求授权链接",
      "consent-given": "用户同意授权",
      "consent-refused": "用户拒绝授权",
      "code-exchanged": "用授权码换 openId",
      "callback-received": "收到回调",
      merchant: "商家",
      alipay: "支付宝",
      request: "请求",
      signed: "待签名字符串",
      answer: "应答",
      nothing: "（没有应答）",
      holds: "签名正确",
      fails: "签名不对",
      fault: "故障",
      waitingState: "等待回调",
      receivedState: "已收到",
      openId: "openId",
      noOpenId: "等待用户授权",
      notTaken: "回调已到，商家没有答 SUCCESS",
      open: "打开授权页",
      callbacks: (count) => `回调 ${count} 次`,
      copy: "复制",
      copied: "已复制",
      lost: "服务没有应答，正在重试。",
      refused: (status, message) => `authlink 拒绝了请求（${status}）：${message}`,
    }
  : {
      "link-requested": "Link requested",
      "consent-given": "User consented",
      "consent-refused": "User refused",
      "code-exchanged": "Code exchange",
      "callback-received": "Callback received",
      merchant: "Merchant",
      alipay: "Alipay",
      request: "Request",
      signed: "String under the signature",
      answer: "Answer",
      nothing: "(no answer)",
      holds: "signature right",
      fails: "signature wrong",
      fault: "fault",
      waitingState: "waiting",
      receivedState: "received",
      openId: "openId",
      noOpenId: "waiting for the user",
      notTaken: "called back, but SUCCESS was not answered",
      open: "Open the consent page",
      callbacks: (count) => (count === 1 ? "1 callback" : `${count} callbacks`),
      copy: "Copy",
      copied: "Copied",
      lost: "The server does not answer; trying again.",
      refused: (status, message) => `authlink refused (${status}): ${message}`,
    };

const entriesKept = 200;
const shownAuthorizations = 5;
const byId = (id) => document.getElementById(id);
let latest = 0;
let shown = "";
let latestLink = "";

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Only http(s) and Alipay's own scheme are worth a link; anything else stays text.
function isLink(text) {
  try {
    return ["http:", "https:", "alipays:"].includes(new URL(text).protocol);
  } catch {
    return false;
  }
}

function complain(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = text === "";
}

function clock(millis) {
  const time = new Date(millis);
  const two = (number) => String(number).padStart(2, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

function block(title, text) {
  const copy = element("button", { type: "button", class: "copy" }, words.copy);
  copy.addEventListener("click", async () => {
    await navigator.clipboard?.writeText(text);
    copy.textContent = words.copied;
  });
  const head = element("div", { class: "block-head" }, element("h3", {}, title), copy);
  return element("div", { class: "block" }, head, element("pre", {}, text));
}

function entry(event) {
  const summary = element(
    "summary",
    {},
    element("time", {}, clock(event.at)),
    element("span", { class: `party ${event.party}` }, words[event.party]),
    element("b", {}, words[event.title]),
  );
  if (event.signatureOk !== null) {
    const verdict = event.signatureOk ? "holds" : "fails";
    summary.append(element("span", { class: `chip ${verdict}`, "data-testid": "signature" }, words[verdict]));
  }
  if (event.fault) summary.append(element("span", { class: "chip fault" }, `${words.fault}: ${event.fault}`));
  if (event.serialNo) summary.append(element("small", {}, event.serialNo));
  const details = element(
    "details",
    { class: "entry", "data-testid": "journal-entry", "data-title": event.title },
    summary,
    block(words.request, event.request),
  );
  if (event.signedText) details.append(block(words.signed, event.signedText));
  details.append(block(words.answer, event.answer || words.nothing));
  return details;
}

function authorization(known) {
  const received = known.state === "received";
  const state = received ? words.receivedState : words.waitingState;
  const facts = [known.signType, known.userId].filter(Boolean);
  if (known.callbacks > 0) facts.push(words.callbacks(known.callbacks));
  const row = element(
    "article",
    { class: "authorization", "data-testid": "authorization", "data-serial-no": known.serialNo, "data-state": known.state },
    element(
      "div",
      { class: "row" },
      element("code", {}, known.serialNo),
      element("span", { class: `chip ${received ? "holds" : "waiting"}` }, state),
    ),
    element(
      "p",
      { class: "open-id" },
      element("span", {}, words.openId),
      received
        ? element("output", { "data-testid": "open-id" }, known.openId ?? "")
        : element("i", {}, known.callbacks > 0 ? words.notTaken : words.noOpenId),
    ),
    element("p", { class: "facts" }, facts.join(" · ")),
  );
  if (known.callbacks === 0 && known.link && isLink(known.link)) {
    row.append(element("a", { href: known.link, class: "aside" }, words.open));
  }
  return row;
}

function show(news) {
  if (news.latest < latest) {
    byId("entries").replaceChildren();
    latest = 0;
  }
  const fresh = news.entries.filter((event) => event.number > latest);
  byId("entries").prepend(...fresh.map(entry));
  while (byId("entries").children.length > entriesKept) byId("entries").lastChild.remove();
  latest = news.latest;
  byId("no-entries").hidden = byId("entries").children.length > 0;

  const text = JSON.stringify(news.authorizations);
  if (text !== shown) {
    shown = text;
    const rows = news.authorizations.slice(0, shownAuthorizations);
    byId("authorizations").replaceChildren(...rows.map(authorization));
    byId("no-authorizations").hidden = rows.length > 0;
    if (rows.some((known) => known.link === latestLink && known.state === "received")) showLink("");
  }
  for (const select of document.querySelectorAll("[data-fault]")) {
    const fault = news.faults[select.dataset.fault];
    if (fault && document.activeElement !== select) select.value = fault;
    select.classList.toggle("broken", select.value !== "none");
  }
}

function showLink(link) {
  latestLink = link;
  byId("link").hidden = link === "";
  byId("link-text").textContent = link;
  for (const id of ["open-link", "open-link-apart"]) {
    byId(id).hidden = !isLink(link);
    byId(id).href = isLink(link) ? link : "";
  }
}

async function poll() {
  const asked = latest;
  const answer = await fetch(`/api/journal?after=${asked}`);
  if (!answer.ok) throw new Error(`journal: ${answer.status}`);
  const news = await answer.json();
  if (asked !== latest) return;
  show(news);
  document.body.dataset.ready = "true";
}

async function pollForever() {
  try {
    await poll();
    document.body.removeAttribute("data-lost");
  } catch {
    document.body.dataset.lost = words.lost;
  }
  setTimeout(pollForever, 1000);
}

function post(path, value) {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(value),
  });
}

byId("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  const button = event.target.querySelector("button.primary");
  button.disabled = true;
  complain("");
  showLink("");
  try {
    const answer = await post("/api/links", { signType: form.get("signType"), userId: form.get("userId") });
    const said = await answer.json();
    if (said.data?.alipayAuthUrl) showLink(said.data.alipayAuthUrl);
    else complain(words.refused(said.status, said.message));
    await poll();
  } catch {
    complain(words.lost);
  } finally {
    button.disabled = false;
  }
});

for (const select of document.querySelectorAll("[data-fault]")) {
  select.addEventListener("change", async () => {
    select.classList.toggle("broken", select.value !== "none");
    try {
      await post("/api/faults", { [select.dataset.fault]: select.value });
    } catch {
      complain(words.lost);
    }
    select.blur();
  });
}

pollForever();
