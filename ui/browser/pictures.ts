// Takes the pictures in `docs/screenshots`: every screen, in Chinese and in English, some of them dark or narrow.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FIXTURES } from "../src/mock/fixtures";
import { type Look, Stage } from "./open";

const FOLDER = process.env.PRAYA_PICTURES === "1" ? undefined : process.env.PRAYA_PICTURES;
const folder = FOLDER ?? join(import.meta.dirname, "../../docs/screenshots");

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

async function take(look: Look, name: string): Promise<void> {
  const { page, faults, close } = await stage.show(look);
  const file = join(folder, look.language ?? "en", `${name}.png`);
  await mkdir(join(file, ".."), { recursive: true });
  await page.screenshot({ path: file });
  await close();
  expect(faults).toEqual([]);
}

for (const language of ["en", "zh-Hant-TW"]) {
  test(`pictures in ${language}`, { timeout: 300_000 }, async () => {
    for (const fixture of Object.keys(FIXTURES)) {
      await take({ language, fixture, height: 680, width: 960 }, fixture);
    }
    for (const fixture of ["resources", "code", "sign-in", "settings", "idle"]) {
      await take({ language, fixture, theme: "dark", height: 680, width: 960 }, `${fixture}-dark`);
    }
    for (const fixture of ["resources", "code", "new-password"]) {
      await take({ language, fixture, width: 320, height: 720 }, `${fixture}-narrow`);
    }
  });
}
