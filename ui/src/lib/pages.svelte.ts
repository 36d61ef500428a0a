// The pages that the person opens beside the screen that the state of things calls for.

export type Page = "gateways" | "settings" | "diagnostics" | "about" | "password" | "sessions";

let page = $state<Page>();

/** The page that is open; `undefined` shows the screen. */
export function openPage(): Page | undefined {
  return page;
}

/** Opens `next`, or goes back to the screen. */
export function goTo(next: Page | undefined): void {
  page = next;
}
