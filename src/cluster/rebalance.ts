// Orders workers with clearly more connections than their share to close the surplus, by the rule in
// surplus.ts. Each round writes two numbers into shared memory: how many connections a worker may close until
// the next round, and the number of open connections of the process above which no worker may close any. A
// worker closes connections after its next responses, which have `Connection: close`, so a client that
// respects it loses no request.
import type { Every } from '../grouped-interval.js';
import type { Block } from '../memory/block.js';
import { openConnections } from '../memory/open-connections.js';
import { SurplusOrders } from '../memory/surplus-cells.js';
import type { Sharding } from './sharding.js';
import { SurplusRule } from './surplus.js';
import type { WorkerThread } from './worker-thread.js';
import { isAlive } from './workers.js';

/** The length of a round. All times in surplus.ts are numbers of rounds. */
const ROUND_MS = 250;

type Thread = Pick<WorkerThread, 'slot' | 'state'>;

export interface RebalanceOptions {
  readonly supervisor: { readonly threads: readonly Thread[] };
  readonly block: Block;
  readonly sharding: Pick<Sharding, 'expect'>;
  readonly maxConnections: number;
}

/** @returns a function that does one round */
export function rebalanceRound(options: RebalanceOptions): () => void {
  const { supervisor, block, sharding, maxConnections } = options;
  const orders = new SurplusOrders(block);
  const open = openConnections(block);
  const rule = new SurplusRule(maxConnections);
  const closedBefore = new WeakMap<Thread, number>();
  let ordered = 0;

  /** Connections that a thread has closed by order since the last round. */
  const closedBy = (thread: Thread): number => {
    const now = orders.given(thread.slot);
    const closed = (now - (closedBefore.get(thread) ?? 0)) >>> 0;
    closedBefore.set(thread, now);
    return closed;
  };
  return () => {
    const living = supervisor.threads.filter(isAlive);
    const serving = living.filter(({ state }) => state.kind === 'ready');
    const holders = serving.map((thread) => ({ thread, connections: orders.connections(thread.slot) }));
    const closed = living.reduce((sum, thread) => sum + closedBy(thread), 0);
    const { closes, maxOpen } = rule.decide(holders, closed, open());
    const before = ordered;
    ordered = closes.reduce((sum, one) => sum + one, 0);
    // The connections are announced before their clients come back: in the first round with a surplus, and
    // while some were closed since the last round. When none was closed, the rest may be WebSockets and
    // streams, whose clients do not come back.
    if (ordered > 0 && (before === 0 || closed > 0)) sharding.expect(ordered);
    orders.closeUpTo(maxOpen);
    for (const thread of living) orders.order(thread.slot, closes[serving.indexOf(thread)] ?? 0);
  };
}

/** @returns a function that ends the rebalancing */
export function rebalance(options: RebalanceOptions, every: Every): () => void {
  return every(ROUND_MS, rebalanceRound(options));
}
