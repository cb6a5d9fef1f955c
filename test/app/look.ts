import { expect, type Page } from "@playwright/test";
import type { Preferences } from "../../contract/preferences";
import { accessibilityProblems, faded } from "./accessibility";
import { picture } from "./launch";

/** The same state in both languages and both colours: a picture of each, and nothing in the way of anyone. */
export async function looked(page: Page, name: string): Promise<void> {
  for (const language of ["zh-CN", "en"] as const) {
    for (const colours of ["dark", "light"] as const) {
      await prefer(page, { language, colours });
      await picture(page, `${name}-${language === "en" ? "en" : "zh"}-${colours}`);
      expect(await accessibilityProblems(page)).toEqual([]);
    }
  }
}

/** Sets the language and the colours as the settings do, from wherever the window stands. */
export async function prefer(page: Page, wanted: Pick<Preferences, "language" | "colours">): Promise<void> {
  const standard = await page.evaluate(() => window.evenkeel.request["preferences:read"](undefined));
  if (!standard.ok) throw new Error(standard.sentence.code);
  await page.evaluate((one) => window.evenkeel.request["preferences:write"](one), { ...standard.value, ...wanted });
  await expect(page.locator("html")).toHaveAttribute("lang", wanted.language);
  await expect(page.locator("html")).toHaveAttribute("data-mantine-color-scheme", wanted.colours);
  await faded(page);
}
