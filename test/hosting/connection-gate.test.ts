import { expect } from 'chai';
import { connectionGate } from '#src/hosting/connection-gate.js';
import { addressKeys } from '#src/memory/address-cells.js';
import { Block } from '#src/memory/block.js';
import { ConnectionCensus } from '#src/memory/connection-shares.js';
import { readConnections } from '#src/memory/connections.js';
import { SeriesTable } from '#src/memory/series.js';
import type { ConnectionGate } from '#src/server/uws.js';

const MOST = 1000;
const [A, B, C] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'] as const;

describe('the gate of connections', () => {
  let block: Block;
  let gate: ConnectionGate;
  let census: ConnectionCensus;
  beforeEach(() => {
    block = Block.create({ workers: 1 });
    gate = connectionGate(block, 1, MOST, new SeriesTable(block, 1));
    census = new ConnectionCensus(block);
  });

  /** How many of so many connections of an address are admitted. */
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

  it('refuses an address with half of them, exactly, once exactly nine tenths are open', () => {
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
});
