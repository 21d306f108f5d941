import { Readable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import { Type } from '@sinclair/typebox';
import { expect } from 'chai';
import { HttpError } from '#src/errors.js';
import { bench } from './kit.js';

class Money {
  readonly amount = 5;
}
class Hidden {
  readonly #amount = 5;
  get amount(): number {
    return this.#amount;
  }
}
class Shown extends Hidden {
  toJSON(): object {
    return { amount: this.amount };
  }
}
class Empty {
  readonly amount = undefined;
}

const REFUSED: Readonly<Record<string, () => unknown>> = {
  Request: () => new Request('http://localhost/'),
  Headers: () => new Headers({ a: 'b' }),
  FormData: () => new FormData(),
  Blob: () => new Blob(['text']),
  ArrayBuffer: () => new ArrayBuffer(3),
  DataView: () => new DataView(new ArrayBuffer(3)),
  Uint16Array: () => new Uint16Array(3),
  Map: () => new Map([[1, 2]]),
  Set: () => new Set([1]),
  RegExp: () => /x/,
  Error: () => new Error('returned'),
  HttpError: () => new HttpError('NOT_FOUND', 'returned'),
  Readable: () => new Readable({ read() {} }),
  AsyncGenerator: () => (async function* () {})(),
  Hidden: () => new Hidden(),
  function: () => () => 1,
  symbol: () => Symbol('s'),
};

const SENT: readonly (readonly [() => unknown, string])[] = [
  [() => ({}), '{}'],
  [() => [], '[]'],
  [() => Object.create(null), '{}'],
  [() => runInNewContext('({})'), '{}'],
  [() => ({ map: undefined }), '{}'],
  [() => new Money(), '{"amount":5}'],
  [() => new Empty(), '{}'],
  [() => new Shown(), '{"amount":5}'],
  [() => new Date(0), '"1970-01-01T00:00:00.000Z"'],
  [() => null, 'null'],
  [() => 5, '5'],
  [() => false, 'false'],
];

describe('a value that a handler returns', () => {
  for (const [name, make] of Object.entries(REFUSED)) {
    it(`is a failure that names the route when it is a ${name}`, async () => {
      const { inject, logs } = bench((app) => {
        app.get('/things/:id', make);
        app.get('/late/:id', async () => make());
        app.get('/json/:id', (ctx) => ctx.json(make()));
      });
      for (const path of ['things', 'late', 'json']) {
        logs.length = 0;
        const { status, json } = await inject({ url: `/${path}/1` });
        expect([status, json().code], path).to.deep.equal([500, 'INTERNAL']);
        expect(JSON.stringify(logs)).to.include(`GET /${path}/:id cannot send `).and.include(name);
      }
    });
  }

  for (const make of [() => new Response('text'), () => new ReadableStream()])
    it(`is no JSON when it is a ${make().constructor.name}, which a handler may return`, async () => {
      const { inject, logs } = bench((app) => app.get('/json', (ctx) => ctx.json(make())));
      expect((await inject({ url: '/json' })).status).to.equal(500);
      expect(JSON.stringify(logs)).to.include('GET /json cannot send ').and.include('return it alone');
    });

  it('is sent when JSON can represent it', async () => {
    for (const [make, text] of SENT) {
      const { inject } = bench((app) => app.get('/', make));
      const answer = await inject({ url: '/' });
      expect([answer.status, answer.text()]).to.deep.equal([200, text]);
    }
  });

  it('may be one that only its declared schema can represent', async () => {
    const response = { 200: Type.Object({ amount: Type.Optional(Type.Integer()) }) };
    const { inject } = bench((app) => {
      app.get('/hidden', { response }, () => new Hidden());
      app.get('/map', { response }, () => new Map() as never);
    });
    expect((await inject({ url: '/hidden' })).text()).to.equal('{"amount":5}');
    expect((await inject({ url: '/map' })).status).to.equal(500);
  });
});
