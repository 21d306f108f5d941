import { expect } from 'chai';
import type { Endpoint } from '#src/registry/endpoint.js';
import { snapshotText } from '#src/registry/snapshot-text.js';
import { RegistryView } from '#src/upstream/registry-view.js';
import { endpoint } from './endpoints.js';

function setUp() {
  const source = { current: 0, text: '', reads: 0 };
  const left: string[] = [];
  const view = new RegistryView(
    {
      version: () => source.current,
      read: () => {
        source.reads++;
        return { version: source.current, text: source.text };
      },
    },
    ({ id, host }) => left.push(`${id}@${host}`),
  );
  const publish = (endpoints: readonly Endpoint[]): void => {
    source.current += 2;
    source.text = snapshotText({ revision: `r-${source.current}`, endpoints });
  };
  return { source, view, publish, left };
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
    expect(view.revision).to.equal('r-2');
  });

  it('reads a snapshot once, and a list keeps its identity until the next one', () => {
    const { view, publish, source } = setUp();
    publish([endpoint('a')]);
    const list = view.endpoints('orders');
    expect(view.endpoints('orders')).to.equal(list);
    expect(source.reads).to.equal(1);
    publish([endpoint('a')]);
    expect(view.endpoints('orders')).not.to.equal(list);
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
    expect(left).to.deep.equal(['b@127.0.0.1', 'c@127.0.0.1']);
  });

  it('does not confuse a service name with a member of a prototype', () => {
    const { view } = setUp();
    expect(view.endpoints('constructor')).to.deep.equal([]);
  });
});
