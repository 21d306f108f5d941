// Resolves the names of instances. A look-up takes a thread of the process until the resolver gives up, which
// may be long after the registration has. So few run at a time. Names that resolve slowly must not keep
// others out: those that were slow the last time have one place, those that were not resolved before have
// two, and the third is for names that are known to resolve quickly, and for those of this process's own
// settings. A service has one look-up of each of these kinds at a time.
import { UnavailableError } from '../errors.js';

/** Node.js has four threads for look-ups, files and more. The most look-ups by the kind of the name. */
const MOST = { slow: 1, new: 2, quick: 3 } as const;
const MOST_WAITING = 64;
/** How long a registration waits for its look-up. */
const WAIT_MS = 2_000;
/** How many names are known to be quick or slow. */
const MOST_KNOWN = 4_096;

/** Takes the place of a service, for the names in the settings of this process. */
export const OWN_NAMES = ' own';

/** @returns all addresses of a name; rejects when it has none */
export type Resolve = (name: string) => Promise<readonly string[]>;

const overloaded = (detail: string): UnavailableError => new UnavailableError('OVERLOADED', detail);

type Kind = keyof typeof MOST;

/** A look-up that waits or runs. */
interface LookUp {
  readonly name: string;
  readonly kind: Kind;
  readonly owner: string;
  readonly begin: () => void;
  readonly begun: Promise<void>;
  readonly addresses: Promise<readonly string[]>;
  /** How many registrations wait for it. */
  waiting: number;
}

export class NameLookups {
  readonly #resolve: Resolve;
  readonly #waitMs: number;
  readonly #clock: () => number;
  /** Look-ups that wait or run, by owner and name. */
  readonly #all = new Map<string, LookUp>();
  /** Kind and owner of those that run. */
  readonly #running = new Set<string>();
  readonly #counts: Record<Kind, number> = { slow: 0, new: 0, quick: 0 };
  readonly #waiting: LookUp[] = [];
  /** Whether the last look-up of a name was quick; the oldest one is forgotten first. */
  readonly #known = new Map<string, boolean>();

  /** @param clock monotonic milliseconds. @default performance.now() */
  constructor(resolve: Resolve, waitMs = WAIT_MS, clock = () => performance.now()) {
    this.#resolve = resolve;
    this.#waitMs = waitMs;
    this.#clock = clock;
  }

  /**
   * @param owner the service for which it is resolved, or OWN_NAMES
   * @param placeMs milliseconds that may pass before the look-up begins; it may take two seconds then
   * @throws UnavailableError OVERLOADED when that takes too long; the reason of the resolver
   */
  async of(name: string, owner: string, placeMs = this.#waitMs / 2): Promise<readonly string[]> {
    const lookUp = this.#all.get(keyOf(name, owner)) ?? this.#added(name, owner);
    const late = (): UnavailableError => overloaded(`The name ${name} is not resolved yet.`);
    lookUp.waiting += 1;
    try {
      await within(lookUp.begun, placeMs, late);
      return await within(lookUp.addresses, this.#waitMs, late);
    } finally {
      lookUp.waiting -= 1;
      if (lookUp.waiting === 0) this.#withdraw(lookUp);
    }
  }

  /** @throws UnavailableError OVERLOADED when too many wait */
  #added(name: string, owner: string): LookUp {
    const kind = this.#kindOf(name, owner);
    const mayBegin = this.#mayBegin(kind, owner);
    if (!mayBegin && this.#waiting.filter((other) => other.kind === kind).length >= MOST_WAITING)
      throw overloaded('Too many names of instances are being resolved.');
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const addresses = begun.then(() => this.#timed(name)).finally(() => this.#ended(lookUp));
    // Those that wait for it may have left.
    addresses.catch(() => undefined);
    const lookUp: LookUp = { name, kind, owner, begin, begun, addresses, waiting: 0 };
    this.#all.set(keyOf(name, owner), lookUp);
    if (mayBegin) this.#begin(lookUp);
    else this.#waiting.push(lookUp);
    return lookUp;
  }

  /** No registration waits for a look-up any more. One that has begun cannot be ended. */
  #withdraw(lookUp: LookUp): void {
    const index = this.#waiting.indexOf(lookUp);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    this.#all.delete(keyOf(lookUp.name, lookUp.owner));
  }

  #kindOf(name: string, owner: string): Kind {
    if (owner === OWN_NAMES) return 'quick';
    const wasQuick = this.#known.get(name);
    if (wasQuick === undefined) return 'new';
    return wasQuick ? 'quick' : 'slow';
  }

  async #timed(name: string): Promise<readonly string[]> {
    const since = this.#clock();
    try {
      return await this.#resolve(name);
    } finally {
      this.#known.delete(name);
      this.#known.set(name, this.#clock() - since <= this.#waitMs);
      const [oldest] = this.#known.keys();
      if (this.#known.size > MOST_KNOWN) this.#known.delete(oldest!);
    }
  }

  #mayBegin(kind: Kind, owner: string): boolean {
    const { slow, new: fresh, quick } = this.#counts;
    const counted = { slow, new: slow + fresh, quick: slow + fresh + quick };
    return counted[kind] < MOST[kind] && counted.quick < MOST.quick && !this.#running.has(`${kind} ${owner}`);
  }

  #begin(lookUp: LookUp): void {
    const { kind, owner } = lookUp;
    this.#counts[kind] += 1;
    this.#running.add(`${kind} ${owner}`);
    lookUp.begin();
  }

  #ended({ name, kind, owner }: LookUp): void {
    this.#all.delete(keyOf(name, owner));
    this.#counts[kind] -= 1;
    this.#running.delete(`${kind} ${owner}`);
    for (let next = this.#nextIndex(); next !== -1; next = this.#nextIndex())
      this.#begin(this.#waiting.splice(next, 1)[0]!);
  }

  #nextIndex(): number {
    return this.#waiting.findIndex(({ kind, owner }) => this.#mayBegin(kind, owner));
  }
}

const keyOf = (name: string, owner: string): string => `${owner} ${name}`;

/** @throws what `late` returns when the result takes longer than `ms` */
async function within<T>(result: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), ms).unref();
  });
  try {
    return await Promise.race([result, overdue]);
  } finally {
    clearTimeout(timer);
  }
}
