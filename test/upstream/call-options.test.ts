import { expect } from 'chai';
import type { CallOptions } from '#src/upstream/call.js';
import { checkCall } from '#src/upstream/call-options.js';

describe('the options of a call', () => {
  const refused: readonly (readonly [what: string, options: unknown, message: string])[] = [
    ['no object', 500, 'call: options must be an object such as { timeoutMs: 500 }, not 500'],
    ['a function', () => 1, 'not a function'],
    ['null', null, 'not null'],
    [
      'timeout',
      { timeout: 5 },
      'call: unknown option "timeout", did you mean "timeoutMs"? known are params, query, ',
    ],
    ['retires', { retires: 5 }, 'did you mean "retries"?'],
    ['singleflight', { singleflight: true }, 'did you mean "singleFlight"?'],
    ['maxConcurent', { maxConcurent: undefined }, 'did you mean "maxConcurrent"?'],
    ['a member of every object', { constructor: 1 }, 'unknown option "constructor"'],
    ...[-1, Number.NaN, '5', null, {}, 1n].flatMap((bad) =>
      ['timeoutMs', 'hedgeMs', 'retries', 'maxConcurrent'].map(
        (name) => [`${name} ${typeof bad}`, { [name]: bad }, `call: ${name} must be a`] as const,
      ),
    ),
    ['no retries by Infinity', { retries: Number.POSITIVE_INFINITY }, 'retries must be a whole number >= 0'],
    ['no permit', { maxConcurrent: 0 }, 'maxConcurrent must be a whole number >= 1, not 0'],
    ['singleFlight as text', { singleFlight: 'yes' }, 'singleFlight must be true or false, not "yes"'],
    ['a query as text', { query: 'a=b' }, 'query must be an object such as { page: 2 }'],
    ['a query of a class', { query: new Date(0) }, 'a URLSearchParams or a Map, not a Date'],
    ['no headers', { headers: null }, 'headers must be an object such as { accept'],
    [
      'an object as body',
      { body: { a: 1 } },
      'body must be a string, a Uint8Array, a stream or another async iterable (an object is sent as json), not',
    ],
    [
      'json that is a function',
      { json: () => 1 },
      'json must be a value that JSON can write, not a function',
    ],
    ['a numeric key', { idempotencyKey: 7 }, 'idempotencyKey must be a string, not 7'],
    [
      'a controller',
      { signal: new AbortController() },
      'signal must be an AbortSignal, not a AbortController',
    ],
  ];

  for (const [what, options, message] of refused) {
    it(`are refused: ${what}`, () => {
      expect(() => checkCall(options as CallOptions)).to.throw(TypeError, message);
    });
  }

  it('may be any documented value of any size, or undefined', () => {
    for (const timeoutMs of [0, 0.5, 1e12, Number.POSITIVE_INFINITY, undefined]) {
      checkCall({
        timeoutMs,
        hedgeMs: 2 ** 40,
        retries: 0,
        maxConcurrent: 1e9,
        singleFlight: false,
      } as CallOptions);
    }
    for (const pairs of [
      new URLSearchParams('a=1'),
      new Map([['a', '1']]),
      [['a', '1']],
      Object.create(null),
    ]) {
      checkCall({
        query: pairs,
        headers: pairs,
        json: null,
        signal: new AbortController().signal,
      } as CallOptions);
    }
    checkCall({ body: Buffer.from('x'), idempotencyKey: 'k', headers: new Headers() });
  });
});
