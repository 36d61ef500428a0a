// What the window says in passing: to a screen reader politely, and where it helps to the eye for a moment.

/** How long a passing word stays on the screen. */
const SHOWN_MILLIS = 5000;

class Announcer {
  /** What was said last. */
  text = $state("");
  /** It is shown to the eye as well. */
  shown = $state(false);
  #again = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Says `text` to screen readers only. */
  say(text: string): void {
    // A live region speaks when its text changes: a no-break space tells two equal texts apart.
    this.#again = !this.#again;
    this.text = this.#again ? text : `${text}\u00a0`;
    this.shown = false;
    clearTimeout(this.#timer);
  }

  /** Says `text` and shows it for a moment. */
  tell(text: string): void {
    this.say(text);
    this.shown = true;
    this.#timer = setTimeout(() => {
      this.shown = false;
    }, SHOWN_MILLIS);
  }
}

export const announcer = new Announcer();
