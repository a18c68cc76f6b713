// Every page that is met is held against the rules of axe: WCAG 2.2 A and AA, and what counts as good practice.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const rules = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** The rules that the page breaks, each with the first element that does. */
export async function violations(page) {
  // The debugger evaluates it: no policy of the page's is in its way, and none has to be loosened.
  await page.evaluate(rules);
  // A page that waits asks again without a script: nobody has to act in time, and what it shows stays until it changes.
  const options = { resultTypes: ["violations"], rules: { "meta-refresh": { enabled: false } } };
  const found = await page.evaluate((options) => globalThis.axe.run(document, options), options);
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes[0].target.join(" ")}`);
}
