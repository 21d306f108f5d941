import { expect } from 'chai';
import { createLogger } from '#src/telemetry/log.js';
import { thrownText, valueText } from '#src/telemetry/log-redact.js';
import type { LogSink } from '#src/telemetry/log-sink.js';

/** Bytes of a line: far less than an unbounded line, far more than a bounded one. */
const MOST_BYTES = 100_000;
/** The most properties that one line may read. */
const MOST_READS = 10_000;

function capture() {
  const texts: string[] = [];
  const sink: LogSink = { write: (line, shape) => void texts.push(shape(line)), flush: () => {} };
  const log = createLogger({ logLevel: 'info', logFormat: 'json' }, {}, sink);
  return { log, texts };
}

const carrying = (entity: unknown): Error => Object.assign(new Error('entity'), { entity });

/** A graph in which every node refers to every node. */
function connected(count: number): object {
  const nodes: { all?: object }[] = Array.from({ length: count }, () => ({}));
  for (const node of nodes) node.all = nodes;
  return nodes[0]!;
}

/** An object whose properties are such objects again, without end. Reading too many of them throws. */
function endless(reads = { count: 0 }): object {
  return new Proxy(
    { a: 0, b: 0, c: 0 },
    {
      get(_target, name) {
        if (typeof name === 'symbol' || name === 'toJSON') return undefined;
        if (++reads.count > MOST_READS) throw new Error('read too much');
        return endless(reads);
      },
    },
  );
}

function caused(count: number): Error {
  let error = new Error('the first');
  for (let n = 1; n < count; n++) error = new Error(`cause ${n}`, { cause: error });
  return error;
}

function deep(count: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 0;
  for (let n = 0; n < count; n++) value = wrap(value);
  return value;
}

/** An object whose JSON form contains such an object again. */
const showingItself = (): object => ({ toJSON: showingItself });
const boxed = (): object => Object.assign(new String('a'), { valueOf: boxed });
/** Looks like the Headers of fetch, and has an endless number of fields. */
const headers = (): object => ({
  [Symbol.toStringTag]: 'Headers',
  *[Symbol.iterator]() {
    for (;;) yield ['name', 'value'];
  },
});

const long = (): string => 'm'.repeat(20_000_000);
const wide = (count: number): object =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, n]));
const sparse = (): unknown[] => Object.assign([], { length: 200_000_000 });

describe('a log line', () => {
  const large: Readonly<Record<string, () => unknown>> = {
    'objects that refer to each other': () => carrying(connected(40)),
    'objects without end': () => carrying(endless()),
    'a set without end': () => carrying(new Map([[endless(), endless()]])),
    'causes without end': () => caused(20_000),
    'many errors': () =>
      new AggregateError(
        Array.from({ length: 2_000 }, () => caused(5)),
        'all',
      ),
    'a long message': () => new Error(long()),
    'a long text': () => carrying(long()),
    'many texts': () => carrying(Array.from({ length: 1_000 }, () => 'm'.repeat(10_000))),
    'a long name': () => carrying({ [long()]: 1 }),
    'many names': () => carrying(wide(100_000)),
    'objects ten thousand deep': () => carrying(deep(10_000, (inner) => ({ inner }))),
    'lists ten thousand deep': () => carrying(deep(10_000, (inner) => [inner])),
    'maps ten thousand deep': () => carrying(deep(10_000, (inner) => new Map([['inner', inner]]))),
    'forms for JSON without end': () => carrying(showingItself()),
    'boxes without end': () => carrying(boxed()),
    'headers without end': () => carrying(headers()),
    'an array with holes': () => carrying(sparse()),
    'a long boxed text': () => carrying(new String(long())),
    'a long text of toJSON': () => carrying({ toJSON: long }),
    'a large integer': () => carrying(1n << 10_000_000n),
  };

  for (const [what, make] of Object.entries(large)) {
    it(`is bounded with ${what} at any position`, () => {
      const { log, texts } = capture();
      const value = make() as object;
      log.error(value);
      log.error({ err: value, route: '/a' }, 'a handler failed');
      log.error({ list: [value] }, '%j', value);
      log.child({ value }).error('bound');
      expect(texts).to.have.length(4);
      for (const text of texts) expect(text.length).to.be.below(MOST_BYTES);
      const [, second] = texts.map((text) => JSON.parse(text) as Record<string, unknown>);
      expect(second).to.include({ route: '/a', msg: 'a handler failed' });
      expect(texts.join()).to.not.match(/read too much|cannot be read|unreadable|unable to serialize/);
      expect(thrownText(value).length).to.be.below(MOST_BYTES);
      expect(valueText(value).length).to.be.below(MOST_BYTES);
    });
  }

  it('is bounded with any message', () => {
    const { log, texts } = capture();
    log.error(long());
    log.error('%s', long());
    log.error({}, '%s %s', { toString: long }, { a: long() });
    log.error([long()]);
    log.error(new Uint8Array(10_000_000));
    log.error(new Proxy({}, { ownKeys: () => ['no'] }), long());
    expect(texts).to.have.length(6);
    for (const text of texts) expect(text.length).to.be.below(MOST_BYTES);
  });

  const masked = (): string => `password=${'x'.repeat(8_000)}`;
  const named = (name: string, make: () => unknown): object =>
    Object.defineProperty({}, name, { enumerable: true, get: make });
  const failing = (make: () => unknown): Error =>
    Object.defineProperty(new Error('', { cause: { message: '' } }), 'message', { get: make });
  const many = (make: (n: number) => unknown): unknown[] => Array.from({ length: 1_500 }, (_, n) => make(n));
  /** Objects that give texts of which little is shown, because they are secrets, when they are read. */
  const readers: Readonly<Record<string, (make: () => string) => unknown>> = {
    getters: (make) => many(() => named('text', make)),
    'getters of one object': (make) =>
      Object.defineProperties(
        {},
        Object.fromEntries(many((n) => [`k${n}`, { enumerable: true, get: make }]) as [string, object][]),
      ),
    'JSON forms': (make) => many(() => ({ toJSON: make })),
    'boxed texts': (make) => many(() => Object.assign(new String(''), { valueOf: make })),
    'a list': (make) => ({
      [Symbol.toStringTag]: 'Headers',
      *[Symbol.iterator]() {
        for (;;) yield ['name', make()];
      },
    }),
    'messages of errors': (make) => many(() => failing(make)),
    'stacks of errors': (make) => many(() => Object.defineProperty(new Error('no'), 'stack', { get: make })),
    names: (make) =>
      many(
        () =>
          new Proxy(
            {},
            {
              ownKeys: () => [make().slice(0, 1_100)],
              getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true, value: 1 }),
              get: (_target, name) => (typeof name === 'symbol' || name === 'toJSON' ? undefined : 1),
            },
          ),
      ),
    'paths beside values': (make) =>
      many(() => ({
        value: 1,
        path: new Proxy(Array.from({ length: 2_000 }), {
          get: (target, name) => {
            if (name !== 'length' && /^\d+$/.test(String(name))) make();
            return Reflect.get(target, name) as unknown;
          },
        }),
      })),
  };

  for (const [what, make] of Object.entries(readers)) {
    it(`reads no more than its bound, however little is shown of it: ${what}`, () => {
      const { log, texts } = capture();
      let reads = 0;
      const text = masked();
      const read = (): string => {
        reads++;
        return text;
      };
      log.info({ value: make(read) }, 'x');
      expect(reads).to.be.above(0);
      expect(reads * (what.startsWith('paths') ? 1 : what === 'names' ? 1_100 : text.length)).to.be.below(
        80_000,
      );
      expect(texts[0]).to.include('"truncated":true').and.not.include('xxx');
    });
  }

  it('reads few long texts, although only the beginning of each is shown', () => {
    const { log, texts } = capture();
    const text = (n: number): string => `${n}`.padEnd(6_000_000, 'm');
    log.info({ texts: [0, 1, 2, 3].map(text) }, 'x');
    const shown = (JSON.parse(texts[0]!) as { texts: string[] }).texts;
    expect(shown.map((one) => one.length)).to.deep.equal([8_193, 8_193, 20, 20]);
    expect(shown[3]).to.equal('[6000000 characters]');
  });

  it('is marked as truncated, and keeps the frames of an error with a long message', () => {
    const { log, texts } = capture();
    log.error(new Error('m'.repeat(1_000_000)));
    const { err, truncated } = JSON.parse(texts[0]!) as { err: { stack: string }; truncated: unknown };
    expect(err.stack).to.match(/^Error: m+….*\n {4}at /s);
    expect(truncated).to.equal(true);
    log.error(new Error('short'));
    expect(texts[1]).to.not.contain('truncated');
    log.error(new Error(long()));
    expect(texts[2]).to.contain('[20000000 characters]');
  });

  it('contains the number of omitted members of an object, at any depth', () => {
    const { log, texts } = capture();
    for (const count of [5_000, 10]) {
      log.info(wide(count), 'x');
      log.info({ a: { b: wide(count) } }, 'x');
    }
    const lines = texts.map((text) => JSON.parse(text) as Record<string, unknown>);
    const [top, deep, ...short] = lines.map((line) => ({ ...line, ...(line.a as { b?: object })?.b }));
    for (const line of [top!, deep!]) {
      const shown = Object.keys(line).filter((name) => /^k\d/.test(name)).length;
      expect(shown).to.be.above(1_000);
      expect(line).to.include({ '…': `${5_000 - shown} more`, truncated: true });
    }
    for (const line of short) expect(line).to.include({ k9: 9 }).and.not.have.any.keys('…', 'truncated');
  });

  it('shows a cycle as circular, and an object that occurs twice in both places', () => {
    const { log, texts } = capture();
    const user: Record<string, unknown> = { name: 'a' };
    user.self = user;
    log.info({ one: user, two: user }, 'x');
    const both = { name: 'a', self: '[circular]' };
    expect(JSON.parse(texts[0]!)).to.deep.include({ one: both, two: both });
    const error = new Error('its own cause');
    error.cause = error;
    log.error(error);
    expect((JSON.parse(texts[1]!) as { err: { stack: string } }).err.stack).to.contain(
      'caused by: [circular]',
    );
  });

  it('contains no secret from toJSON, from a map, from a thrown value, or at a cut', () => {
    const { log, texts } = capture();
    const secret = 'hunter2hunter2hunter2';
    const model = { toJSON: () => ({ name: 'n', password: secret, inner: { toJSON: () => ({ secret }) } }) };
    log.info({ model }, 'x');
    log.error(Object.assign(new Error('x'), { toJSON: () => ({ password: secret }), model }));
    log.info({ map: new Map([['password', secret]]) }, '%o', { token: secret });
    log.child({ model }).info('x');
    const end = 'm'.repeat(10_000);
    for (let at = 8_150; at < 8_192; at++) {
      log.info(`${' '.repeat(at - 20)}postgres://admin:${secret}@db ${end}`);
      log.info(`${' '.repeat(at)}Bearer ${secret} ${end}`);
    }
    texts.push(valueText({ password: secret }), thrownText([{ token: secret }]));
    for (const text of texts) expect(text).to.not.contain('hunter2');
    expect(texts[0]).to.contain('"name":"n"');
  });

  it('contains no secret from a list of header fields, flat or in pairs, at any depth', () => {
    const { log, texts } = capture();
    const secret = 'hunter2';
    const flat = ['Accept', 'text/html', 'Cookie', secret, 'authorization', secret, 'X-Api-Key', secret];
    const pairs = [
      ['accept', 'text/html'],
      ['Set-Cookie', secret],
    ];
    log.info({ headers: flat }, 'x');
    log.info({ response: { req: { rawHeaders: flat } }, trailers: pairs }, 'x');
    log.error(Object.assign(new Error('no'), { response: { headers: pairs } }));
    log.child({ rawTrailers: flat }).info('x');
    log.info({ cookies: { sid: secret } }, 'x');
    for (const text of texts) {
      expect(text).to.not.contain(secret);
      expect(text).to.contain('[redacted]');
    }
    for (const text of texts.slice(0, 4)) expect(text).to.contain('text/html');
    expect(texts).to.have.length(5);
  });

  it('shows an object that is logged alone in its JSON form', () => {
    const { log, texts } = capture();
    log.info({ inner: 1, toJSON: () => ({ shown: 2 }) }, 'x');
    log.info({ inner: 1, toJSON: () => 'text' }, 'x');
    expect(texts[0]).to.contain('"shown":2').and.not.contain('inner');
    expect(texts[1]).to.contain('"value":"text"').and.not.contain('inner');
  });

  it('is written even if reading its values throws', () => {
    const fail = (): never => {
      throw new Error('no');
    };
    const traps = ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor'] as const;
    const revoked = Proxy.revocable([], {});
    revoked.revoke();
    const itself: object = { toJSON: () => itself };
    const hostile: readonly unknown[] = [
      ...traps.flatMap((trap) =>
        [{}, [], new Error('a')].map((target) => new Proxy(target, { [trap]: fail })),
      ),
      revoked.proxy,
      itself,
      { toJSON: fail },
      {
        get a() {
          return fail();
        },
      },
      {
        get toJSON() {
          return fail();
        },
      },
      {
        get [Symbol.toStringTag]() {
          return fail();
        },
      },
      { [Symbol.toStringTag]: 'Headers', [Symbol.iterator]: fail },
      { [Symbol.toPrimitive]: fail, toString: fail, valueOf: fail },
      Object.assign(new Map([['a', 1]]), { [Symbol.iterator]: fail }),
      Object.assign([1], { [Symbol.iterator]: fail }),
      Object.assign(new Number(1), { valueOf: fail }),
      Object.assign(new Date(Number.NaN), { toJSON: fail }),
      Symbol('s'),
      () => 1,
      10n ** 40n,
      undefined,
      null,
    ];
    for (const value of hostile) {
      const { log, texts } = capture();
      const info = (...args: unknown[]): void => Reflect.apply(log.info, log, args);
      info(value, 'said %s', value);
      info({ a: { value } }, 'said');
      info({ err: value }, 'said %o %j %d', value, value, value);
      info('said %s', value);
      log.child({ value }).info('said');
      log.child(value as object).info('said');
      log.error(Object.assign(new Error('said'), { value, cause: value, errors: [value] }));
      expect(texts).to.have.length(7);
      for (const text of texts.slice(1)) expect((JSON.parse(text) as { msg: string }).msg).to.match(/^said/);
      for (const text of texts) expect(text.length).to.be.below(MOST_BYTES);
    }
  });

  it('is written for an error whose members cannot be read or have wrong types', () => {
    const hostile = (name: string, value: unknown): Error =>
      Object.defineProperty(new Error('x'), name, {
        enumerable: true,
        get() {
          if (value === undefined) throw new Error('no');
          return value;
        },
      });
    const names = ['message', 'stack', 'cause', 'name', 'constructor', 'errors', 'toJSON', 'extra'];
    const values: readonly unknown[] = [
      undefined,
      { a: 1 },
      Symbol('s'),
      1n,
      () => 1,
      { toString: 1, toJSON: 1 },
      null,
    ];
    for (const name of names) {
      for (const value of values) {
        const { log, texts } = capture();
        const error = hostile(name, value);
        log.error({ err: error }, 'failed');
        const { err, msg } = JSON.parse(texts[0]!) as { err: Record<string, unknown>; msg: string };
        expect(msg, name).to.equal('failed');
        expect(err, name).to.include.keys('type', 'message', 'stack');
        expect(thrownText(error), name).to.have.length.above(name === 'message' ? 0 : 1);
        if (name === 'stack') expect(thrownText(error)).to.match(/^x\n/);
      }
    }
  });
});
