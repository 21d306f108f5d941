// Registrations that clients have removed. Another process may have had a change of one under way, such as
// that it drains, or may have been cut off: this must not bring the instance back.

/** A removal is remembered for this long at least, in seconds: changes are under way no longer. */
const LEAST_SECONDS = 180;
/** A process ends an instance that has expired this much too late, in seconds, after a pause for instance. */
const LATE_SECONDS = 60;
/** The removal of an instance that never expires is remembered for a day. */
const OF_STATIC_SECONDS = 86_400;
/** More removals are forgotten, the oldest first. */
export const MOST_REMEMBERED = 10_000;
/** One removal has this number of registrations at most: those under a name that were not removed in time. */
export const MOST_REGISTRATIONS = 8;

/**
 * For how long every registry remembers the removal of an instance. A process that is cut off keeps the
 * instance until that expires there. So a removal is forgotten only when no process can have the instance any
 * more, unless its client has renewed it since.
 * @param ttlSeconds that of the instance
 */
export function rememberedSeconds(ttlSeconds: number): number {
  return ttlSeconds === 0 ? OF_STATIC_SECONDS : Math.max(LEAST_SECONDS, ttlSeconds + LATE_SECONDS);
}

/** @returns the one of two `ttlSeconds` for which a removal is remembered longer */
export const longerRemembered = (a: number, b: number): number =>
  rememberedSeconds(a) > rememberedSeconds(b) ? a : b;

/**
 * What a removal by a client removes beside the version and the registrations that are known: whatever is
 * there; what the process has announced at which it was made; or nothing.
 */
export type Reach = 'all' | 'own' | 'known';

export class Removals {
  readonly #clock: () => number;
  /** Until when each is remembered, the one that was removed first at the beginning. */
  readonly #until = new Map<string, number>();

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** @param ttlSeconds that of the instance */
  add(service: string, id: string, registrationId: string | null, ttlSeconds: number): void {
    if (registrationId === null) return;
    const now = this.#clock();
    for (const [key, until] of this.#until) {
      if (until > now && this.#until.size < MOST_REMEMBERED) break;
      this.#until.delete(key);
    }
    const key = keyOf(service, id, registrationId);
    this.#until.delete(key);
    this.#until.set(key, now + rememberedSeconds(ttlSeconds) * 1000);
  }

  has(service: string, id: string, registrationId: string | null): boolean {
    if (registrationId === null) return false;
    return (this.#until.get(keyOf(service, id, registrationId)) ?? 0) > this.#clock();
  }
}

const keyOf = (service: string, id: string, registrationId: string): string =>
  `${service} ${id} ${registrationId}`;
