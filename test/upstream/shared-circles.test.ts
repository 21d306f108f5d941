// Shared calls whose handlers share calls themselves.
import { expect } from 'chai';
import type { SharedWork } from '#src/scope.js';
import type { CallResponse } from '#src/upstream/call.js';
import { SharedCircleError } from '#src/upstream/shared-circle.js';
import { SingleFlight } from '#src/upstream/single-flight.js';
import { jsonResponse } from './endpoints.js';

/**
 * Calls between handlers: each makes the calls that are given for its key, and responds when they have ended.
 */
function handlers(callsOf: Readonly<Record<string, readonly string[]>>) {
  const unshared = { claim: () => 0, isHeld: () => true, release: () => undefined };
  const singleFlight = new SingleFlight(unshared, { receive: () => undefined, send: () => undefined });
  const made: string[] = [];
  const call = (key: string, within?: SharedWork): Promise<CallResponse> => {
    const make = async (_signal: unknown, _holds: unknown, work: SharedWork): Promise<CallResponse> => {
      made.push(key);
      // Callers of the same turn are all waiting when the first handler calls.
      await new Promise((resolve) => setImmediate(resolve));
      await Promise.all((callsOf[key] ?? []).map((next) => call(next, work)));
      return jsonResponse(200);
    };
    return singleFlight.run(key, make, new AbortController().signal, () => undefined, within);
  };
  return { call, made };
}

const endOf = (call: Promise<CallResponse>): Promise<unknown> =>
  call.then(
    ({ status }) => status,
    (error: unknown) => error,
  );

describe('a shared call in a circle', () => {
  const circles: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
    'makes the same call': { a: ['a'] },
    'shares a call that shares the first': { a: ['b'], b: ['a'] },
    'does so beside others, which end': { a: ['c', 'b'], b: ['c', 'd'], c: [], d: ['c', 'a'] },
  };
  for (const [what, calls] of Object.entries(circles)) {
    it(`fails at once with a clear error when its handler ${what}`, async () => {
      const { call } = handlers(calls);
      expect(await endOf(call('a')))
        .to.be.instanceOf(SharedCircleError)
        .with.property('code', 'INTERNAL');
    });
  }

  it('fails also when both calls of the circle were begun by others', async () => {
    const { call, made } = handlers({ a: ['b'], b: ['a'] });
    const ends = await Promise.all([endOf(call('a')), endOf(call('b'))]);
    for (const end of ends) expect(end).to.be.instanceOf(Error).with.property('code', 'INTERNAL');
    expect(made).to.deep.equal(['a', 'b']);
  });

  it('is none where calls only share what another one has begun, or repeat what has ended', async () => {
    const { call, made } = handlers({ a: ['c', 'b'], b: ['c'], c: [] });
    expect(await Promise.all([endOf(call('a')), endOf(call('b')), endOf(call('c'))])).to.deep.equal([
      200, 200, 200,
    ]);
    expect(made).to.deep.equal(['a', 'b', 'c']);
    expect(await endOf(call('a'))).to.equal(200);
  });
});
