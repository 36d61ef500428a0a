// Takes the pictures in `docs/screenshots`: every screen, in Chinese and in English, some of them dark or narrow.

import { createHash } from "node:crypto";
import { mkdir, readdir } from "node:fs/promises";
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
  /** The pictures by what they show. */
  const taken = new Map<string, string>();
  const take = async (look: Omit<Look, "language">, name: string) => {
    await stage.show(page, { language, ...look });
    // The settings are longer than the window.
    const fullPage = look.fixture.startsWith("settings");
    const picture = await page.screenshot({ path: join(folder, language, `${name}.png`), fullPage });
    const shown = createHash("sha256").update(picture).digest("hex");
    expect(taken.get(shown), `what ${name} shows as well`).toBeUndefined();
    taken.set(shown, name);
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
  const files = await readdir(join(folder, language));
  expect(files.toSorted()).toEqual(Array.from(taken.values(), (name) => `${name}.png`).toSorted());
  expect(faults).toEqual([]);
});
