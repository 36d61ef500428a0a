// The window's one value: the app's state, as the app last told it.

import { listen } from "@tauri-apps/api/event";
import { type AppState, commands, type Failure } from "../bindings";
import { asFailure } from "./failure";
import { speak } from "./texts.svelte";
import { clock } from "./time.svelte";

let state = $state.raw<AppState>();
let awaited: { holds: (state: AppState) => boolean; done: () => void }[] = [];

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
  const met = awaited.filter(({ holds }) => holds(next));
  awaited = awaited.filter((one) => !met.includes(one));
  met.forEach(({ done }) => done());
}

/** Waits until the app has told a state of which `holds` is true. */
export function until(holds: (state: AppState) => boolean): Promise<void> {
  return state && holds(state)
    ? Promise.resolve()
    : new Promise((done) => {
        awaited.push({ holds, done });
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
