// The demo page: asks for links, polls the journal once a second, and shows what is new, each serialNo's by itself.
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
      life: "查询",
      events: {
        REQUESTED: "申请链接",
        LINK_ISSUED: "签发链接",
        REFUSED: "用户拒绝",
        EXPIRED: "链接过期",
        AUTHORIZED: "已授权",
        ATTEMPT_FAILED: "回调失败",
        DELIVERED: "回调成功",
        UNDELIVERABLE: "放弃回调",
      },
      attempt: (number, outcome) => `第 ${number} 次：${outcome}`,
      next: (at) => `下次回调 ${at}`,
      resend: "已放弃。运维可用 authlink authorizations resend 重新投递：",
      redrive: "重新投递",
      due: "已安排，一分钟内投递。",
      results: { AUTHORIZED: "已授权", REFUSED: "已拒绝", EXPIRED: "已过期" },
      back: (serial, result) => `从结果页返回：${serial}，${result}（仅供提示，以回调为准）`,
      every: "全部",
      others: "无流水号",
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
      life: "Query",
      events: {
        REQUESTED: "link requested",
        LINK_ISSUED: "link issued",
        REFUSED: "user refused",
        EXPIRED: "link ended",
        AUTHORIZED: "authorized",
        ATTEMPT_FAILED: "callback failed",
        DELIVERED: "delivered",
        UNDELIVERABLE: "given up",
      },
      attempt: (number, outcome) => `attempt ${number}: ${outcome}`,
      next: (at) => `next attempt ${at}`,
      resend: "Given up. An operator has it delivered once more by authlink authorizations resend:",
      redrive: "Deliver once more",
      due: "Due again, within a minute.",
      results: { AUTHORIZED: "authorized", REFUSED: "refused", EXPIRED: "ended" },
      back: (serial, result) => `Back from the result page: ${serial}, ${result} (a hint; the callback counts)`,
      every: "all",
      others: "without a serialNo",
      refused: (status, message) => `authlink refused (${status}): ${message}`,
    };

const entriesKept = 200;
const shownAuthorizations = 5;
const byId = (id) => document.getElementById(id);
let latest = 0;
let shown = "";
let latestLink = "";
let hiddenUpTo = 0;
const lives = new Map();
const serialNos = new Map();

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
  return element("div", { class: "block" }, head, element("pre", { tabindex: "0" }, text));
}

// As the page's own lists name it, in its language.
function faultName(fault) {
  return document.querySelector(`[data-fault] option[value="${fault}"]`)?.textContent ?? fault;
}

// What an operator does when a delivery was given up.
function redrive(known) {
  const button = element("button", { type: "button", class: "copy", "data-testid": "redrive" }, words.redrive);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const answer = await post("/api/redrive", { serialNo: known.serialNo });
      const said = await answer.json();
      if (!said.due) return complain(said.message);
      await look(known);
      document.querySelector(`[data-serial-no="${known.serialNo}"] .life`)?.append(element("p", {}, words.due));
    } catch {
      complain(words.lost);
    } finally {
      button.disabled = false;
    }
  });
  return element("p", { "data-testid": "given-up" }, words.resend, " ", button);
}

function lifeLine(known, told) {
  const steps = told.timeline.map((step) =>
    element("li", { "data-event": step.event }, element("time", {}, clock(step.time)), words.events[step.event] ?? step.event),
  );
  const attempts = told.delivery.attempts.map((made) =>
    element("li", { "data-testid": "attempt", "data-outcome": made.outcome }, element("time", {}, made.time ? clock(made.time) : "…"), words.attempt(made.number, made.outcome)),
  );
  const line = element(
    "div",
    { class: "life", "data-testid": "life-line", "data-state": told.state },
    element("p", {}, element("b", {}, told.state), " · ", told.delivery.state),
    element("ol", {}, ...steps),
  );
  if (attempts.length > 0) line.append(element("ol", { class: "attempts" }, ...attempts));
  const next = told.delivery.nextAttemptAt;
  if (next) line.append(element("p", { "data-testid": "next-attempt" }, words.next(clock(next))));
  if (told.delivery.state === "UNDELIVERABLE") line.append(redrive(known));
  return line;
}

// Asks authlink what became of a serialNo, by a signed query of the merchant's server.
async function look(known) {
  try {
    const answer = await post("/api/queries", { serialNo: known.serialNo, signType: known.signType ?? "SHA256-RSA" });
    const said = await answer.json();
    if (said.status !== 0) return complain(words.refused(said.status, said.message));
    lives.set(known.serialNo, said.data);
    const row = document.querySelector(`[data-testid=authorization][data-serial-no="${known.serialNo}"]`);
    row?.querySelector(".life")?.remove();
    row?.append(lifeLine(known, said.data));
  } catch {
    complain(words.lost);
  }
}

// One serialNo's group or all, and no entries that were cleared.
function sift() {
  const chosen = byId("journal-of").value;
  for (const group of byId("entries").children) {
    const entries = [...group.querySelectorAll(".entry")];
    for (const each of entries) each.hidden = Number(each.dataset.number) <= hiddenUpTo;
    group.hidden = (chosen !== "" && group.dataset.of !== chosen) || entries.every((each) => each.hidden);
  }
}

// The group of a serialNo, or of what has none, made where it is missing.
function groupOf(serialNo) {
  const groups = [...byId("entries").children];
  const known = groups.find((group) => group.dataset.of === serialNo);
  if (known) return known;
  const title = serialNo === "" ? words.others : serialNo;
  return element("section", { class: "group", "data-testid": "journal-group", "data-of": serialNo }, element("h3", {}, title));
}

// Alipay knows no serialNo: what it saw has the link's state, then the auth_code that was given for it.
function serialNoOf(event) {
  const carried = `${event.request}\n${event.answer}`.matchAll(/\b(?:state|auth_code|code)(?:=| = )([\w.~-]+)/g);
  const marks = [...carried].map((found) => found[1]);
  const serialNo = event.serialNo ?? marks.map((mark) => serialNos.get(mark)).find(Boolean) ?? "";
  if (serialNo !== "") for (const mark of marks) serialNos.set(mark, serialNo);
  return serialNo;
}

// The newest entry first in its group, and its group first of all.
function keep(event) {
  const group = groupOf(serialNoOf(event));
  group.querySelector("h3").after(entry(event));
  if (byId("entries").firstChild !== group) byId("entries").prepend(group);
}

function forgetOldest() {
  const entries = [...byId("entries").querySelectorAll(".entry")];
  entries.sort((one, other) => Number(other.dataset.number) - Number(one.dataset.number));
  for (const old of entries.slice(entriesKept)) {
    const group = old.parentElement;
    old.remove();
    if (!group.querySelector(".entry")) group.remove();
  }
}

function offerSerials(authorizations) {
  const select = byId("journal-of");
  const chosen = select.value;
  const offered = authorizations.map((known) => element("option", { value: known.serialNo }, known.serialNo));
  select.replaceChildren(element("option", { value: "" }, words.every), ...offered);
  select.value = chosen;
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
  if (event.fault) summary.append(element("span", { class: "chip fault" }, `${words.fault}: ${faultName(event.fault)}`));
  const details = element(
    "details",
    {
      class: "entry",
      "data-testid": "journal-entry",
      "data-title": event.title,
      "data-number": String(event.number),
    },
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
  if (known.result) facts.push(words.results[known.result] ?? known.result);
  row.querySelector(".facts").textContent = facts.join(" · ");
  if (known.userId) {
    const ask = element("button", { type: "button", class: "copy", "data-testid": "query" }, words.life);
    ask.addEventListener("click", () => look(known));
    row.append(ask);
    if (lives.has(known.serialNo)) row.append(lifeLine(known, lives.get(known.serialNo)));
  }
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
  for (const event of [...fresh].sort((one, other) => one.number - other.number)) keep(event);
  forgetOldest();
  latest = news.latest;
  byId("no-entries").hidden = byId("entries").children.length > 0;
  if (fresh.length > 0) sift();

  const text = JSON.stringify(news.authorizations);
  if (text !== shown) {
    shown = text;
    const rows = news.authorizations.slice(0, shownAuthorizations);
    byId("authorizations").replaceChildren(...rows.map(authorization));
    byId("no-authorizations").hidden = rows.length > 0;
    offerSerials(news.authorizations);
    for (const known of rows) if (lives.has(known.serialNo)) look(known);
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

byId("journal-of").addEventListener("change", sift);
byId("clear-journal").addEventListener("click", () => {
  hiddenUpTo = latest;
  sift();
});

const back = new URLSearchParams(location.search);
const backFor = back.get("serialNo") ?? back.get("requestId");
if (backFor && back.has("result")) {
  byId("way-back").textContent = words.back(backFor, words.results[back.get("result")] ?? back.get("result"));
  byId("way-back").hidden = false;
}

pollForever();
