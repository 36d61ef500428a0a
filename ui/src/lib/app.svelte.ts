// The window's one value: the app's state, as the app last told it.

import { listen } from "@tauri-apps/api/event";
import { type AppState, commands, type Failure } from "../bindings";
import { asFailure } from "./failure";
import { speak } from "./texts.svelte";
import { clock } from "./time.svelte";

let state = $state.raw<AppState>();
// eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing is drawn from it
const waiting = new Set<(state: AppState) => void>();

/** How long the app has to tell a state that is waited for. */
const PATIENCE_MILLIS = 10_000;

/** The state of things; `undefined` until the app has told it. */
export function appState(): AppState | undefined {
  return state;
}

/** Listens to the app from now on. The result stops it. */
export async function attach(): Promise<() => void> {
  const stopClock = clock.start();
  const stopListening = await listen<AppState>("state", (event) => take(event.payload));
  const before = state;
  try {
    const first = await commands.state();
    // An event that came in the meantime is newer.
    if (state === before) {
      take(first);
    }
  } catch {
    // Events bring the state as well.
  }
  return () => {
    stopListening();
    stopClock();
  };
}

/** Draws `next`. */
export function take(next: AppState): void {
  clock.sync(next.now);
  speak(next.locale);
  state = next;
  waiting.forEach((look) => look(next));
}

/** Waits until the app has told a state of which `holds` is true. Fails when that takes too long, without the service,
 * and when whoever waits is `gone`: what was to follow must not come when nobody expects it any more. */
export function until(holds: (state: AppState) => boolean, gone: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    const stop = () => {
      clearTimeout(timer);
      waiting.delete(look);
      gone.removeEventListener("abort", giveUp);
    };
    const giveUp = () => {
      stop();
      const failure: Failure = { code: "service_unavailable" };
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as the app's commands reject
      fail(failure);
    };
    const look = (next: AppState) => {
      if (holds(next)) {
        stop();
        done();
      } else if (next.service.service !== "attached") {
        giveUp();
      }
    };
    const timer = setTimeout(giveUp, PATIENCE_MILLIS);
    gone.addEventListener("abort", giveUp);
    waiting.add(look);
    if (gone.aborted) {
      giveUp();
    } else if (state) {
      look(state);
    }
  });
}

/** A command under way, and what became of it: for the button that gives it and the notice beside. */
export class Action {
  busy = $state(false);
  failure = $state.raw<Failure>();

  /** Runs `work` unless it runs already; says whether it came off. */
  async run(work: () => Promise<unknown>): Promise<boolean> {
    if (this.busy) {
      return false;
    }
    this.busy = true;
    this.failure = undefined;
    try {
      await work();
      return true;
    } catch (error) {
      this.failure = asFailure(error);
      return false;
    } finally {
      this.busy = false;
    }
  }
}
