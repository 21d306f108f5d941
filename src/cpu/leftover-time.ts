// Measures how long a thread of the CPU pool works on what ended tasks have left in it: timers, and promises
// that lost a race. Tasks of others wait meanwhile, so the service of the ended task pays for that time, and
// a thread that loses much of it is replaced.
import { createHook } from 'node:async_hooks';
import type { RunStatus } from '../memory/run-status.js';

/** The time is reported in pieces of at least this many milliseconds. */
const PIECE_MS = 10;
/** A thread that works for more than `MOST_MS` within such a window on what was left is replaced. */
const WINDOW_MS = 1_000;
const MOST_MS = 100;

export interface LeftoverTimeOptions {
  /** The number of the ended task to which the current callback belongs; undefined when there is none. */
  readonly owner: () => number | undefined;
  readonly report: (mark: number, ms: number) => void;
  /** @default the clock of the thread, in milliseconds */
  readonly now?: () => number;
}

export class LeftoverTime {
  readonly #options: LeftoverTimeOptions;
  readonly #now: () => number;
  /** The callback that is measured or is known to belong to no ended task; others run within it. */
  #callback: number | undefined;
  #owner: number | undefined;
  #status: Pick<RunStatus, 'holdUp' | 'goOn'> | undefined;
  #since = 0;
  /** Milliseconds that were not reported, by task. */
  readonly #unreported = new Map<number, number>();
  #windowFrom = Number.NEGATIVE_INFINITY;
  #windowMs = 0;
  #spoiler: number | undefined;

  constructor(options: LeftoverTimeOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The number of the task whose leftovers have taken so much time that the thread is to be replaced. */
  get spoiler(): number | undefined {
    return this.#spoiler;
  }

  /** Measures all callbacks of this thread from now on; each of them costs some 0.2 µs. */
  start(): void {
    createHook({ before: (id) => this.before(id), after: (id) => this.after(id) }).enable();
  }

  /** A task begins: it is held up from now on. */
  begin(status: Pick<RunStatus, 'holdUp' | 'goOn'>): void {
    this.#status = status;
  }

  /** A callback begins. */
  before(id: number): void {
    if (this.#callback !== undefined) return;
    this.#callback = id;
    this.#owner = this.#options.owner();
    if (this.#owner === undefined) return;
    this.#since = this.#now();
    this.#status?.holdUp(this.#owner);
  }

  /** A callback has ended. */
  after(id: number): void {
    if (id !== this.#callback) return;
    this.#callback = undefined;
    if (this.#owner === undefined) return;
    const ms = this.#now() - this.#since;
    this.#status?.goOn(ms);
    this.#used(this.#owner, ms);
  }

  #used(owner: number, ms: number): void {
    const unreported = (this.#unreported.get(owner) ?? 0) + ms;
    this.#unreported.set(owner, unreported);
    if (this.#now() - this.#windowFrom > WINDOW_MS) {
      this.#windowFrom = this.#now() - ms;
      this.#windowMs = 0;
    }
    this.#windowMs += ms;
    if (this.#windowMs > MOST_MS) this.#spoiler ??= owner;
    if (unreported < PIECE_MS) return;
    this.#unreported.set(owner, 0);
    this.#options.report(owner, unreported);
  }
}
