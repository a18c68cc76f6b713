// What several visits have in common.

export function demand(holds, message) {
  if (!holds) throw new Error(message);
}

/** On the consent page, to the result page. */
export async function decide(page, decision, outcome, picture) {
  await page.getByTestId(decision).waitFor();
  await picture("consent");
  await page.getByTestId("user-1").check();
  await page.getByTestId(decision).click();
  const result = page.locator("[data-outcome]");
  await result.waitFor();
  const seen = await result.getAttribute("data-outcome");
  demand(seen === outcome, `after ${decision} the result page says ${seen}, not ${outcome}`);
  await picture(`result-${outcome}`);
}
