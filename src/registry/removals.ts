// Registrations that clients have removed a short while ago. Another process may have had a change of one
// under way, such as that it drains: this must not bring the instance back.

/** For this time removals are remembered, in milliseconds. */
const KEPT_MS = 60_000;
/** More are forgotten, the oldest first. */
const MOST = 10_000;

export class Removals {
  readonly #clock: () => number;
  /** Until when each is remembered, the oldest first. */
  readonly #until = new Map<string, number>();

  /** @param clock monotonic milliseconds */
  constructor(clock: () => number) {
    this.#clock = clock;
  }

  add(service: string, id: string, registrationId: string | null): void {
    if (registrationId === null) return;
    const now = this.#clock();
    for (const [key, until] of this.#until) {
      if (until > now && this.#until.size < MOST) break;
      this.#until.delete(key);
    }
    const key = keyOf(service, id, registrationId);
    this.#until.delete(key);
    this.#until.set(key, now + KEPT_MS);
  }

  has(service: string, id: string, registrationId: string | null): boolean {
    if (registrationId === null) return false;
    return (this.#until.get(keyOf(service, id, registrationId)) ?? 0) > this.#clock();
  }
}

const keyOf = (service: string, id: string, registrationId: string): string =>
  `${service} ${id} ${registrationId}`;
