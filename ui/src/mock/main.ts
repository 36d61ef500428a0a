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
const fixture = fixtures[query.get("fixture") ?? ""] ?? FIXTURES["sign-in"];
const language = LANGUAGES.find((one) => one === query.get("language")) ?? "en";
const theme: Theme = query.get("theme") === "dark" ? "dark" : "light";

document.documentElement.style.fontSize = `${Number(query.get("text") ?? 100)}%`;

const mock = new MockApp(dressed(fixture.app, language, theme), (state) => emit("state", state));
mockWindows("main");
mockIPC((command, payload) => mock.handle(command, (payload as { args?: unknown } | undefined)?.args), {
  shouldMockEvents: true,
});
Object.assign(window, { mock });

await import("../main");
// A page that is open beside the screen is opened as a person would: after the screen is there.
requestAnimationFrame(() => requestAnimationFrame(() => goTo(fixture.page)));
