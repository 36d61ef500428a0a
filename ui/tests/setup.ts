// What jsdom lacks of a web view.

import { clearMocks } from "@tauri-apps/api/mocks";
import { cleanup } from "@testing-library/svelte";
import { afterEach } from "vitest";
import { goTo } from "../src/lib/pages.svelte";

HTMLDialogElement.prototype.showModal = function (this: HTMLDialogElement) {
  this.open = true;
};
HTMLDialogElement.prototype.close = function (this: HTMLDialogElement) {
  this.open = false;
};
window.matchMedia = () =>
  Object.assign(new EventTarget(), {
    matches: false,
    media: "",
    onchange: null,
  }) as unknown as MediaQueryList;

afterEach(async () => {
  cleanup();
  goTo(undefined);
  // What a component gives up at its end reaches the mocked app first.
  await new Promise((resolve) => setImmediate(resolve));
  clearMocks();
});
