// What code of services does with `Headers`, and what it finds then: the same with the class of Node.js and
// with ours. Each function gets a request with the fields `x-a: 1`, `x-b: 2` and `cookie: c=1`.
import { inspect } from 'node:util';

const filled = (): Headers => new Headers({ 'X-B': ' two ', 'x-a': '1', 'set-cookie': 's=1' });
const mine = ({ headers }: { readonly headers: Headers }): [string, string][] =>
  [...headers].filter(([name]) => /^x-|cookie/.test(name));

/** The name of the error that each attempt throws, or what it returns. */
const attempts = (...all: readonly (() => unknown)[]): unknown[] =>
  all.map((attempt) => {
    try {
      return String(attempt());
    } catch (error) {
      return (error as Error).name;
    }
  });

export const HEADERS: Readonly<Record<string, (request: Request) => unknown>> = {
  'made of a record': () => [...filled()],
  'made of a list': () => [
    ...new Headers([
      ['x-b', '1'],
      ['X-B', '2'],
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['set-cookie', 's=1'],
      ['set-cookie', 't=2'],
    ]),
  ],
  'made of a map': () => [...new Headers(new Map([['x-a', '1']]) as never)],
  'made of others': () => {
    const [first, second] = [filled(), new Headers(filled())];
    first.set('x-a', 'changed');
    return [[...second], [...new Headers(new Headers(first))]];
  },
  'made of those of a response': async () => {
    const response = new Response('x', { headers: filled() });
    return [...new Headers(response.headers)];
  },
  'made of nothing': () =>
    attempts(
      () => [...new Headers()],
      () => [...new Headers(undefined)],
    ),
  'made of a record with a symbol': () =>
    attempts(() => [...new Headers({ 'x-a': '1', [Symbol('s')]: '2' } as never)]),
  'made of odd records and lists': () => {
    const pair = Object.assign(['x-a', '1'], {
      *[Symbol.iterator]() {
        yield* ['x-b', '2'];
      },
    });
    const list = Object.assign([['x-a', '1']], {
      *[Symbol.iterator]() {
        yield ['x-b', '2'];
      },
    });
    const hidden = Object.defineProperty({ 'x-a': '1' }, 'x-b', { value: '2', configurable: true });
    class Inherits {
      readonly 'x-a' = '1';
      get 'x-b'(): string {
        return '2';
      }
    }
    const inits: readonly (() => unknown)[] = [
      () => Object.create({ [Symbol.iterator]: undefined }, { 'x-a': { value: '1' } }),
      () => hidden,
      () => new Proxy(hidden, {}),
      () => new Proxy({ 'x-a': '1' }, {}),
      () => new Proxy([['x-a', '1']], {}),
      () => new Inherits(),
      () => Object.create({ 'x-a': '1' }),
      () => [pair],
      () => list,
      () => [['x-b', 5], pair],
      () => [new Set(['x-a', '1'])],
      () => ['ab'],
      () => [
        ['x-c', 5],
        ['x-a', 'a\nb'],
      ],
      () => ({ 'X-A': '1', 'x-a': 5, 'x-A': '3', cookie: 'a', Cookie: 'b' }),
      () => ({ 'x-a': '1', 'bad name': '2' }),
    ];
    return inits.map((init) =>
      attempts(
        () => JSON.stringify([...new Headers(init() as never)]),
        () => JSON.stringify([...new Response(null, { headers: init() as never }).headers]),
        () => JSON.stringify([...Response.json('', { headers: init() as never }).headers]),
      ),
    );
  },
  'made of members and iterators that are read once': () => {
    const reads: string[] = [];
    const values: Readonly<Record<string, unknown>> = { plain: 'one', bad: '\u0100', odd: 5, padded: ' p ' };
    const inits = Object.entries(values).flatMap(([kind, value]) => {
      const record = {};
      for (const name of ['x-a', 'x-b']) {
        const get = (): unknown => {
          reads.push(`${kind} ${name}`);
          return reads.filter((read) => read === `${kind} ${name}`).length % 3 === 1 ? value : 'later';
        };
        Object.defineProperty(record, name, { get, enumerable: true });
      }
      function* pairs(): Generator<unknown> {
        reads.push(`${kind} pairs`);
        yield ['x-a', 'one'];
        yield ['x-b', value];
      }
      return [
        record,
        {
          get [Symbol.iterator]() {
            reads.push(kind);
            return pairs;
          },
        },
      ];
    });
    const made = inits.map((init) =>
      attempts(
        () => JSON.stringify([...new Headers(init as never)]),
        () => JSON.stringify([...new Response(null, { headers: init as never }).headers]),
        () => JSON.stringify([...new Response(new Blob(['x']), { headers: init as never }).headers]),
      ),
    );
    return [made, reads];
  },
  'are read': () => {
    const headers = filled();
    return [
      headers.get('X-A'),
      headers.get('x-none'),
      headers.has('X-b'),
      headers.has('x-none'),
      headers.get('set-cookie'),
      headers.getSetCookie(),
    ];
  },
  'are changed': () => {
    const headers = filled();
    headers.append('x-a', '2');
    headers.append('Set-Cookie', 't=2');
    headers.set('X-B', '3');
    headers.delete('x-none');
    const before = [...headers];
    headers.set('set-cookie', 'u=3');
    headers.delete('X-A');
    return [before, [...headers], headers.get('set-cookie')];
  },
  'are listed in parts': () => {
    const headers = filled();
    const seen: unknown[] = [];
    headers.forEach(function (this: unknown, value, name, all) {
      seen.push([value, name, all === headers, this]);
    }, 'this');
    return [seen, [...headers.keys()], [...headers.values()], [...headers.entries()]];
  },
  'are changed while they are listed': () => {
    const headers = new Headers({ a: '1', b: '2', c: '3', d: '4' });
    const seen: string[] = [];
    for (const [name] of headers) {
      seen.push(name);
      if (name === 'a') headers.delete('b');
      if (name === 'c') headers.append('e', '5');
    }
    return seen;
  },
  'are sorted by code units': () => [
    ...new Headers({ 'x-b': '1', 'x-': '2', 'x-a_': '3', '!a': '4' }).keys(),
  ],
  'have the values of a field in the order in which they were added': () => {
    const headers = new Headers();
    for (const value of ['b', 'a', 'c']) headers.append('x-a', value);
    return headers.get('x-a');
  },
  'convert values': () => [
    ...new Headers([
      ['x-a', 5 as never],
      ['x-b', null as never],
      ['x-c', '\t padded \r\n'],
      ['x-d', 'caf\xe9'],
    ]),
  ],
  'go on after a value that was converted': () => {
    const headers = filled();
    headers.set('x-n', 7 as never);
    headers.append('x-a', '2');
    headers.delete('x-b');
    return [[...headers], headers.get('x-n'), headers.has('x-b'), headers.getSetCookie()];
  },
  refuse: () =>
    attempts(
      () => new Headers(null as never),
      () => new Headers('x-a' as never),
      () => new Headers([['x-a']] as never),
      () => new Headers([['x-a', '1', '2']] as never),
      () => new Headers({ 'bad name': '1' }),
      () => new Headers({ 'x-a': 'a\nb' }),
      () => new Headers({ 'x-a': '\u0100' }),
      () => filled().set('', '1'),
      () => filled().append('x-a', 'a\0b'),
      () => filled().get('bad name'),
      () => filled().has(''),
      () => filled().delete('bad name'),
      () => filled().forEach('no function' as never),
      ...(['get', 'has', 'delete', 'set', 'append', 'forEach'] as const).map((method) => () => {
        const headers = filled();
        return Reflect.apply(headers[method], headers, []);
      }),
      () => Reflect.apply(filled().set, filled(), ['x-a']),
      () => Reflect.apply(filled().append, filled(), ['x-a']),
      () => filled().get(undefined as never),
      () => filled().set('x-a', undefined as never),
      () => Reflect.apply(Headers.prototype.get, {}, ['x-a']),
      () => Reflect.apply(Headers.prototype.entries, {}, []),
      () => [...new Proxy(filled(), {})],
    ),
  'of one class': ({ headers }) => {
    class Own extends Headers {}
    Object.defineProperty(Own.prototype, 'get', {
      value(name: string): string {
        return `own ${Reflect.apply(Headers.prototype.get, this, [name])}`;
      },
    });
    const own = new Own({ 'x-a': '1' });
    return [
      headers instanceof Headers,
      filled() instanceof Headers,
      new Response('').headers instanceof Headers,
      new Request('http://a/').headers instanceof Headers,
      new FormData() instanceof Headers,
      filled() instanceof Own,
      own instanceof Headers,
      own.get('x-a'),
      [...new Headers(own)],
      filled().constructor === Headers,
      Headers.name,
      Object.prototype.toString.call(headers),
      Headers.prototype[Symbol.iterator] === Headers.prototype.entries,
      Object.keys(headers),
      inspect(new Headers({ 'x-a': '1' })),
    ];
  },
  'with an iterator of their own': () => {
    const headers = new Headers({ 'x-a': '1' });
    const pairs = [['x-b', '2']];
    Object.defineProperty(headers, Symbol.iterator, { value: () => pairs[Symbol.iterator]() });
    return [[...new Headers(headers)], mine(new Response('', { headers }))];
  },
  'which of their members are listed': () => {
    const names: string[] = [];
    for (const name in new Headers()) names.push(name);
    return names.sort();
  },
  'of a request, listed': (request) => [mine(request), [...request.headers.keys()].includes('host')],
  'of a request, made once more': (request) => {
    const copy = new Headers(request.headers);
    copy.set('x-a', 'changed');
    return [copy.get('x-a'), request.headers.get('x-a'), mine({ headers: copy })];
  },
  'of a request that is made of them': ({ headers }) => {
    const request = new Request('http://a/', { headers });
    return mine(request);
  },
  'of many fields': () => {
    const many = Array.from({ length: 200 }, (_, at): [string, string] => [`x-${at}`, `${at}`]);
    const first = new Headers(many);
    const second = new Headers();
    for (const [name, value] of many) second.append(name, value);
    const third = new Headers();
    for (const [name, value] of many) third.set(name, value);
    for (const headers of [first, second, third]) {
      headers.set('x-1', 'changed');
      headers.append('X-199', 'more');
      headers.delete('x-100');
      for (const cookie of ['s=1', 't=2']) headers.append('set-cookie', cookie);
    }
    const copy = new Headers(second);
    copy.set('x-2', 'changed');
    const sent = new Response('', { headers: Object.fromEntries(many) });
    sent.headers.set('x-3', 'changed');
    return [[...first], [...second], [...third], [...copy], [...sent.clone().headers], first.getSetCookie()];
  },
  'that are frozen': () => {
    const headers = Object.freeze(filled());
    headers.set('x-a', '2');
    return [...headers];
  },
  'of responses that are sent': () => {
    const first = new Response('x', { headers: filled() });
    first.headers.append('x-c', '3');
    const second = new Response(first.body, first);
    first.headers.set('x-c', '4');
    return [mine(first), mine(second), mine(second.clone())];
  },
  'of a redirect': () =>
    attempts(
      () => Response.redirect('http://a/', 302).headers.set('x-a', '1'),
      () => Response.error().headers.append('x-a', '1'),
      () => Response.json({}).headers.set('x-a', '1'),
    ),
};
