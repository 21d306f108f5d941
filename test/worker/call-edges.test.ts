import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { SeriesTable } from '#src/memory/metrics/series.js';
import { SeriesMemory } from '#src/memory/metrics/series-memory.js';
import { readTotals } from '#src/memory/metrics/totals.js';
import { HedgeLostError } from '#src/resilience/hedge.js';
import { CallEdges, MOST_PAIRS } from '#src/worker/call-edges.js';

function setUp() {
  const memory = new SeriesMemory();
  const edges = new CallEdges(new SeriesTable(memory.of(1)).pool('calls'));
  const counted = (): string[] =>
    readTotals(memory)
      .series.map(({ labels: { from, to, target, outcome }, value }) =>
        [from, to, target, outcome, value].join(' '),
      )
      .sort();
  return { edges, counted };
}

describe('the counts of who calls whom', () => {
  it('tell apart caller, called service, kind of instance and outcome', () => {
    const { edges, counted } = setUp();
    const [users, orders] = [edges.from('users'), edges.from('orders')];
    users('orders', true).ended({ status: 200 });
    users('orders', true).ended({ status: 404 });
    users('orders', false).ended({ status: 503 });
    users('orders', false).ended({ error: new HttpError('NO_INSTANCE', 'none') });
    orders('users', true).ended({ status: 201 });
    expect(counted()).to.deep.equal([
      'orders users own ok 1',
      'users orders own ok 2',
      'users orders remote error 2',
    ]);
  });

  it('hold no attempt against a service that its caller has given up', () => {
    const { edges, counted } = setUp();
    const edge = edges.from('users')('orders', false);
    edge.ended({ error: new HedgeLostError() });
    edge.ended({ error: new HttpError('CLIENT_CLOSED', 'gone') });
    edge.ended({ error: new DOMException('aborted', 'AbortError') });
    edge.ended({ error: 'a text' });
    expect(counted()).to.deep.equal(['users orders remote cancelled 3', 'users orders remote error 1']);
  });

  it('are bounded, and lose no call of further services', () => {
    const { edges, counted } = setUp();
    const users = edges.from('users');
    for (let n = 0; n < 2 * MOST_PAIRS; n++) users(`s${n}`, false).ended({ status: 200 });
    for (let n = 0; n < 10; n++) edges.from('orders')('users', false).ended({ status: 500 });
    expect(counted()).to.have.length(MOST_PAIRS + 2);
    expect(counted()).to.include(`_OTHER _OTHER remote ok ${MOST_PAIRS}`);
    expect(counted()).to.include('_OTHER _OTHER remote error 10');
  });
});
