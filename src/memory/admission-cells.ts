// Requests in flight, counted for the process and for each of its routes, and what each thread shows of its
// overload. The process has one word that all threads add to; a route has one word per thread, so that a
// request of the common case costs one plain store more, and the sum is made only where the route's share is
// in question.
import type { Table } from './area.js';
import type { Block } from './block.js';
import { ROUTE_ROWS, ROUTES } from './layout.js';
import { NameTable } from './name-table.js';
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

/** Number of the routes that find no row of their own. */
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
  readonly #routes: Table;
  readonly #uses: Table;
  readonly #costs: Table;
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
    this.#routes = block.table('workerRouteInFlight');
    this.#uses = block.table('workerRouteUses');
    this.#costs = block.table('workerRouteCosts');
    // The cost of one of them predicts nothing about the next.
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
    const ledger = this.#ledger;
    const routes = this.#routes;
    const uses = this.#uses;
    const costs = this.#costs;
    const own = this.#block.words('workerRouteInFlight', this.#slot);
    const ownUses = this.#block.words('workerRouteUses', this.#slot);
    const ownCosts = costsIn(costs, this.#slot, row);
    return {
      // The route's word first: the addition behind it is a fence, so of two threads that add up a route at
      // the same time at least the later one sees both.
      enter: () => {
        own[row] = own[row]! + 1;
        return ledger.add(REQUESTS);
      },
      leave: () => {
        own[row] = own[row]! - 1;
        ledger.give(REQUESTS, 1);
      },
      get inFlight() {
        return sumOf(routes, row);
      },
      get uses() {
        return sumOf(uses, row);
      },
      used() {
        ownUses[row] = ownUses[row]! + 1;
      },
      get enteringMs() {
        return Atomics.load(costs.words, cheapest(costs, row)) / 1000;
      },
      get leavingMs() {
        return Atomics.load(costs.words, cheapest(costs, row) + 1) / 1000;
      },
      publishCosts(enteringMs, leavingMs) {
        costs.words[ownCosts] = toMicroseconds(enteringMs);
        costs.words[ownCosts + 1] = toMicroseconds(leavingMs);
      },
    };
  }
}

function sumOf({ words, stride, rows }: Table, route: number): number {
  let sum = 0;
  for (let slot = 0; slot < rows; slot++) sum += Atomics.load(words, slot * stride + route);
  return sum;
}

/**
 * Index of the costs of the living thread that a route costs least; where none knows, of what an ended one
 * has left.
 */
function cheapest(costs: Table, route: number): number {
  let [best, least] = [costsIn(costs, ENDED, route), 0];
  for (let slot = ENDED + 1; slot < costs.rows; slot++) {
    const index = costsIn(costs, slot, route);
    const total = Atomics.load(costs.words, index) + Atomics.load(costs.words, index + 1);
    if (total > 0 && (least === 0 || total < least)) [best, least] = [index, total];
  }
  return best;
}

/** Index of the first of the two words that hold a route's costs. */
const costsIn = ({ stride }: Table, slot: number, route: number): number => slot * stride + route * 2;

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
  const inFlight = block.words('workerRouteInFlight', slot);
  for (let route = 0; route < ROUTE_ROWS; route++) Atomics.store(inFlight, route, 0);
  leaveCosts(block.table('workerRouteCosts'), slot);
  block.words('workerAdmission', slot).fill(0);
}

/** Replaces what an earlier thread left there, which may be many reloads old. */
function leaveCosts(costs: Table, slot: number): void {
  for (let route = 0; route < ROUTE_ROWS; route++) {
    const own = costsIn(costs, slot, route);
    const measured = costs.words.subarray(own, own + 2);
    if (measured.every((cost) => cost === 0)) continue;
    costs.words.set(measured, costsIn(costs, ENDED, route));
    measured.fill(0);
  }
}
