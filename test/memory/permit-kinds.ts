// All kinds of permits, with a common interface for the tests of killed threads.
import { AdmissionCells, readInFlight, reclaimAdmission } from '#src/memory/admission-cells.js';
import type { Area } from '#src/memory/area.js';
import type { Block } from '#src/memory/block.js';
import { BreakerCells, REFUSED } from '#src/memory/breaker/breaker-cell.js';
import { BreakerWords } from '#src/memory/breaker/breaker-word.js';
import { BulkheadCells, reclaimBulkheads, settleBulkheads } from '#src/memory/bulkhead-cells.js';
import { EndpointCells } from '#src/memory/endpoint-cells.js';
import { Connections, readConnections, reclaimConnections } from '#src/memory/open-connections.js';
import { permitCensus } from '#src/memory/permit-census.js';
import { ProbePermits } from '#src/memory/probe-permits.js';
import { QuotaCells, reclaimQuotas } from '#src/memory/quota-cells.js';

/** Permits of one kind, which a thread takes and releases one by one. */
export interface Holder {
  /** @returns false when none is left */
  take(): boolean;
  give(): void;
}

export interface PermitKind<A extends Area = Block> {
  readonly name: string;
  readonly isBounded: boolean;
  /**
   * Whether the words of a thread show an operation as completed when it is interrupted at the given moment.
   */
  isThrough(operation: 'take' | 'give', moment: number, moments: number): boolean;
  /** Prepares a case: a breaker must be half-open. */
  begin(area: A): void;
  /** @param most bound of all threads, which some kinds do not have */
  of(area: A, slot: number, most?: number): Holder;
  held(area: A): number;
  reclaim(area: A, slot: number): void;
  /** Runs each pending census, as the thread of slot 0. @returns how many are still pending */
  settle(area: A): number;
}

/** More than any test holds. */
const MOST = 1_000;
/** Units of a quota that one operation takes. */
const UNITS = 3;
const ENDPOINT = 7;
const RULE = { trips: () => true, openMs: 10, probes: 15, probeMs: 3_600_000 };
const clock = { now: 0 };
const breakersOf = (area: Area, slot: number, most = RULE.probes) =>
  new BreakerCells(area, slot, { ...RULE, probes: most }, () => clock.now);
/** `take` is completed by its last step, `give` by its first step, which is a plain store. */
const inLedger = (operation: 'take' | 'give', moment: number, moments: number): boolean =>
  operation === 'give' || moment === moments - 1;
const inBlock = { begin: () => undefined, settle: (block: Block) => permitCensus(block)() };

export const bulkhead: PermitKind<Area> = {
  name: 'permit of a bulkhead',
  isBounded: true,
  isThrough: inLedger,
  begin: () => undefined,
  of(area, slot, most = MOST) {
    const permits = new BulkheadCells(area, slot).of('a');
    return { take: () => permits.enter(most), give: () => permits.leave() };
  },
  held: (area) => new BulkheadCells(area, 0).of('a').held,
  reclaim: reclaimBulkheads,
  settle: (area) => settleBulkheads(area, 0),
};

/** @param row of the breaker tables */
export function probes(outcome: 'success' | 'ignored', row: number): PermitKind<Area> {
  return {
    name: `probe of a breaker (${outcome})`,
    isBounded: true,
    /**
     * The operations are completed by the last step but one of `take` and by the second one of `give`, each
     * with a moment before and one after it.
     */
    isThrough: (operation, moment, moments) => moment >= (operation === 'take' ? moments - 3 : 3),
    begin(area) {
      const breakers = breakersOf(area, 0);
      breakers.reset(row);
      breakers.settle(row, breakers.admit(row), 'failure');
      clock.now += RULE.openMs;
      breakers.state(row);
    },
    of(area, slot, most) {
      const cells = breakersOf(area, slot, most);
      const tickets: number[] = [];
      return {
        take() {
          const ticket = cells.admit(row);
          if (ticket === REFUSED) return false;
          tickets.push(ticket);
          return true;
        },
        give: () => cells.settle(row, tickets.pop()!, outcome),
      };
    },
    held(area) {
      const state = breakersOf(area, 0).state(row);
      return state.state === 'half-open' ? state.taken - state.succeeded : Number.NaN;
    },
    reclaim: (area, slot) => breakersOf(area, 0).reclaim(slot),
    settle: (area) => new ProbePermits(area, 0, new BreakerWords(area)).settle(),
  };
}

/** Outcomes of probes except success, after which the breaker closes. */
export const LASTING_KINDS: readonly PermitKind[] = [
  {
    ...inBlock,
    name: 'request in flight',
    isBounded: false,
    isThrough: inLedger,
    of(block, slot) {
      const route = new AdmissionCells(block, slot).routeOf('a');
      return { take: () => route.enter() >= 0, give: () => route.leave() };
    },
    held: readInFlight,
    reclaim: reclaimAdmission,
  },
  {
    ...inBlock,
    name: 'connection',
    isBounded: true,
    isThrough: inLedger,
    of(block, slot, most = MOST) {
      const connections = new Connections(block, slot, most);
      return { take: () => connections.enter(), give: () => connections.leave() };
    },
    held: readConnections,
    reclaim: reclaimConnections,
  },
  {
    ...inBlock,
    name: 'units of a quota',
    isBounded: true,
    isThrough: inLedger,
    of(block, slot, most = MOST) {
      const quota = new QuotaCells(block, slot, 'streams');
      return { take: () => quota.take(UNITS, UNITS * most), give: () => quota.give(UNITS) };
    },
    held: (block) => new QuotaCells(block, 0, 'streams').held / UNITS,
    reclaim: reclaimQuotas,
  },
  {
    ...inBlock,
    name: 'call of an endpoint',
    isBounded: false,
    isThrough: inLedger,
    of(block, slot) {
      const load = new EndpointCells(block, slot, () => 0);
      return {
        take() {
          load.begin(ENDPOINT);
          return true;
        },
        give: () => load.end(ENDPOINT),
      };
    },
    held: (block) => new EndpointCells(block, 0, () => 0).inFlight(ENDPOINT),
    reclaim: (block, slot) => new EndpointCells(block, 0, () => 0).reclaim(slot),
  },
  { ...bulkhead, settle: inBlock.settle },
  { ...probes('ignored', 9), settle: inBlock.settle },
];

export const PERMIT_KINDS: readonly PermitKind[] = [
  ...LASTING_KINDS,
  { ...probes('success', 9), settle: inBlock.settle },
];
