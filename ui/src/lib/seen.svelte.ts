// When the window was first told something that counts down. A failure or a token's hint says "so many seconds left"
// and not "until when"; what is told again with the next state is not new.

import type { AppState } from "../bindings";
import { clock, type Instant } from "./time.svelte";

// eslint-disable-next-line svelte/prefer-svelte-reactivity -- it changes only with the state, which draws anew
const seen = new Map<string, Instant>();

/** Takes note of what `state` tells; forgets what it tells no longer. */
export function note(state: AppState): void {
  const { last_failure, sign_in } = state.snapshot;
  const step = sign_in?.step;
  const told = [
    last_failure,
    sign_in?.notice,
    step?.step === "otp" && step.token && { round: sign_in?.round, ...step.token },
  ]
    .filter((value) => value !== null && value !== undefined && value !== false)
    .map(keyOf);
  for (const key of seen.keys()) {
    if (!told.includes(key)) {
      seen.delete(key);
    }
  }
  for (const key of told) {
    if (!seen.has(key)) {
      seen.set(key, clock.now);
    }
  }
}

/** Whole seconds since the window was first told `value`. */
export function secondsSinceTold(value: unknown): number {
  return Math.max(0, Math.floor((clock.now - (seen.get(keyOf(value)) ?? clock.now)) / 1000));
}

function keyOf(value: unknown): string {
  return JSON.stringify(value);
}
