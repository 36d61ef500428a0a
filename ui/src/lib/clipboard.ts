// Copying what the window itself shows. Addresses of resources are copied by the app instead.

/** Puts `text` on the clipboard. */
export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A web view without the clipboard interface still copies what is selected.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "unseen";
    document.body.append(area);
    area.select();
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- what such a web view has instead
    document.execCommand("copy");
    area.remove();
  }
}
