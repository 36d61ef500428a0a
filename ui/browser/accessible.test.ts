// The built window in a real browser: axe on every screen in each language and both themes, large text and narrow
// windows, and the whole way in by keyboard.

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

describe("by keyboard only", () => {
  const heading = (page: Page) => page.textContent("h1");
  const until = (page: Page, title: string) => page.waitForSelector(`h1:has-text("${title}")`);

  async function tabTo(page: Page, name: string | RegExp): Promise<void> {
    for (let presses = 0; presses < 40; presses++) {
      const focused = await page.evaluate(() => {
        const element = document.activeElement;
        const label =
          element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : element?.textContent;
        return `${element?.getAttribute("aria-label") ?? ""} ${label ?? ""}`.trim();
      });
      if (typeof name === "string" ? focused.includes(name) : name.test(focused)) {
        const outline = await page.evaluate(() => {
          const element = document.activeElement ?? document.body;
          const ring = (at: Element | null) => {
            const style = at ? getComputedStyle(at) : undefined;
            return style !== undefined && (style.outlineStyle !== "none" || style.boxShadow !== "none");
          };
          return ring(element) || ring(element.parentElement) || document.querySelector(".next") !== null;
        });
        expect(outline, `the focus on ${focused} is seen`).toBe(true);
        return;
      }
      await page.keyboard.press("Tab");
    }
    throw new Error(`Tab does not reach ${name}`);
  }

  test("the licences of the components, every one of which is read", async () => {
    const { page, faults } = await stage.page("zh-Hant-MO");
    await stage.show(page, { fixture: "about", language: "zh-Hant-MO", width: 320, height: 640 });
    await tabTo(page, "組件清單");
    await page.keyboard.press("Enter");
    await page.waitForSelector("summary:has-text('adler2')");
    await tabTo(page, "adler2");
    await page.keyboard.press("Enter");
    await page.waitForSelector("pre:has-text('Apache License')");
    await page.evaluate(axe.source);
    expect([
      ...(await judge(page, "light")),
      ...(await judge(page, "dark")),
      ...(await cutOff(page)),
    ]).toEqual([]);
    expect(faults).toEqual([]);
  });

  test("from the first gateway to the resources, and out again", async () => {
    const { page, faults } = await stage.page();
    await stage.show(page, { fixture: "gateway-first" });
    await page.keyboard.type("vpn.example.org");
    await page.keyboard.press("Enter");
    await until(page, "Sign in");
    await page.keyboard.type("hark.chen");
    await page.keyboard.press("Tab");
    await page.keyboard.type("Initial-pass-1");
    await page.keyboard.press("Enter");
    await until(page, "Enter the code");
    await page.keyboard.type("000000");
    await page.waitForSelector("text=That code is not right.");
    await page.keyboard.type("123456");
    await until(page, "Choose a new password");
    await page.keyboard.type("Correct-horse-7");
    await tabTo(page, "New password again");
    await page.keyboard.type("Correct-horse-7");
    await page.keyboard.press("Enter");
    await until(page, "Resources");

    await page.keyboard.press("Control+f");
    await page.keyboard.type("ledger");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=Ledger is being opened.");
    const opened = await page.evaluate(() =>
      (window as unknown as { mock: { calls: { command: string; args: unknown }[] } }).mock.calls.at(-1),
    );
    expect(opened).toEqual({ command: "open_resource", args: { id: "ledger" } });

    await page.keyboard.press("Control+,");
    await until(page, "Settings");
    await tabTo(page, "Start without a window");
    await page.keyboard.press("Space");
    await tabTo(page, "Diagnostics");
    await page.keyboard.press("Enter");
    await until(page, "Diagnostics");
    await page.keyboard.press("Shift+Tab");
    await tabTo(page, "Back");
    await page.keyboard.press("Enter");
    await until(page, "Resources");

    await page.keyboard.press("Shift+Tab");
    for (
      let presses = 0;
      presses < 20 && !(await page.evaluate(() => document.activeElement?.textContent.trim() === "Menu"));
      presses++
    ) {
      await page.keyboard.press("Shift+Tab");
    }
    await page.keyboard.press("ArrowDown");
    await page.waitForSelector('[role="menuitem"]:focus');
    await page.keyboard.press("l");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog[open]");
    expect(await page.evaluate(() => document.activeElement?.textContent.trim())).toBe("Cancel");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.keyboard.press("ArrowDown");
    await page.waitForSelector('[role="menuitem"]:focus');
    await page.keyboard.press("l");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog[open]");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await until(page, "You are signed out");
    expect(await heading(page)).toBe("You are signed out");
    expect(faults).toEqual([]);
  });

  test("the idle warning holds the focus, and one key stays", async () => {
    const { page } = await stage.page();
    await stage.show(page, { fixture: "idle" });
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.closest("dialog") !== null)).toBe(true);
    await page.keyboard.press("z");
    await page.waitForSelector("dialog", { state: "detached" });
  });
});
