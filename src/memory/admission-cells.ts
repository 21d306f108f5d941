// Requests in flight, counted for the process and for each of its routes, and the overload that each thread
// publishes. All threads add to one word for the process. A route has one word per thread, so a request
// usually costs only one plain store more; the words are added up only when it has to be decided whether the
// route has more than its share.
import { cheapestOf, sumsOf } from './admission-usage.js';
import type { Table } from './area.js';
import type { Block } from './block.js';
import { ROUTE_ROWS, ROUTES } from './layout.js';
import { NameTable, shortened } from './name-table.js';
import { heldByThread, PermitLedger } from './permit-ledger.js';

/** One route, as one thread uses it. */
export interface RouteCells {
  /** Takes a permit. @returns the number of requests of the process that were in flight before this one */
  enter(): number;
  leave(): void;
  /**
   * Requests of this route in flight, in all threads. Routes without a row of their own are counted together.
   */
  readonly inFlight: number;
  /** A number that changes as long as requests of this route arrive at any thread. */
  readonly uses: number;
  /**
   * Notes that requests of this route have arrived at this thread, admitted or not. Call it once per window
   * of time in which there were some.
   */
  used(): void;
  /**
   * Milliseconds that a request costs up to its first wait: the least that a living thread has measured, or
   * else what the last ended thread had measured. 0: no thread has measured it.
   */
  readonly enteringMs: number;
  readonly leavingMs: number;
  publishCosts(enteringMs: number, leavingMs: number): void;
}

/**
 * The overload that one thread publishes. `owedMs` is the work that its admitted requests may still need,
 * `boundMs` the most that it accepts, and `holdMs` how long it delays a refusal.
 */
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

/** The row of all routes that find no row of their own. */
const OTHERS = ROUTES;
/** The ledger has one count, with this number. */
const REQUESTS = 0;
/**
 * The slot of the primary, which serves no routes: its row holds the costs that ended threads had measured.
 */
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
  readonly #namesOfRows: (string | undefined)[] = new Array(ROUTES).fill(undefined);
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
    // The routes that share the row differ, so the cost of one predicts nothing about another.
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

  /** The number of routes of this thread that have no row of their own and share one. */
  get sharing(): number {
    return this.#sharing;
  }

  /** Requests of the process in flight. */
  get inFlight(): number {
    return this.#ledger.held(REQUESTS);
  }

  /** The cells of a route. A route that finds no free row shares one with others. */
  routeOf(name: string): RouteCells {
    const row = this.#names.rowFor(name);
    if (row !== undefined) return this.#counted(row);
    this.#sharing++;
    return this.#others;
  }

  /** Publishes the overload of this thread. */
  publish({ isShedding, boundMs, owedMs, holdMs }: AdmissionState): void {
    const words = this.#state;
    words[0] = isShedding ? 1 : 0;
    words[1] = toMicroseconds(boundMs);
    words[2] = toMicroseconds(owedMs);
    words[3] = toMicroseconds(holdMs);
  }

  /** All routes that were mounted so far. */
  usage(): RouteUsage[] {
    const names = this.#allNames();
    const inFlight = sumsOf(this.#routes);
    const costsUs = cheapestOf(this.#costs);
    const routes = names.flatMap((name, row) =>
      name === undefined ? [] : [{ name, inFlight: inFlight[row]!, costMs: costsUs[row]! / 1000 }],
    );
    if (routes.length < ROUTES) return routes;
    return [...routes, { name: 'other routes', inFlight: inFlight[OTHERS]!, costMs: 0 }];
  }

  /**
   * Reads the requests in flight of all routes at once.
   * @returns a function from the name of a route that was mounted to their number; null: they are counted
   *   with those of other routes, and there are some
   */
  inFlightByRoute(): (name: string) => number | null {
    const inFlight = sumsOf(this.#routes);
    const rows = new Map(this.#allNames().map((name, row) => [name, row]));
    const shared = inFlight[OTHERS] === 0 ? 0 : null;
    return (name) => {
      const row = rows.get(shortened(name));
      return row === undefined ? shared : inFlight[row]!;
    };
  }

  /** The names by row. A row keeps its name for ever, so each is read only once. */
  #allNames(): readonly (string | undefined)[] {
    const names = this.#namesOfRows;
    for (let row = 0; row < ROUTES; row++) names[row] ??= this.#names.nameOf(row);
    return names;
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
      // The word of the route is written first, because the atomic addition after it is a fence: when two
      // threads admit requests of a route at the same time and add up its words, at least the later one sees
      // both requests.
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
 * Index of the lowest costs of a route that a living thread has measured; when there are none, of those that
 * an ended thread had measured.
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
 * Releases the permits of a worker that has ended and clears the overload that it published. The costs of its
 * routes are kept for new threads, for when no living thread has measured them. Call it when none of its code
 * can run any more.
 */
export function reclaimAdmission(block: Block, slot: number): void {
  admissionLedger(block, slot).reclaim();
  const inFlight = block.words('workerRouteInFlight', slot);
  for (let route = 0; route < ROUTE_ROWS; route++) Atomics.store(inFlight, route, 0);
  leaveCosts(block.table('workerRouteCosts'), slot);
  block.words('workerAdmission', slot).fill(0);
}

/**
 * Moves the costs that an ended thread had measured to the row of the primary. They replace those of an
 * earlier thread, which may be many reloads old.
 */
function leaveCosts(costs: Table, slot: number): void {
  for (let route = 0; route < ROUTE_ROWS; route++) {
    const own = costsIn(costs, slot, route);
    const measured = costs.words.subarray(own, own + 2);
    if (measured.every((cost) => cost === 0)) continue;
    costs.words.set(measured, costsIn(costs, ENDED, route));
    measured.fill(0);
  }
}
