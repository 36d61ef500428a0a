// Takes the pictures in `docs/screenshots`: every screen, in Chinese and in English, some of them dark or narrow.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FIXTURES } from "../src/mock/fixtures";
import { type Look, Stage } from "./open";

const folder = join(import.meta.dirname, "../../docs/screenshots");

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

test.each(["en", "zh-Hant-TW"])("pictures in %s", { timeout: 300_000 }, async (language) => {
  const { page, faults } = await stage.page(language);
  await mkdir(join(folder, language), { recursive: true });
  const take = async (look: Omit<Look, "language">, name: string) => {
    await stage.show(page, { language, ...look });
    await page.screenshot({ path: join(folder, language, `${name}.png`) });
  };
  for (const fixture of Object.keys(FIXTURES)) {
    await take({ fixture }, fixture);
  }
  for (const fixture of ["resources", "code", "sign-in", "settings", "idle"]) {
    await take({ fixture, theme: "dark" }, `${fixture}-dark`);
  }
  for (const fixture of ["resources", "code", "new-password"]) {
    await take({ fixture, width: 320, height: 680 }, `${fixture}-narrow`);
  }
  expect(faults).toEqual([]);
});
