// What holds on every screen, and what belongs to none: leaving, idleness, the end, settings, diagnostics.

import { fireEvent, screen } from "@testing-library/svelte";
import { beforeEach, describe, expect, test } from "vitest";
import { goTo } from "../src/lib/pages.svelte";
import { FIXTURES, type Fixture } from "../src/mock/fixtures";
import { SESSION } from "../src/mock/states";
import { commandsOf, field, open, press, settle, tell } from "./window";

const fixtures: [string, Fixture][] = Object.entries(FIXTURES);

describe.each(fixtures)("%s", (_, { app, page }) => {
  test("is drawn with one heading, and the focus is inside", async () => {
    await open(app);
    goTo(page);
    await settle();
    const headings = screen.getAllByRole("heading", { level: 1 });
    expect(headings).toHaveLength(1);
    expect(headings[0]?.textContent.trim()).not.toBe("");
    expect(document.activeElement).not.toBe(document.body);
    expect(document.body.textContent).not.toMatch(/undefined|\[object|NaN/);
  });
});

describe("leaving", () => {
  async function choose(item: string): Promise<void> {
    await press("Menu");
    await fireEvent.click(screen.getByRole("menuitem", { name: item }));
    await settle();
  }

  test("logging out is asked about first", async () => {
    const mock = await open(SESSION);
    await choose("Log out");
    await press("Cancel");
    expect(commandsOf(mock)).toEqual([]);
    await choose("Log out");
    await press("Log out");
    expect(mock.calls.at(-1)).toEqual({ command: "logout", args: { exit: false } });
    expect(screen.getByText("You logged out.")).toBeTruthy();
  });

  test("A-29: Exit says that it signs out, and does", async () => {
    const mock = await open(SESSION);
    await choose("Exit (logs out)");
    expect(screen.getByRole("dialog").textContent).toContain("Exit ends the session");
    await press("Exit and log out");
    expect(mock.calls.at(-1)).toEqual({ command: "logout", args: { exit: true } });
  });

  test("A-30: beside Exit stands how to close the window and stay signed in", async () => {
    const mock = await open(SESSION);
    await choose("Exit (logs out)");
    await press("Close the window only");
    expect(commandsOf(mock)).toEqual(["close_window"]);
    expect(screen.queryByRole("dialog")).toBeNull();
  });

  test("where nobody is signed in, Exit just goes", async () => {
    const mock = await open(FIXTURES["sign-in"].app);
    await choose("Exit");
    expect(commandsOf(mock)).toEqual(["quit"]);
  });
});

describe("the idle warning", () => {
  test("A-28: counts down, and one key stays", async () => {
    const mock = await open(FIXTURES.idle.app);
    expect(screen.getByRole("alertdialog").textContent).toContain("52 seconds");
    expect(document.activeElement?.textContent.trim()).toBe("Stay signed in");
    await fireEvent.keyDown(document.activeElement as Element, { key: "Tab" });
    expect(commandsOf(mock)).toEqual([]);
    await fireEvent.keyDown(document.activeElement as Element, { key: "x" });
    await settle();
    expect(commandsOf(mock)).toEqual(["stay"]);
    expect(screen.queryByRole("alertdialog")).toBeNull();
  });

  test("logs out on request", async () => {
    const mock = await open(FIXTURES.idle.app);
    await press("Log out now");
    expect(mock.calls.at(-1)).toEqual({ command: "logout", args: { exit: false } });
  });
});

test("the end of a session is told with its reason and what to do", async () => {
  await open(FIXTURES["ended-by-administrator"].app);
  const text = document.querySelector(".notice")?.textContent ?? "";
  expect(text).toContain("An administrator ended the session.");
  expect(text).toContain("Planned maintenance");
  expect(text).toContain("It ends the session by itself, in 4 minutes at the latest.");
  expect(field("Account").value).toBe("hark.chen");
});

describe("settings", () => {
  beforeEach(() => goTo(undefined));

  test("take effect at once, the language too", async () => {
    const mock = await open(FIXTURES.settings.app);
    goTo("settings");
    await settle();
    await fireEvent.change(screen.getByLabelText("Language"), { target: { value: "pt-MO" } });
    await settle();
    expect(mock.calls.at(-1)).toEqual({ command: "set_setting", args: { key: "language", value: "pt-MO" } });
    expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("Definições");
    expect(document.documentElement.lang).toBe("pt-MO");
    await tell(FIXTURES.settings.app);
  });

  test("a program of one's own is named in words, checked, and kept", async () => {
    const mock = await open(FIXTURES.settings.app);
    goTo("settings");
    await settle();
    await fireEvent.change(screen.getByLabelText("Web pages"), { target: { value: "own" } });
    const words = screen.getByRole<HTMLTextAreaElement>("textbox", { name: /^The program/ });
    expect(document.activeElement).toBe(words);
    await fireEvent.input(words, { target: { value: "netscape\n{url}" } });
    await press("Use this program");
    expect(commandsOf(mock)).toEqual(["check_program"]);
    expect(words.getAttribute("aria-invalid")).toBe("true");
    expect(document.body.textContent).toContain("There is no such program here");

    await fireEvent.input(words, { target: { value: 'firefox\n--profile "my own"\n{url}\n' } });
    await press("Use this program");
    const value = ["firefox", '--profile "my own"', "{url}"];
    expect(mock.calls.at(-1)).toEqual({ command: "set_setting", args: { key: "open_web", value } });
    expect(screen.getByRole<HTMLTextAreaElement>("textbox").value).toBe(value.join("\n"));

    await fireEvent.change(screen.getByLabelText("Web pages"), { target: { value: "copy_address" } });
    await settle();
    expect(mock.calls.at(-1)).toEqual({
      command: "set_setting",
      args: { key: "open_web", value: "copy_address" },
    });
    expect(screen.queryByRole("textbox")).toBeNull();
  });

  test("an administrator's program is shown and cannot be changed", async () => {
    await open(FIXTURES["settings-program"].app);
    goTo("settings");
    await settle();
    const [own, managed] = screen.getAllByRole<HTMLTextAreaElement>("textbox");
    expect([own?.disabled, managed?.disabled]).toEqual([false, true]);
    expect(managed?.value).toBe("konsole\n-e\nssh\n-p\n{port}\n{host}");
    expect(screen.getAllByRole("button", { name: "Use this program" })).toHaveLength(1);
  });

  test("what an administrator has fixed is shown and cannot be changed", async () => {
    await open(FIXTURES["settings-managed"].app);
    goTo("settings");
    await settle();
    const fixed = screen.getByRole<HTMLInputElement>("switch", { name: "Connect at start" });
    expect(fixed.disabled).toBe(true);
    const described = fixed.getAttribute("aria-describedby")?.split(" ") ?? [];
    expect(described.map((id) => document.getElementById(id)?.textContent).join(" ")).toContain("Managed");
    expect(screen.getByText(/no tray icons/)).toBeTruthy();
  });
});

test("the diagnostics are read before they are saved", async () => {
  const mock = await open(FIXTURES.diagnostics.app);
  goTo("diagnostics");
  await settle();
  expect(screen.queryByRole("button", { name: /Save/ })).toBeNull();
  await press("Collect");
  expect(screen.getByRole<HTMLTextAreaElement>("textbox").value).toContain("# What the service found");
  await press(/Save/);
  expect(commandsOf(mock)).toEqual(["diagnostics", "save_diagnostics"]);
  expect(screen.getByRole("status").textContent).toContain("/home/hark/praya-report.txt");
});

test("another of the person's sessions can be ended after a question", async () => {
  const mock = await open(SESSION);
  goTo("sessions");
  await settle();
  await press("End this session");
  await fireEvent.click(screen.getAllByRole("button", { name: "End this session" }).at(-1) as Element);
  await settle();
  expect(mock.calls).toContainEqual({ command: "end_session", args: { session: "s-2" } });
});

test("a page that is open gives way when the session ends", async () => {
  await open(SESSION);
  goTo("settings");
  await settle();
  await tell(FIXTURES.ended.app);
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe("You are signed out");
});
