// Instances of other processes that wait to be admitted. The names of some have to be looked up, and may
// resolve slowly: those wait for each other only, and a list of thousands does not crowd out the look-ups of
// registrations. What is not admitted is tried again, each instance ever more rarely, and in places of its
// own.
import { addressOf } from '../addresses.js';
import { type Schedule, timers } from '../schedule.js';
import type { FoundInstance } from './backend.js';
import { keyOf } from './instance-key.js';
import { ServiceTurns } from './service-turns.js';

/** Services with an instance under way at the same time: with an address, with a name, and tried again. */
const MOST_SERVICES = 16;
const MOST_AGAIN = 4;
/** The first retry follows after up to this time, the next ones after twice the time before. */
const ROUND_MS = 2_000;
/** The most rounds between two retries. */
const MOST_ROUNDS = 32;

/** An instance that was not admitted, and may be later. */
interface Refused {
  readonly instance: FoundInstance;
  /** Rounds between the last attempt and the next one. */
  readonly rounds: number;
  /** The round of the next attempt. */
  readonly at: number;
}

export class AdmissionQueue {
  /** @returns whether the instance may be admitted later */
  readonly #admit: (instance: FoundInstance, isAgain: boolean) => Promise<boolean>;
  readonly #schedule: Schedule;
  readonly #addressed: ServiceTurns;
  readonly #named: ServiceTurns;
  readonly #again: ServiceTurns;
  /** The last attempt of each instance that is under way, unless it has left meanwhile. */
  readonly #underWay = new Map<string, FoundInstance>();
  /** By service and id, in the order of their last attempts. */
  readonly #refused = new Map<string, Refused>();
  #round = 0;
  /** Instances that have left since the last round: there may be room for this many others. */
  #left = 0;
  /** Cancels the timer of the next round; undefined while there is none. */
  #cancelRound: (() => void) | undefined;

  /** @param schedule @default timers of Node */
  constructor(
    admit: (instance: FoundInstance, isAgain: boolean) => Promise<boolean>,
    schedule: Schedule = timers,
  ) {
    this.#admit = admit;
    this.#schedule = schedule;
    const attempt = (instance: FoundInstance) => this.#try(instance);
    this.#addressed = new ServiceTurns(MOST_SERVICES, attempt);
    this.#named = new ServiceTurns(MOST_SERVICES, attempt);
    this.#again = new ServiceTurns(MOST_AGAIN, attempt);
  }

  add(instance: FoundInstance): void {
    this.#forget(instance.service, instance.id);
    (hasName(instance) ? this.#named : this.#addressed).add(instance);
  }

  remove(service: string, id: string): void {
    this.#forget(service, id);
    this.#underWay.delete(keyOf(service, id));
    this.#left += 1;
  }

  /** Removes everything that has another name. */
  retain(names: ReadonlySet<string>): void {
    const refused = [...this.#refused.values()].map(({ instance }) => instance);
    for (const { service, id } of [...refused, ...this.#turns().flatMap((turns) => turns.all())])
      if (!names.has(keyOf(service, id))) this.remove(service, id);
  }

  close(): void {
    this.#cancelRound?.();
    for (const turns of this.#turns()) turns.clear();
    this.#refused.clear();
  }

  #turns(): readonly ServiceTurns[] {
    return [this.#addressed, this.#named, this.#again];
  }

  /** Forgets what waits, and what was refused, of an instance. */
  #forget(service: string, id: string): void {
    for (const turns of this.#turns()) turns.remove(service, id);
    this.#refused.delete(keyOf(service, id));
  }

  async #try(instance: FoundInstance): Promise<void> {
    const { service, id } = instance;
    const key = keyOf(service, id);
    const before = this.#refused.get(key);
    this.#underWay.set(key, instance);
    const mayBeLater = await this.#admit(instance, before !== undefined);
    // It may have left meanwhile, and come back with another change.
    if (this.#underWay.get(key) !== instance) return;
    this.#underWay.delete(key);
    if (this.#turns().some((turns) => turns.has(service, id))) return;
    this.#refused.delete(key);
    if (mayBeLater) this.#tryLater(key, instance, before);
  }

  #tryLater(key: string, instance: FoundInstance, before: Refused | undefined): void {
    const rounds = before === undefined ? 1 : Math.min(2 * before.rounds, MOST_ROUNDS);
    this.#refused.set(key, { instance, rounds, at: this.#round + rounds });
    this.#awaitRound();
  }

  #awaitRound(): void {
    if (this.#refused.size === 0) return;
    this.#cancelRound ??= this.#schedule(ROUND_MS, () => {
      this.#cancelRound = undefined;
      this.#round += 1;
      this.#tryAgain();
      this.#awaitRound();
    });
  }

  /** Tries those again whose round it is, and as many others as have left. */
  #tryAgain(): void {
    let room = this.#left;
    this.#left = 0;
    for (const { instance, at } of this.#refused.values()) {
      const isDue = at <= this.#round;
      if (!isDue && room-- <= 0) continue;
      const { service, id } = instance;
      if (this.#underWay.has(keyOf(service, id))) continue;
      (hasName(instance) ? this.#again : this.#addressed).add(instance);
    }
  }
}

/** Whether a name has to be looked up for an instance, of which nothing is checked yet. */
function hasName({ body }: FoundInstance): boolean {
  const { host } = (body ?? {}) as { readonly host?: unknown };
  return typeof host === 'string' && addressOf(host) === undefined;
}
