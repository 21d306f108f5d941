// Requests in flight, counted for the process and for each of its routes, and what each thread shows of its overload.
// The process has one word that all threads add to; a route has one word per thread, so that a request of the
// common case costs one plain store more, and the sum is made only where the route's share is in question.
import type { Block } from './block.js';
import { ROUTE_ROWS, ROUTES } from './layout.js';
import { NameTable } from './names.js';
import { heldByThread, PermitLedger } from './permit-ledger.js';

/** One route, as one thread uses it. */
export interface RouteCells {
  /** Takes a permit. @returns requests of the process in flight before this one */
  enter(): number;
  leave(): void;
  /** Requests of this route in flight, in all threads; of all routes without a row of their own together. */
  readonly inFlight: number;
  /** Changes while requests of this route arrive at any thread. */
  readonly uses: number;
  /**
   * Requests of this route have arrived at this thread, whether or not they were admitted. Call once per
   * window.
   */
  used(): void;
  /**
   * Milliseconds that a request costs, as measured by the living thread that it costs least; where none has
   * measured it, by the last one that had and has ended. 0: unknown.
   */
  readonly enteringMs: number;
  readonly leavingMs: number;
  publishCosts(enteringMs: number, leavingMs: number): void;
}

export interface AdmissionState {
  readonly isShedding: boolean;
  readonly boundMs: number;
  readonly owedMs: number;
  readonly holdMs: number;
}

export interface RouteUsage {
  readonly name: string;
  readonly inFlight: number;
  readonly costMs: number;
}

/** Row of the routes that find none of their own. */
const OTHERS = ROUTES;
/** The one count of the ledger. */
const REQUESTS = 0;
/** Slot of the primary, which serves no routes: its costs are those that ended threads have left. */
const ENDED = 0;
const MOST_WORD = 2 ** 31 - 1;
const toMicroseconds = (ms: number): number => Math.min(MOST_WORD, Math.round(ms * 1000));

export const admissionLedger = (block: Block, slot: number): PermitLedger =>
  new PermitLedger(block, slot, { totals: 'processInFlight', own: 'workerAdmitted' });

export class AdmissionCells {
  readonly #block: Block;
  readonly #slot: number;
  readonly #ledger: PermitLedger;
  readonly #state: Int32Array;
  readonly #names: NameTable;
  readonly #routes: Int32Array;
  readonly #uses: Int32Array;
  readonly #costs: Int32Array;
  /** The same object for all routes that share the last row, so that they count as one. */
  readonly #others: RouteCells;
  #sharing = 0;

  /** @param slot row of the thread that admits */
  constructor(block: Block, slot: number) {
    this.#block = block;
    this.#slot = slot;
    this.#ledger = admissionLedger(block, slot);
    this.#state = block.words('workerAdmission', slot);
    this.#names = new NameTable(block, 'route');
    this.#routes = block.table('workerRouteInFlight').words;
    this.#uses = block.table('workerRouteUses').words;
    this.#costs = block.table('workerRouteCosts').words;
    // What one of them costs says nothing about the next.
    const others = this.#counted(OTHERS);
    this.#others = {
      enter: () => others.enter(),
      leave: () => others.leave(),
      get inFlight() {
        return others.inFlight;
      },
      get uses() {
        return others.uses;
      },
      used: () => others.used(),
      enteringMs: 0,
      leavingMs: 0,
      publishCosts() {},
    };
  }

  /** How many routes of this thread have no row of their own and share one. */
  get sharing(): number {
    return this.#sharing;
  }

  /** Requests of the process. */
  get inFlight(): number {
    return this.#ledger.held(REQUESTS);
  }

  /** Routes that find no row of their own share one. */
  routeOf(name: string): RouteCells {
    const row = this.#names.rowFor(name);
    if (row !== undefined) return this.#counted(row);
    this.#sharing++;
    return this.#others;
  }

  /** What this thread shows. */
  publish({ isShedding, boundMs, owedMs, holdMs }: AdmissionState): void {
    const words = this.#state;
    words[0] = isShedding ? 1 : 0;
    words[1] = toMicroseconds(boundMs);
    words[2] = toMicroseconds(owedMs);
    words[3] = toMicroseconds(holdMs);
  }

  /** Routes that have been mounted so far. */
  usage(): RouteUsage[] {
    const routes = this.#names.list().map(({ row, name }) => {
      const cells = this.#counted(row);
      return { name, inFlight: cells.inFlight, costMs: cells.enteringMs + cells.leavingMs };
    });
    if (routes.length < ROUTES) return routes;
    return [...routes, { name: 'other routes', inFlight: this.#others.inFlight, costMs: 0 }];
  }

  #counted(row: number): RouteCells {
    const routes = this.#routes;
    const uses = this.#uses;
    const costs = this.#costs;
    const ledger = this.#ledger;
    const threads = this.#block.workers + 1;
    const index = this.#slot * ROUTE_ROWS + row;
    const own = indexOf(this.#slot, row);
    return {
      // The route's word first: the addition behind it is a fence, so of two threads that add up a route at the
      // same time at least the later one sees both.
      enter: () => {
        routes[index] = routes[index]! + 1;
        return ledger.add(REQUESTS);
      },
      leave: () => {
        routes[index] = routes[index]! - 1;
        ledger.give(REQUESTS, 1);
      },
      get inFlight() {
        return sumOf(routes, row, threads);
      },
      get uses() {
        return sumOf(uses, row, threads);
      },
      used() {
        uses[index] = uses[index]! + 1;
      },
      get enteringMs() {
        return Atomics.load(costs, cheapest(costs, row, threads)) / 1000;
      },
      get leavingMs() {
        return Atomics.load(costs, cheapest(costs, row, threads) + 1) / 1000;
      },
      publishCosts(enteringMs, leavingMs) {
        costs[own] = toMicroseconds(enteringMs);
        costs[own + 1] = toMicroseconds(leavingMs);
      },
    };
  }
}

function sumOf(words: Int32Array, row: number, threads: number): number {
  let sum = 0;
  for (let slot = 0; slot < threads; slot++) sum += Atomics.load(words, slot * ROUTE_ROWS + row);
  return sum;
}

/**
 * Index of the costs of the living thread that a route costs least; where none knows, of what an ended one
 * has left.
 */
function cheapest(costs: Int32Array, row: number, threads: number): number {
  let [best, least] = [indexOf(ENDED, row), 0];
  for (let slot = ENDED + 1; slot < threads; slot++) {
    const index = indexOf(slot, row);
    const total = Atomics.load(costs, index) + Atomics.load(costs, index + 1);
    if (total > 0 && (least === 0 || total < least)) [best, least] = [index, total];
  }
  return best;
}

/** Index of the first of the two words that hold a route's costs. */
const indexOf = (slot: number, row: number): number => (slot * ROUTE_ROWS + row) * 2;

export interface WorkerAdmission extends AdmissionState {
  /** Requests in flight that hold a permit. */
  readonly inFlight: number;
}

export function readAdmission(block: Block, slot: number): WorkerAdmission {
  const words = block.words('workerAdmission', slot);
  const [state, boundUs, owedUs, holdUs] = [0, 1, 2, 3].map((index) => Atomics.load(words, index));
  return {
    inFlight: heldByThread(block.words('workerAdmitted', slot)),
    isShedding: state === 1,
    boundMs: boundUs! / 1000,
    owedMs: owedUs! / 1000,
    holdMs: holdUs! / 1000,
  };
}

/** Requests of the process in flight, for metrics. */
export function readInFlight(block: Block): number {
  return admissionLedger(block, 0).held(REQUESTS);
}

/**
 * Releases what a worker that has ended held, and resets what it showed. What its routes cost stays for
 * threads that begin when no living one knows it. Call when none of its code can run any more.
 */
export function reclaimAdmission(block: Block, slot: number): void {
  admissionLedger(block, slot).reclaim();
  const { words } = block.table('workerRouteInFlight');
  for (let row = 0; row < ROUTE_ROWS; row++) Atomics.store(words, slot * ROUTE_ROWS + row, 0);
  leaveCosts(block.table('workerRouteCosts').words, slot);
  block.words('workerAdmission', slot).fill(0);
}

/** In place of what a thread that ended before it has left: that may be many reloads old. */
function leaveCosts(costs: Int32Array, slot: number): void {
  for (let row = 0; row < ROUTE_ROWS; row++) {
    const own = indexOf(slot, row);
    const measured = costs.subarray(own, own + 2);
    if (measured.every((cost) => cost === 0)) continue;
    costs.set(measured, indexOf(ENDED, row));
    measured.fill(0);
  }
}
