// The window's clock. The service says what time it is; between its words the window counts on by itself, so that a
// wrong clock of this machine moves no countdown.

/** Milliseconds since 1970, as the service writes instants. */
export type Instant = number;

class Clock {
  /** The present by the service's clock, anew at each of its whole seconds. */
  now = $state<Instant>(Date.now());
  #lead = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** The service said that it is `now`. */
  sync(now: Instant): void {
    this.#lead = now - performance.now();
    this.#tick();
  }

  /** Starts counting. The result stops it. */
  start(): () => void {
    if (this.#lead === 0) {
      this.#lead = this.now - performance.now();
    }
    this.#tick();
    return () => {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    };
  }

  #tick(): void {
    const now = this.#lead + performance.now();
    this.now = now;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tick(), Math.ceil(1000 - (now % 1000)));
  }
}

export const clock = new Clock();

/** Whole seconds from now to `deadline`, rounded up; never below 0. */
export function secondsUntil(deadline: Instant): number {
  return Math.max(0, Math.ceil((deadline - clock.now) / 1000));
}

/** Whole seconds from `start` to now, rounded down; never below 0. */
export function secondsSince(start: Instant): number {
  return Math.max(0, Math.floor((clock.now - start) / 1000));
}
