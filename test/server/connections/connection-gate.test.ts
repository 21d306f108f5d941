import { expect } from 'chai';
import { addressKeys } from '#src/memory/address-cells.js';
import { Block } from '#src/memory/block.js';
import { ConnectionCensus } from '#src/memory/connection-shares.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { readConnections } from '#src/memory/open-connections.js';
import { SurplusOrders } from '#src/memory/surplus-cells.js';
import { connectionGate } from '#src/server/connections/connection-gate.js';
import type { ConnectionGate } from '#src/server/http-core.js';

const MOST = 1000;
const [A, B, C] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;

describe('the connection gate', () => {
  let block: Block;
  let series: SeriesMemory;
  let gate: ConnectionGate;
  let census: ConnectionCensus;
  let asked: Int32Array;
  beforeEach(() => {
    block = Block.create({ workers: 1 });
    series = new SeriesMemory();
    gate = connectionGate(block, 1, MOST, new SeriesTable(series.of(1)));
    census = new ConnectionCensus(block);
    asked = block.words('connectionCensusAsked');
  });

  /** How many of the connections of an address are admitted. */
  const open = (address: string, count: number): number => {
    let admitted = 0;
    for (let n = 0; n < count; n++) if (gate.enter(() => address)) admitted++;
    return admitted;
  };
  const count = (held: Readonly<Record<string, number>>): void => {
    const keyOf = addressKeys(block);
    census.begin();
    census.publish(Object.entries(held).map(([address, connections]) => [keyOf(address), connections]));
  };

  it('refuses an address with exactly half of MAX_CONNECTIONS, once exactly nine tenths are open', () => {
    expect(open(A, 600)).to.equal(600);
    expect(open(B, 299)).to.equal(299);
    expect(open(A, 1)).to.equal(1);
    expect(readConnections(block)).to.equal(900);
    expect(open(A, 1)).to.equal(0);
    count({ [A]: 499, [B]: 401 });
    expect(open(A, 2)).to.equal(1);
    expect(open(B, 200)).to.equal(99);
    expect(readConnections(block)).to.equal(MOST);
    expect(open(C, 1)).to.equal(0);
  });

  it('requests a count from three quarters on, for an address with half of its share', () => {
    open(A, 400);
    open(B, 349);
    open(A, 1);
    expect(asked[0]).to.equal(0);
    open(A, 1);
    expect(asked[0]).to.equal(1);
    count({ [A]: 402, [B]: 349 });
    for (let n = 0; n < 2; n++) gate.leave();
    expect(open(C, 250)).to.equal(250);
    expect(asked[0]).to.equal(0);
    open(C, 1);
    expect(asked[0]).to.equal(1);
  });

  it('never refuses an address with one connection at a time when requested counts are made', () => {
    open(A, 455);
    open(B, 455);
    for (let n = 0; n < 20 * MOST; n++) {
      expect(open(C, 1)).to.equal(1);
      gate.leave();
      if (asked[0] === 1) count({ [A]: 455, [B]: 455 });
    }
  });

  it('closes as many connections as the primary has ordered, and counts them', () => {
    new SurplusOrders(block).order(1, 2);
    expect([1, 2, 3].map(() => gate.givesUp())).to.deep.equal([true, true, false]);
    const { series: all } = readTotals(series);
    const counted = all.find(({ metric }) => metric === 'multilane_rebalance_connections_closed_total');
    expect(counted?.value).to.equal(2);
  });
});
