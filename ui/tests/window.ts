// The window over a made-up app, for tests.

import { emit } from "@tauri-apps/api/event";
import { mockIPC, mockWindows } from "@tauri-apps/api/mocks";
import { fireEvent, render, screen } from "@testing-library/svelte";
import { tick } from "svelte";
import App from "../src/App.svelte";
import type { AppState } from "../src/bindings";
import { MockApp } from "../src/mock/app";

/** Draws the window in a state; what it commands is in `calls`. */
export async function open(state: AppState): Promise<MockApp> {
  const mock = new MockApp(state, (next) => void emit("state", next));
  mockWindows("main");
  mockIPC((command, payload) => mock.handle(command, (payload as { args?: unknown } | undefined)?.args), {
    shouldMockEvents: true,
  });
  render(App);
  await settle();
  return mock;
}

/** Tells the window a new state. */
export async function tell(state: AppState): Promise<void> {
  await emit("state", state);
  await settle();
}

/** Lets commands, events and drawing finish. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) {
    await Promise.resolve();
    await tick();
  }
}

/** The commands given, without the reading of the state. */
export function commandsOf(mock: MockApp): string[] {
  return mock.calls.map(({ command }) => command).filter((command) => command !== "state");
}

export function field(label: string | RegExp): HTMLInputElement {
  return screen.getByLabelText<HTMLInputElement>(label);
}

export async function type(input: HTMLInputElement, value: string): Promise<void> {
  await fireEvent.input(input, { target: { value } });
}

export function press(name: string | RegExp): Promise<void> {
  return fireEvent.click(screen.getByRole("button", { name })).then(settle);
}

/** Everything that the document holds: texts, attributes and the values of fields. */
export function everything(): string {
  const values = [...document.querySelectorAll<HTMLInputElement>("input, textarea")].map(
    ({ value }) => value,
  );
  return [document.documentElement.outerHTML, ...values].join("\n");
}
