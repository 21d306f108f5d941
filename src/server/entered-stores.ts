// Keeps what one request enters from the next one, and from its caller in the process.
//
// All callbacks of uWebSockets.js run in one asynchronous context; on `node:http` each connection has one. Up
// to Node.js 22 a context is an object, and a store that code of a service enters there for the rest of a
// callback (`AsyncLocalStorage.enterWith`) stays in it for every later callback: a tenant would be seen by
// the requests of others. So the context is emptied before the next callback. The method `run` leaves what it
// has entered, unless V8 terminates the code that it runs: then the next callback does.
//
// A request within the process runs in the context of its caller, whose stores are put back behind it. A
// context of its own (AsyncResource) would do the same, but Node.js leaves that in a `finally`: V8 runs none
// when it terminates code (the timeout of `node:vm`), and a full stack can end one. Node.js then ends the
// process.
import { AsyncLocalStorage } from 'node:async_hooks';
import { emptyStores } from '../scope.js';

/** Stores of further storages stay entered for the caller. */
const MOST_STORAGES = 64;

interface Watched {
  /** Counts the calls of `enterWith`. */
  entries: number;
  /** The storages that were ever entered so: few, as services make them when they are loaded. */
  readonly storages: AsyncLocalStorage<unknown>[];
  /** Those that were first entered by the running code: their store before that, and the one entered last. */
  readonly firsts: Map<AsyncLocalStorage<unknown>, { readonly before: unknown; last: unknown }>;
  /** The calls of `run` that have not returned: a storage and its store before, for each. */
  readonly running: unknown[];
  /** `enterWith` itself. */
  readonly enter: (this: AsyncLocalStorage<unknown>, store: unknown) => void;
}
/** Elements of `running` for each call. */
const PER_RUN = 2;

/** Where the method that is watched has its state: one for all servers of a thread. */
const WATCHED = Symbol.for('multilane.entered-stores');

type EnterWith = ((this: AsyncLocalStorage<unknown>, store: unknown) => void) & { [WATCHED]?: Watched };

const NO_STORES: readonly unknown[] = [];

export class EnteredStores {
  readonly #watched = watched();
  /** Calls in the context in which this was made, where no request has entered anything. */
  readonly #outside = AsyncLocalStorage.snapshot();

  /** Call at the beginning of a callback of the core. It costs nothing unless a store was ever entered. */
  leave(): void {
    const { storages, running } = this.#watched;
    if (running.length > 0) this.#leaveRunning();
    if (storages.length === 0) return;
    emptyStores();
    // From Node.js 24 on, one context serves all that a packet brings on the core of `node:http`.
    for (const storage of storages) this.#leaveStore(storage);
  }

  /**
   * Runs it in the next turn of the event loop, in the context in which no request has entered anything: the
   * running code may be that of another request.
   */
  later(run: () => void): void {
    this.#outside(() => void setImmediate(run));
  }

  /** V8 has terminated code that these calls have run, so they have left nothing. */
  #leaveRunning(): void {
    const { running } = this.#watched;
    for (let i = 0; i < running.length; i += PER_RUN)
      this.#leaveStore(running[i] as AsyncLocalStorage<unknown>);
    running.length = 0;
  }

  #leaveStore(storage: AsyncLocalStorage<unknown>): void {
    const before = this.#outside(() => storage.getStore());
    if (storage.getStore() !== before) this.#watched.enter.call(storage, before);
  }

  /**
   * Runs the synchronous part of a request whose caller is on the stack, and puts the stores of the caller
   * back. It costs nothing in a thread that has never entered a store.
   */
  runApart<A>(run: (argument: A) => void, argument: A): void {
    const { entries, storages, running } = this.#watched;
    const depth = running.length;
    const stores = storages.length === 0 ? NO_STORES : storages.map((storage) => storage.getStore());
    try {
      run(argument);
    } finally {
      if (running.length > depth) putBackRunning(this.#watched, depth);
      if (this.#watched.entries !== entries) this.#putBack(stores);
    }
  }

  #putBack(stores: readonly unknown[]): void {
    const { storages, firsts, enter } = this.#watched;
    for (let i = 0; i < storages.length; i++) {
      const storage = storages[i]!;
      const store = storage.getStore();
      if (i < stores.length) {
        if (store !== stores[i]) enter.call(storage, stores[i]);
        continue;
      }
      // A `run` within the call may have put its store back already.
      const first = firsts.get(storage);
      if (first !== undefined && store === first.last) enter.call(storage, first.before);
    }
  }
}

/**
 * Keeps the stores that the running code has entered for what calls it later.
 * @returns a function that calls another with them; undefined when a store was never entered
 */
export function keptStores(): (<R>(run: () => R) => R) | undefined {
  return watched().storages.length === 0 ? undefined : AsyncLocalStorage.snapshot();
}

/** Notes calls of `enterWith` in this thread. */
function watched(): Watched {
  const methods = AsyncLocalStorage.prototype as { enterWith: EnterWith };
  const enter = methods.enterWith;
  const known = enter[WATCHED];
  if (known !== undefined) return known;
  const state: Watched = { entries: 0, storages: [], firsts: new Map(), running: [], enter };
  const noting: EnterWith = function (store) {
    note(state, this, store);
    enter.call(this, store);
  };
  methods.enterWith = Object.assign(noting, { [WATCHED]: state });
  replaceRun(state);
  return state;
}

/**
 * Keeps the stores of `run`, so that those are left as well when V8 terminates the code that it runs. From
 * Node.js 24 on, `run` is made of `enterWith`. Its calls are not noted: each request of each process has
 * some, and a thread whose code has never entered a store itself would pay for those that do.
 */
function replaceRun(state: Watched): void {
  const { running, enter } = state;
  const methods = AsyncLocalStorage.prototype as { run: unknown };
  methods.run = function <A extends unknown[], R>(
    this: AsyncLocalStorage<unknown>,
    store: unknown,
    fn: (...args: A) => R,
    ...args: A
  ): R {
    const before = this.getStore();
    if (Object.is(before, store)) return Reflect.apply(fn, null, args);
    const depth = running.length;
    try {
      enter.call(this, store);
      running.push(this, before);
      return Reflect.apply(fn, null, args);
    } finally {
      if (running.length > depth + PER_RUN) putBackRunning(state, depth + PER_RUN);
      running.length = Math.min(running.length, depth);
      enter.call(this, before);
    }
  };
}

/** V8 has terminated code that the calls of `run` behind `depth` elements have run. */
function putBackRunning({ running, enter }: Watched, depth: number): void {
  for (let i = running.length - PER_RUN; i >= depth; i -= PER_RUN)
    enter.call(running[i] as AsyncLocalStorage<unknown>, running[i + 1]);
  running.length = depth;
}

function note(state: Watched, storage: AsyncLocalStorage<unknown>, store: unknown): void {
  const { storages, firsts } = state;
  state.entries++;
  if (storages.includes(storage)) {
    const first = firsts.get(storage);
    if (first !== undefined) first.last = store;
  } else if (storages.length < MOST_STORAGES) {
    // A microtask runs when the running code has ended, and the calls within it.
    if (firsts.size === 0) queueMicrotask(() => firsts.clear());
    firsts.set(storage, { before: storage.getStore(), last: store });
    storages.push(storage);
  }
}
