// Notices that the person has closed: they stay closed for as long as the session lasts, also when the screen is left.

import type { SessionId } from "../bindings";

let closed = $state.raw<readonly string[]>([]);

/** Whether `notice` was closed in this session. */
export function isClosed(session: SessionId | null, notice: string): boolean {
  return closed.includes(`${session} ${notice}`);
}

/** Closes `notice` in this session. */
export function close(session: SessionId | null, notice: string): void {
  closed = [...closed, `${session} ${notice}`];
}
