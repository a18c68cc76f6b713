// The explorer: builds the call of the chosen API, has it signed, sends it through this host, and shows every part.
"use strict";

const chinese = document.documentElement.lang.startsWith("zh");
const words = chinese
  ? { badKey: "密钥无法使用：", lost: "本机服务没有应答。", noKey: "请先填写密钥。" }
  : { badKey: "The key cannot serve: ", lost: "This host does not answer.", noKey: "A key is wanted first." };

const $ = (id) => document.getElementById(id);
const paths = { link: "/v1/openapi/auth/alipay/url", query: "/v1/openapi/auth/alipay/query", rpc: "/" };
const here = document.querySelector("main").dataset;
const demo = { businessId: document.querySelector("[data-testid=link-businessId]").dataset.default, accessKeyId: here.accessKeyId };

const api = () => $("api").value;
const isOwn = () => $("key").value === "own";
const inputs = (of) => [...document.querySelectorAll(`fieldset[data-of=${of}] input`)];

/** The filled fields of a call, in the order of the document. */
const values = (of) =>
  Object.fromEntries(inputs(of).filter((input) => input.value !== "").map((input) => [input.dataset.field, input.value]));

const nonce = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Letters, digits and `-_.~` stay. */
const encoded = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

/** Reads JSON from one of this page's own routes. */
async function post(path, asked) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(asked),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.problem);
  return told;
}

async function signature(kind, text) {
  if (!isOwn()) return (await post("/explorer/sign", { kind, text })).sign;
  const key = $("own-key").value;
  if (key.trim() === "") throw new Error(words.noKey);
  try {
    return await signing.own(kind, text, key);
  } catch (error) {
    throw new Error(words.badKey + (error.message || error.name));
  }
}

async function openApi() {
  const fields = values(api());
  const body = JSON.stringify(fields);
  const signType = $("sign-type").value;
  const signed = {
    businessId: isOwn() ? $("own-id").value : fields.businessId || demo.businessId,
    nonce: nonce(),
    signType,
    timestamp: String(Date.now()),
  };
  const text = Object.entries(signed).map(([name, value]) => `${name}=${value}`).join("&") + body;
  const sign = await signature(signType, text);
  const headers = Object.entries({ ...signed, sign, "Content-Type": "application/json; charset=utf-8" });
  return { text, method: "POST", path: paths[api()], query: "", headers, body };
}

async function rpc() {
  const all = {
    ...values("rpc"),
    Action: "GetAuthorizationUrl",
    Version: "2017-05-25",
    Format: "JSON",
    AccessKeyId: isOwn() ? $("own-access-key-id").value : demo.accessKeyId,
    SignatureMethod: "HMAC-SHA1",
    SignatureVersion: "1.0",
    SignatureNonce: nonce(),
    Timestamp: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
  };
  const canonical = Object.keys(all).sort().map((name) => `${encoded(name)}=${encoded(all[name])}`).join("&");
  const text = `GET&%2F&${encoded(canonical)}`;
  const sign = await signature("HMAC-SHA1", text);
  return { text, method: "GET", path: "/", query: `${canonical}&Signature=${encoded(sign)}`, headers: [], body: "" };
}

const lines = (headers) => headers.map(([name, value]) => `${name}: ${value}`).join("\n");

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function showRequest(call) {
  const { host } = new URL(here.authlink);
  const target = call.path + (call.query && `?${call.query}`);
  $("headers").textContent = lines(call.headers) || "—";
  $("string").textContent = call.text;
  const head = `${call.method} ${target} HTTP/1.1\nHost: ${host}`;
  $("request").textContent = `${[head, lines(call.headers)].filter(Boolean).join("\n")}\n\n${call.body}`;
  $("answer").textContent = "…";
  $("open-link").hidden = true;
  $("nothing-yet").hidden = true;
  $("parts").hidden = false;
}

function showAnswer(told) {
  $("answer").textContent = `HTTP ${told.httpStatus}\n${lines(told.headers)}\n\n${pretty(told.body)}`;
  let link;
  try {
    const answer = JSON.parse(told.body);
    link = answer.data?.alipayAuthUrl ?? answer.Data?.AuthorizationUrl;
  } catch {
    link = undefined;
  }
  if (link && /^https?:/.test(link)) {
    $("open-link").href = link;
    $("open-link").hidden = false;
  }
}

/** A serialNo is used once: the next request gets another, and the query asks for the last. */
function renewSerialNo() {
  const [link, query] = ["link", "query"].map((of) => document.querySelector(`[data-testid=${of}-serialNo]`));
  if (link.value !== "") query.value = link.value;
  link.value = `E${Date.now()}${nonce().slice(0, 4)}`;
  if (query.value === "") query.value = link.value;
}

async function call(event) {
  event.preventDefault();
  const button = document.querySelector("#call button");
  button.disabled = true;
  $("problem").hidden = true;
  try {
    const made = api() === "rpc" ? await rpc() : await openApi();
    showRequest(made);
    const { text, ...sent } = made;
    showAnswer(await post("/explorer/send", sent));
    if (api() === "link") renewSerialNo();
    showCode();
  } catch (error) {
    $("problem").textContent = error instanceof TypeError ? words.lost : error.message;
    $("problem").hidden = false;
  } finally {
    button.disabled = false;
  }
}

/** For a shell, in quotation marks where it must be. */
const quoted = (text) => (/^[\w.:/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** What the demo's key files are called here, wherever the code is run. */
const party = (file) => `${here.parties}/${file}`;

/** The arguments of the samples' commands; what else is sent beside the settings, they cannot be told. */
const taken = { link: ["serialNo", "userId", "callbackUrl"], query: ["serialNo"] };
const ofSettings = ["merchantId", "businessId"];

function showRpcCommands() {
  const { PhoneNo = "", SchemeId = "", EndDate } = values("rpc");
  const end = EndDate ? ` --end-date ${quoted(EndDate)}` : "";
  const own = isOwn();
  const secret = quoted(own ? "access-key-secret.txt" : party("access-key-secret.txt"));
  const key = `--access-key-id ${quoted(own ? $("own-access-key-id").value : demo.accessKeyId)} --secret-file ${secret}`;
  const what = `--phone ${quoted(PhoneNo)} --scheme ${quoted(SchemeId)}${end} ${key}`;
  $("rpc-commands").textContent = [
    `.venv-sdk/bin/python tests/sdk/get_authorization_url.py --endpoint ${here.authlink} ${what}`,
    `cargo run -- call get-authorization-url --to ${here.authlink} ${what}`,
  ].join("\n");
}

function showCode() {
  $("left-out").hidden = true;
  if (api() === "rpc") return showRpcCommands();
  const fields = values(api());
  const md5 = $("sign-type").value === "MD5";
  const own = isOwn();
  const settings = {
    ENDPOINT: here.authlink,
    BUSINESS_ID: own ? $("own-id").value : fields.businessId ?? "",
    MERCHANT_ID: fields.merchantId ?? "",
    ...(md5
      ? { SIGN_TYPE: "MD5", MD5_KEY_FILE: own ? "md5-key.txt" : party("merchant-md5-key.txt") }
      : { PRIVATE_KEY_FILE: own ? "private.pem" : party("merchant.pem") }),
  };
  $("settings").textContent = Object.entries(settings).map(([name, value]) => `export ${name}=${quoted(value)}`).join("\n");
  const given = taken[api()];
  const tail = [api(), ...given.map((name) => quoted(fields[name] ?? ""))].join(" ");
  const leftOut = Object.keys(fields).filter((name) => !given.includes(name) && !ofSettings.includes(name));
  $("left-out").textContent = $("left-out").dataset.says + leftOut.join(", ");
  $("left-out").hidden = leftOut.length === 0;
  for (const command of document.querySelectorAll("[data-command]")) {
    command.textContent = `${command.dataset.command} ${tail}`;
  }
}

function showChoice() {
  for (const part of document.querySelectorAll("[data-of]")) part.hidden = !part.dataset.of.split(" ").includes(api());
  const mayOwn = signing.hasWebCrypto || (api() !== "rpc" && $("sign-type").value === "MD5");
  $("no-webcrypto").hidden = signing.hasWebCrypto;
  $("key").querySelector("[value=own]").disabled = !mayOwn;
  if (!mayOwn) $("key").value = "demo";
  $("own").hidden = !isOwn();
  showCode();
}

for (const input of document.querySelectorAll("[data-field]")) input.value = input.dataset.default;
document.querySelector("[data-testid=link-callbackUrl]").value = `${location.origin}/callback`;
renewSerialNo();
$("call").addEventListener("submit", call);
$("call").addEventListener("input", showCode);
for (const id of ["api", "sign-type", "key"]) $(id).addEventListener("change", showChoice);
showChoice();
document.body.dataset.ready = "true";
