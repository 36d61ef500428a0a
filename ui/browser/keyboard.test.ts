// Every flow of the window by keyboard only, in a real browser, with the focus seen at each stop.

import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FIXTURES } from "../src/mock/fixtures";
import { OTHER_PIN, PIN } from "../src/mock/states";
import { Stage } from "./open";

type Call = { command: string; args: unknown };

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
});
afterAll(() => stage.close());

async function start(fixture: keyof typeof FIXTURES): Promise<{ page: Page; faults: string[] }> {
  const { page, faults } = await stage.page();
  await stage.show(page, { fixture });
  return { page, faults };
}

const press = (page: Page, ...keys: string[]) =>
  keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
const until = (page: Page, title: string) => page.waitForSelector(`h1:has-text("${title}")`);
const dialog = (page: Page) => page.waitForSelector("dialog[open]");
const focused = (page: Page) =>
  page.evaluate(() => {
    const element = document.activeElement === document.body ? null : document.activeElement;
    const labelled = element instanceof HTMLInputElement || element instanceof HTMLSelectElement;
    const label = labelled ? element.labels?.[0]?.textContent : element?.textContent;
    return `${element?.getAttribute("aria-label") ?? ""} ${label ?? ""}`.trim();
  });
const calls = (page: Page): Promise<Call[]> =>
  page.evaluate(() => (window as unknown as { mock: { calls: Call[] } }).mock.calls);

/** Waits for a command to have been given, with these arguments. */
async function given(page: Page, command: string, args?: unknown): Promise<void> {
  await page.waitForFunction(
    (name) =>
      (window as unknown as { mock: { calls: Call[] } }).mock.calls.some((call) => call.command === name),
    command,
  );
  const last = (await calls(page)).findLast((call) => call.command === command);
  expect(last?.args).toEqual(args);
}

/** Goes on with Tab until the focus is on what bears `name`, and holds that the focus is seen there. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    const there = await focused(page);
    if (there.includes(name)) {
      const seen = await page.evaluate(() => {
        const element = document.activeElement ?? document.body;
        const ring = (at: Element | null) => {
          const style = at ? getComputedStyle(at) : undefined;
          return style !== undefined && (style.outlineStyle !== "none" || style.boxShadow !== "none");
        };
        const beside = element.nextElementSibling;
        return (
          ring(element) ||
          ring(element.parentElement) ||
          ring(beside) ||
          document.querySelector(".next") !== null
        );
      });
      expect(seen, `the focus on ${there} is seen`).toBe(true);
      return;
    }
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${name}`);
}

/** Chooses an entry of the menu by its first letter. */
async function choose(page: Page, letter: string): Promise<void> {
  for (let presses = 0; presses < 40 && (await focused(page)) !== "Menu"; presses++) {
    await page.keyboard.press("Shift+Tab");
  }
  await page.keyboard.press("ArrowDown");
  await page.waitForSelector('[role="menuitem"]:focus');
  await press(page, letter, "Enter");
}

test("from the first gateway to the resources, and out again", async () => {
  const { page, faults } = await start("gateway-first");
  await page.keyboard.type("vpn.example.org");
  await press(page, "Enter");
  await until(page, "Sign in");
  await page.keyboard.type("hark.chen");
  await press(page, "Tab");
  await page.keyboard.type("Initial-pass-1");
  await press(page, "Enter");
  await until(page, "Enter the code");
  await page.keyboard.type("000000");
  await page.waitForSelector("text=That code is not right.");
  await page.keyboard.type("123456");
  await until(page, "Choose a new password");
  await page.keyboard.type("Correct-horse-7");
  await tabTo(page, "New password again");
  await page.keyboard.type("Correct-horse-7");
  await press(page, "Enter");
  await until(page, "Resources");

  await press(page, "Control+f");
  await page.keyboard.type("ledger");
  await press(page, "ArrowDown", "Enter");
  await page.waitForSelector("text=Ledger is being opened.");
  await given(page, "open_resource", { id: "ledger" });

  await press(page, "Control+,");
  await until(page, "Settings");
  await tabTo(page, "When started at login");
  await press(page, "Space");
  await given(page, "set_setting", { key: "start_minimised", value: true });
  await tabTo(page, "Diagnostics");
  await press(page, "Enter");
  await until(page, "Diagnostics");
  await press(page, "Shift+Tab");
  await tabTo(page, "Back");
  await press(page, "Enter");
  await until(page, "Resources");

  await choose(page, "l");
  await dialog(page);
  expect(await focused(page)).toBe("Cancel");
  await press(page, "Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  await choose(page, "l");
  await dialog(page);
  await press(page, "Tab", "Enter");
  await until(page, "You are signed out");
  expect(faults).toEqual([]);
});

describe("a gateway", () => {
  test("by a link", async () => {
    const { page } = await start("gateway-first");
    await press(page, "Shift+Tab");
    expect(await focused(page)).toBe("By address");
    await press(page, "ArrowRight");
    await tabTo(page, "Invitation link");
    await page.keyboard.type("praya://add?gateway=vpn.example.org");
    await press(page, "Enter");
    await dialog(page);
    expect(await focused(page)).toBe("Cancel");
    await press(page, "Tab", "Enter");
    await until(page, "Sign in");
    await given(page, "accept_invitation", FIXTURES["gateway-invitation"].app.invitation);
  });

  test("by a file", async () => {
    const { page } = await start("gateway-first");
    const chooser = page.waitForEvent("filechooser");
    await press(page, "Shift+Tab", "ArrowLeft");
    expect(await focused(page)).toBe("By file");
    await tabTo(page, "Choose a file");
    await press(page, "Space");
    const text = "praya://add?gateway=vpn.example.org";
    await (
      await chooser
    ).setFiles({ name: "office.praya", mimeType: "text/plain", buffer: Buffer.from(text) });
    await dialog(page);
    await given(page, "read_invitation", { text });
    await press(page, "Escape");
    await given(page, "dismiss_invitation");
  });

  test("is believed by the key that the person types", async () => {
    const { page } = await start("sign-in-private-gateway");
    await tabTo(page, "Key as published");
    await page.keyboard.type(OTHER_PIN);
    await press(page, "Enter");
    await page.waitForSelector("text=These are not the same.");
    expect(await focused(page)).toBe("Key as published");
    await press(page, "Control+a");
    await page.keyboard.type(PIN);
    await press(page, "Enter");
    await given(page, "pin_profile", { name: "Branch office", pin: PIN });
    await page.waitForSelector("text=Password");
  });

  test("is removed after a question", async () => {
    const { page } = await start("sign-in");
    await tabTo(page, "Another gateway");
    await press(page, "Enter");
    await until(page, "Choose a gateway");
    await tabTo(page, "Remove Branch office");
    await press(page, "Enter");
    await dialog(page);
    expect(await focused(page)).toBe("Cancel");
    await press(page, "Tab", "Enter");
    await given(page, "remove_profile", { name: "Branch office" });
  });
});

describe("on the way in", () => {
  test("a session elsewhere is replaced", async () => {
    const { page } = await start("elsewhere");
    await tabTo(page, "End it and go on here");
    await press(page, "Enter");
    await until(page, "Resources");
    await given(page, "answer", { round: 2, answer: { answer: "elsewhere", choice: "replace" } });
  });

  test("a foreign gateway's form is answered", async () => {
    const { page } = await start("form");
    expect(await focused(page)).toContain("Group");
    await press(page, "ArrowDown");
    await tabTo(page, "PIN");
    await page.keyboard.type("4711");
    await press(page, "Enter");
    await until(page, "Resources");
    const values = [
      ["group_list", "guests"],
      ["answer", "4711"],
    ];
    await given(page, "answer", { round: 2, answer: { answer: "form", values } });
  });

  test("the check is asked for again, and given up", async () => {
    const { page } = await start("checking-failed");
    await tabTo(page, "Open the security centre");
    await press(page, "Enter");
    await given(page, "open_system_page", { check: "antivirus" });
    await tabTo(page, "What was sent");
    await press(page, "Enter");
    await page.waitForSelector("text=Windows 10 Pro");
    await press(page, "Shift+Tab", "Shift+Tab");
    expect(await focused(page)).toBe("Check again");
    await press(page, "Enter");
    await given(page, "answer", { round: 2, answer: { answer: "check_again" } });
    await tabTo(page, "Cancel the sign-in");
    await press(page, "Enter");
    await until(page, "Sign in");
  });

  test("what is told above the resources is in sight when they come up", async () => {
    const { page } = await start("posture-lost");
    expect(await focused(page)).toBe("Resources");
    const told = await page.locator(".notice >> text=This computer does not meet the rules").boundingBox();
    expect(told?.y).toBeGreaterThan(0);
  });

  test("a refused account is put right", async () => {
    const { page } = await start("password-wrong");
    await press(page, "Shift+Tab");
    expect(await focused(page)).toBe("Account");
    await press(page, "Control+a");
    await page.keyboard.type("wong");
    await tabTo(page, "Password");
    await page.keyboard.type("Secret-7");
    await press(page, "Enter");
    await until(page, "Enter the code");
    const target = { at: "profile", name: "TCC-VPN" };
    await given(page, "begin_sign_in", { target, account: "wong", password: "Secret-7" });
  });
});

describe("signed in", () => {
  test("the password is changed", async () => {
    const { page } = await start("resources");
    await choose(page, "c");
    await until(page, "Change the password");
    await page.keyboard.type("Old-secret-77");
    await tabTo(page, "New password");
    await page.keyboard.type("Correct-horse-7");
    await tabTo(page, "New password again");
    await page.keyboard.type("Correct-horse-7");
    await press(page, "Enter");
    await until(page, "Resources");
    await given(page, "change_password", { current: "Old-secret-77", new: "Correct-horse-7" });
  });

  test("another session is ended after a question", async () => {
    const { page } = await start("resources");
    await choose(page, "m");
    await until(page, "My sessions");
    await page.waitForSelector("text=FIN-LAPTOP-07");
    await tabTo(page, "End this session");
    await press(page, "Enter");
    await dialog(page);
    expect(await focused(page)).toBe("Cancel");
    await press(page, "Tab", "Enter");
    await given(page, "end_session", { session: "s-2" });
  });

  test("an address is copied and a favourite made", async () => {
    const { page } = await start("resources");
    await press(page, "Control+f");
    await page.keyboard.type("build");
    await press(page, "ArrowDown", "ArrowRight");
    expect(await focused(page)).toContain("Copy the address: Build machine");
    await press(page, "Enter");
    await given(page, "copy_address", { id: "build" });
    await press(page, "ArrowRight", "Space");
    await given(page, "set_favourite", { id: "build", on: true });
  });

  test("the tunnel is taken down and brought up, with the focus where it was", async () => {
    const { page } = await start("resources");
    await tabTo(page, "Disconnect");
    await press(page, "Enter");
    await page.waitForSelector("text=Disconnected, the session is kept");
    expect(await focused(page)).toBe("Connect");
    await press(page, "Enter");
    await page.waitForSelector("button:has-text('Disconnect')");
    expect(await focused(page)).toBe("Disconnect");
    const commands = (await calls(page)).map(({ command }) => command);
    expect(commands.filter((command) => command.endsWith("connect"))).toEqual(["disconnect", "connect"]);
  });

  test("the idle warning holds the focus, and one key stays", async () => {
    const { page } = await start("idle");
    await press(page, "Tab", "Tab");
    expect(await page.evaluate(() => document.activeElement?.closest("dialog") !== null)).toBe(true);
    await press(page, "z");
    await page.waitForSelector("dialog", { state: "detached" });
  });
});
