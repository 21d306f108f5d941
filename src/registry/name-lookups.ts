// Resolves the names of instances. A look-up takes a thread of the process until the resolver gives up, which
// may be long after the registration has. So few run at a time, and one for each service: names that resolve
// slowly must not keep those of other services out.
import { UnavailableError } from '../errors.js';

/** Node.js has four threads for look-ups, files and more. */
const MOST = 3;
const MOST_WAITING = 64;
/** How long a registration waits. */
const WAIT_MS = 2_000;

/** @returns all addresses of a name; rejects when it has none */
export type Resolve = (name: string) => Promise<readonly string[]>;

const overloaded = (detail: string): UnavailableError => new UnavailableError('OVERLOADED', detail);

interface Waiting {
  readonly owner: string;
  readonly begin: () => void;
}

export class NameLookups {
  readonly #resolve: Resolve;
  readonly #waitMs: number;
  /** Look-ups in progress, by owner and name. */
  readonly #running = new Map<string, Promise<readonly string[]>>();
  readonly #busy = new Set<string>();
  readonly #waiting: Waiting[] = [];

  constructor(resolve: Resolve, waitMs = WAIT_MS) {
    this.#resolve = resolve;
    this.#waitMs = waitMs;
  }

  /**
   * @param owner the service for which it is resolved
   * @throws UnavailableError OVERLOADED when that takes too long; the reason of the resolver
   */
  async of(name: string, owner: string): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      const fail = (): void => reject(overloaded(`The name ${name} is not resolved yet.`));
      timer = setTimeout(fail, this.#waitMs).unref();
    });
    try {
      return await Promise.race([this.#joined(name, owner), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #joined(name: string, owner: string): Promise<readonly string[]> {
    const key = `${owner} ${name}`;
    let running = this.#running.get(key);
    if (running === undefined) {
      running = this.#turn(owner)
        .then(() => this.#resolve(name))
        .finally(() => this.#ended(key, owner));
      // The one that waits for it may have left.
      running.catch(() => undefined);
      this.#running.set(key, running);
    }
    return running;
  }

  #turn(owner: string): Promise<void> {
    if (this.#mayBegin(owner)) {
      this.#busy.add(owner);
      return Promise.resolve();
    }
    if (this.#waiting.length >= MOST_WAITING)
      return Promise.reject(overloaded('Too many names of instances are being resolved.'));
    return new Promise((resolve) => this.#waiting.push({ owner, begin: resolve }));
  }

  #mayBegin(owner: string): boolean {
    return this.#busy.size < MOST && !this.#busy.has(owner);
  }

  #ended(key: string, owner: string): void {
    this.#running.delete(key);
    this.#busy.delete(owner);
    const next = this.#waiting.findIndex((waiting) => this.#mayBegin(waiting.owner));
    if (next === -1) return;
    const [waiting] = this.#waiting.splice(next, 1);
    this.#busy.add(waiting!.owner);
    waiting!.begin();
  }
}
