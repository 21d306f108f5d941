import { expect } from 'chai';
import fc from 'fast-check';
import { Block } from '#src/memory/block.js';
import { SnapshotLog } from '#src/memory/snapshot-log.js';
import type { Endpoint } from '#src/registry/endpoint.js';
import { changesText, type EndpointChange, snapshotText } from '#src/registry/snapshot-text.js';
import { RegistryView } from '#src/upstream/registry-view.js';
import { endpoint } from './endpoints.js';

function setUp() {
  const log = new SnapshotLog(Block.create({ workers: 1 }));
  const published = new Map<string, Endpoint>();
  const source = {
    revision: 0,
    reads: 0,
    count: () => log.count(),
    read: (cursor: Parameters<SnapshotLog['read']>[0]) => {
      source.reads++;
      return log.read(cursor);
    },
  };
  const left: string[] = [];
  const view = new RegistryView(source, ({ id, host }) => left.push(`${id}@${host}`));
  const send = (...changes: readonly EndpointChange[]): void => {
    for (const change of changes) {
      if (change.type === 'put')
        published.set(`${change.endpoint.service} ${change.endpoint.id}`, change.endpoint);
      else published.delete(`${change.service} ${change.id}`);
    }
    const revision = `r-${++source.revision}`;
    const endpoints = (): readonly Endpoint[] => [...published.values()];
    log.publish(changesText({ revision, changes }), () => snapshotText({ revision, endpoints }));
  };
  /** Publishes what leads from the present endpoints to these. */
  const publish = (endpoints: readonly Endpoint[]): void => {
    const names = new Set(endpoints.map(({ service, id }) => `${service} ${id}`));
    const gone = [...published].filter(([name]) => !names.has(name));
    send(
      ...gone.map(([, { service, id }]) => ({ type: 'delete' as const, service, id })),
      ...endpoints
        .filter((one) => JSON.stringify(published.get(`${one.service} ${one.id}`)) !== JSON.stringify(one))
        .map((one) => ({ type: 'put' as const, endpoint: one })),
    );
  };
  return { source, view, publish, send, left, published };
}

/**
 * Calls the function on a full stack, and then on ever shorter ones, until it does not throw.
 */
function onAFullStack(call: () => void): void {
  let isDone = false;
  const deeper = (): void => {
    try {
      deeper();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
    if (isDone) return;
    try {
      call();
      isDone = true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  };
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0; // stack traces of many errors take seconds
  deeper();
  Error.stackTraceLimit = stackTraceLimit;
}

describe('the registry view of a worker', () => {
  it('reads a snapshot as a whole, or later when the stack is full', () => {
    const { view, publish, left } = setUp();
    publish([endpoint('a'), endpoint('b')]);
    view.refresh();
    publish([endpoint('b'), endpoint('c')]);
    let seen: readonly string[] = [];
    onAFullStack(() => {
      seen = view.endpoints('orders').map(({ id }) => id);
    });
    expect(seen).to.deep.equal(['b', 'c']);
    expect(view.endpoints('orders').map(({ id }) => id)).to.deep.equal(['b', 'c']);
    expect(left.map((one) => one.split('@')[0])).to.deep.equal(['a']);
  });

  it('is empty before the first snapshot', () => {
    const { view } = setUp();
    expect(view.endpoints('orders')).to.deep.equal([]);
    expect(view.revision).to.equal('');
  });

  it('returns the endpoints of a service for a protocol, in the order of their ids', () => {
    const { view, publish } = setUp();
    publish([
      endpoint('b'),
      endpoint('a'),
      endpoint('g', { protocol: 'grpc' }),
      endpoint('u', { service: 'users' }),
    ]);
    expect(view.endpoints('orders').map(({ id }) => id)).to.deep.equal(['a', 'b']);
    expect(view.endpoints('orders', 'grpc').map(({ id }) => id)).to.deep.equal(['g']);
    expect(view.endpoints('users').map(({ id }) => id)).to.deep.equal(['u']);
    expect(view.revision).to.equal('r-1');
  });

  it('reads a change once, and the list of a service keeps its identity until the next change of the service', () => {
    const { view, publish, source } = setUp();
    publish([endpoint('a'), endpoint('u', { service: 'users' })]);
    const list = view.endpoints('orders');
    expect(view.endpoints('orders')).to.equal(list);
    expect(source.reads).to.equal(1);
    publish([endpoint('a'), endpoint('u', { service: 'users', weight: 2 })]);
    expect(view.endpoints('orders')).to.equal(list);
    publish([endpoint('a', { weight: 2 }), endpoint('u', { service: 'users', weight: 2 })]);
    expect(view.endpoints('orders')).not.to.equal(list);
    expect(list[0]!.weight).to.equal(1);
  });

  it('shows what was published, however late it looks, and reports each endpoint that has left', () => {
    const step = fc.record({
      service: fc.constantFrom('orders', 'users'),
      id: fc.constantFrom('a', 'b', 'c', 'd'),
      protocol: fc.constantFrom('http' as const, 'grpc' as const),
      port: fc.integer({ min: 1, max: 3 }),
      isGone: fc.boolean(),
      looks: fc.boolean(),
      padding: fc.constantFrom(0, 0, 0, 30_000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { view, send, published, left } = setUp();
        let before: ReadonlyMap<string, Endpoint> = new Map();
        for (const { service, id, protocol, port, isGone, looks, padding } of steps) {
          const metadata = { p: 'x'.repeat(padding) };
          const one = endpoint(id, { service, protocol, port, metadata });
          send(isGone ? { type: 'delete', service, id } : { type: 'put', endpoint: one });
          if (!looks) continue;
          for (const name of ['orders', 'users']) {
            for (const over of ['http', 'grpc'] as const) {
              const expected = [...published.values()]
                .filter((each) => each.service === name && each.protocol === over)
                .toSorted((x, y) => (x.id < y.id ? -1 : 1));
              expect(view.endpoints(name, over)).to.deep.equal(expected);
            }
          }
          const moved = [...before].filter(([name, { port: last }]) => published.get(name)?.port !== last);
          // One that has moved and come back meanwhile may be reported as well.
          for (const [, gone] of moved) expect(left).to.include(`${gone.id}@${gone.host}`);
          left.length = 0;
          before = new Map(published);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('parses only changed endpoints: the others stay the same objects', () => {
    const { view, publish } = setUp();
    publish([endpoint('a'), endpoint('b')]);
    const [a, b] = view.endpoints('orders');
    publish([endpoint('a'), endpoint('b', { host: '127.0.0.9' }), endpoint('c')]);
    const after = view.endpoints('orders');
    expect(after.map(({ id, host }) => [id, host])).to.deep.equal([
      ['a', a!.host],
      ['b', '127.0.0.9'],
      ['c', a!.host],
    ]);
    expect(after[0]).to.equal(a);
    expect(after[1]).not.to.equal(b);
  });

  it('reports endpoints that have left, and those that have moved', () => {
    const { view, publish, left } = setUp();
    publish([endpoint('a'), endpoint('b'), endpoint('c')]);
    view.refresh();
    publish([endpoint('a', { state: 'unhealthy' }), endpoint('b', { host: '10.0.0.2' })]);
    view.refresh();
    expect(left).to.have.members(['b@127.0.0.1', 'c@127.0.0.1']);
  });

  it('does not confuse a service name with a member of a prototype', () => {
    const { view } = setUp();
    expect(view.endpoints('constructor')).to.deep.equal([]);
  });
});
