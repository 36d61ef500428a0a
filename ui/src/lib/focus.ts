// Where the keyboard's focus goes when a screen comes up.

import type { Attachment } from "svelte/attachments";

/** Takes the focus when it is drawn first, unless a dialog holds it. */
export const takesFocus: Attachment<HTMLElement> = (element) => {
  if (!document.querySelector("dialog[open]")) {
    element.focus();
  }
};
