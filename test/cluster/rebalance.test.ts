import { expect } from 'chai';
import { rebalanceRound } from '#src/cluster/rebalance.js';
import type { WorkerState } from '#src/cluster/worker-life.js';
import { Block } from '#src/memory/block.js';
import { Connections } from '#src/memory/open-connections.js';
import { Surplus } from '#src/memory/surplus-cells.js';

interface Thread {
  readonly slot: number;
  state: WorkerState;
}

const ready = (slot: number): WorkerState => ({ kind: 'ready', descriptor: { slot, app: undefined } });
const draining: WorkerState = { kind: 'draining', reason: 'drained' };
/** The number of rounds after which connections count as long-lived. */
const LOOKS = 4;

describe('the orders to workers with a surplus of connections', () => {
  let block: Block;
  let threads: Thread[];
  let expected: number[];
  let look: () => void;

  beforeEach(() => {
    block = Block.create({ workers: 4 });
    threads = [];
    expected = [];
    look = rebalanceRound({
      supervisor: { threads },
      block,
      sharding: { expect: (connections) => expected.push(connections) },
      maxConnections: 10_000,
    });
  });

  const add = (slot: number, connections: number, state = ready(slot)): Thread => {
    const thread = { slot, state };
    threads.push(thread);
    open(slot, connections);
    return thread;
  };
  const open = (slot: number, connections: number): void => {
    const gate = new Connections(block, slot, 10_000);
    for (let n = 0; n < connections; n++) gate.enter();
  };
  /** Closes the connections that a worker may close, and opens as many at other workers. */
  const move = (from: number, to: number): number => {
    const surplus = new Surplus(block, from);
    const connections = new Connections(block, from, 10_000);
    let moved = 0;
    while (surplus.take()) {
      connections.leave();
      moved++;
    }
    open(to, moved);
    return moved;
  };
  const isToldToClose = (slot: number): boolean => new Surplus(block, slot).take();

  it('let the crowded worker close a part in each round, and announce the connections to the others before', () => {
    add(1, 40);
    add(2, 0);
    for (let n = 0; n < LOOKS; n++) look();
    expect(expected).to.deep.equal([10]);
    expect(move(1, 2)).to.equal(10);
    look();
    expect(move(1, 2)).to.equal(10);
    look();
    expect([move(1, 2), move(2, 1)]).to.deep.equal([0, 0]);
    expect(expected).to.deep.equal([10, 10]);
  });

  it('are withdrawn when they were not carried out while they were right', () => {
    add(1, 40);
    add(2, 0);
    for (let n = 0; n < LOOKS; n++) look();
    open(2, 40);
    look();
    expect(isToldToClose(1)).to.equal(false);
  });

  it('announce no connections while none are closed', () => {
    add(1, 40);
    add(2, 0);
    for (let n = 0; n < 10 * LOOKS; n++) look();
    expect(expected).to.deep.equal([10]);
    expect(isToldToClose(1), 'it still may').to.equal(true);
  });

  for (const [what, state] of [
    ['starts', { kind: 'starting' }],
    ['drains', draining],
    ['is stalled', { kind: 'stalled', before: { kind: 'ready', descriptor: { slot: 2, app: undefined } } }],
    ['is wedged', { kind: 'wedged', before: draining }],
    ['wants to leave', { kind: 'leaving', reason: 'stalled' }],
    ['has ended', { kind: 'dead', reason: 'drained' }],
  ] as const) {
    it(`exclude a worker that ${what}, whether it has many connections or none`, () => {
      add(1, 40);
      add(2, 0, state);
      for (let n = 0; n < LOOKS; n++) look();
      expect([isToldToClose(1), isToldToClose(2)]).to.deep.equal([false, false]);
      add(3, 40);
      open(2, 200);
      for (let n = 0; n < LOOKS; n++) look();
      expect([1, 2, 3].map(isToldToClose)).to.deep.equal([false, false, false]);
      expect(expected).to.deep.equal([]);
    });
  }

  it('are withdrawn from a worker that has stalled since then', () => {
    const crowded = add(1, 40);
    add(2, 0);
    for (let n = 0; n < LOOKS; n++) look();
    crowded.state = {
      kind: 'stalled',
      before: { kind: 'ready', descriptor: { slot: 1, app: undefined } },
    };
    look();
    expect(isToldToClose(1)).to.equal(false);
  });
});
