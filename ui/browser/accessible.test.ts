// The built window in a real browser: axe on every screen in each language and both themes, large text and narrow
// windows.

import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FIXTURES } from "../src/mock/fixtures";
import { Stage } from "./open";

const LANGUAGES = ["en", "zh-Hant-TW", "zh-Hant-MO", "pt-MO"];
const NAMES = Object.keys(FIXTURES);

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const LOOKS = [
  { name: "320 px", width: 320, height: 640, text: 100 },
  { name: "text at 200 %", width: 960, height: 680, text: 200 },
  { name: "320 px, text at 200 %", width: 320, height: 640, text: 200 },
];

describe.each(LANGUAGES)("in %s", (language) => {
  test("axe finds nothing, and nothing is cut off", { timeout: 600_000 }, async () => {
    const { page, faults } = await stage.page(language);
    const found: string[] = [];
    for (const fixture of NAMES) {
      await stage.show(page, { fixture, language });
      await page.evaluate(axe.source);
      for (const theme of ["light", "dark"]) {
        found.push(...(await judge(page, theme)).map((what) => `${fixture}, ${theme}: ${what}`));
      }
      for (const { name, width, height, text } of LOOKS) {
        await page.setViewportSize({ width, height });
        await page.evaluate((percent) => {
          document.documentElement.style.fontSize = `${percent}%`;
          return new Promise((resolve) => requestAnimationFrame(resolve));
        }, text);
        found.push(...(await cutOff(page)).map((what) => `${fixture}, ${name}: ${what}`));
      }
    }
    expect(found).toEqual([]);
    expect(faults).toEqual([]);
  });
});

test.each(LANGUAGES)("what a key that differs asks for is seen without scrolling in %s", async (language) => {
  const { page } = await stage.page(language);
  await stage.show(page, { fixture: "sign-in-keys-differ", language });
  const below = await page.evaluate(
    () =>
      (document.querySelector("button.primary")?.getBoundingClientRect().bottom ?? Infinity) - innerHeight,
  );
  expect(below).toBeLessThanOrEqual(0);
});

test("the window's policy holds here too", async () => {
  const { page, faults } = await stage.page();
  await stage.show(page, { fixture: "sign-in" });
  await page.evaluate(() => {
    const image = document.createElement("img");
    image.src = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=";
    document.body.append(image);
    return new Promise((resolve) => image.addEventListener("error", resolve));
  });
  expect(faults.join()).toContain("Content Security Policy");
});

test("axe is asked in earnest", async () => {
  const { page } = await stage.page();
  await stage.show(page, { fixture: "sign-in" });
  await page.evaluate(axe.source);
  await page.evaluate(() => document.querySelector("label")?.remove());
  expect((await judge(page, "light")).join()).toContain("label");
});

/** What axe has to say about the page in a theme. */
function judge(page: Page, theme: string): Promise<string[]> {
  return page.evaluate(
    async ({ theme, tags }) => {
      document.documentElement.dataset.theme = theme;
      const { axe } = window as unknown as { axe: typeof import("axe-core") };
      const { violations } = await axe.run({ runOnly: tags, resultTypes: ["violations"] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" | ")}`);
    },
    { theme, tags: TAGS },
  );
}

/** What reaches beyond the window, or is clipped by an element that hides what overflows. */
function cutOff(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth) {
      found.push(`scrolls sideways: ${root.scrollWidth} > ${root.clientWidth}`);
    }
    const unseen = (element: Element) => element.closest(".unseen, .skip, [aria-hidden='true']") !== null;
    for (const element of document.querySelectorAll("body *")) {
      if (unseen(element)) {
        continue;
      }
      const box = element.getBoundingClientRect();
      if (box.width > 0 && (box.right > root.clientWidth + 1 || box.left < -1)) {
        found.push(`${element.tagName}.${element.className} reaches to ${Math.round(box.right)}`);
      }
      const style = getComputedStyle(element);
      const hides = style.overflowX === "hidden" || style.textOverflow === "ellipsis";
      if (hides && element.scrollWidth > element.clientWidth + 1 && element.tagName !== "INPUT") {
        found.push(`${element.tagName}.${element.className} is clipped`);
      }
    }
    return found;
  });
}
