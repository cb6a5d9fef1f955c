import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";

/** What axe finds on the page as it stands; contrast is measured when colours and dialogs have faded in. */
export async function accessibilityProblems(page: Page, without: readonly string[] = []): Promise<readonly string[]> {
  await faded(page);
  const { violations } = await new AxeBuilder({ page })
    .setLegacyMode()
    .disableRules([...without])
    .analyze();
  return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ""}`);
}

export async function faded(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const moving = document.getAnimations().filter(({ effect }) => effect?.getTiming().iterations !== Infinity);
    await Promise.allSettled(moving.map(({ finished }) => finished));
  });
}
