// Where the keyboard's focus goes when a screen comes up.

import type { Attachment } from "svelte/attachments";

/** Takes the focus when it is drawn first, unless a dialog holds it. A screen's heading pulls nothing out of sight that
 * stands above it, such as a notice. */
export const takesFocus: Attachment<HTMLElement> = (element) => {
  if (!document.querySelector("dialog[open]")) {
    element.focus({ preventScroll: element.tagName === "H1" });
  }
};
