// The window over an app that is made up, in a plain browser: `?fixture=code&language=zh-Hant-TW&theme=dark`.

import { emit } from "@tauri-apps/api/event";
import { mockIPC, mockWindows } from "@tauri-apps/api/mocks";
import type { Theme } from "../bindings";
import { goTo } from "../lib/pages.svelte";
import { LANGUAGES } from "../lib/texts.svelte";
import { dressed, MockApp } from "./app";
import { FIXTURES, type Fixture } from "./fixtures";

const query = new URLSearchParams(location.search);
const fixtures: Record<string, Fixture> = FIXTURES;
const fixture: Fixture = fixtures[query.get("fixture") ?? ""] ?? FIXTURES["sign-in"];
const language = LANGUAGES.find((one) => one === query.get("language")) ?? "en";
const theme: Theme = query.get("theme") === "dark" ? "dark" : "light";

const mock = new MockApp(dressed(fixture.app, language, theme), (state) => void emit("state", state));
mockWindows("main");
mockIPC((command, payload) => mock.handle(command, (payload as { args?: unknown } | undefined)?.args), {
  shouldMockEvents: true,
});
Object.assign(window, { mock });

await import("../main");
// A page that is open beside the screen is opened as a person would: after the screen is there.
const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
await frame();
await frame();
goTo(fixture.page);
for (const act of fixture.acts ?? []) {
  const selector = typeof act === "string" ? act : act.into;
  let element = document.querySelector<HTMLElement>(selector);
  while (!element) {
    await frame();
    element = document.querySelector<HTMLElement>(selector);
  }
  if (typeof act === "string") {
    element.click();
  } else {
    (element as HTMLInputElement).value = act.text;
    element.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }
  await frame();
}
await frame();
document.documentElement.dataset.ready = "true";
