// Responses whose status, text or fields do not fit what would be sent.
import { expect } from 'chai';
import { HttpError, UnavailableError } from '#src/errors.js';
import { Wire } from '#test/support/wire.js';
import { onCores } from './cores.js';
import { bench } from './kit.js';

const fails = (): never => {
  throw new Error('failed');
};

onCores('a response', (core) => {
  it('has no body with a status that allows none', async () => {
    const { app } = bench((demo) => {
      demo.get('/:status', (ctx) => ctx.status(Number(ctx.params.status)).text('body'));
      demo.get('/:status/compressed', { compress: true }, (ctx) =>
        ctx.status(Number(ctx.params.status)).text('body'.repeat(1000)),
      );
      demo.get('/:status/stream', { compress: true }, (ctx) =>
        ctx.status(Number(ctx.params.status)).stream(
          (async function* () {
            yield 'body';
          })(),
        ),
      );
    });
    const server = core.serverOf(app, { settings: { streamIdleMs: 5000 } });
    const wire = await Wire.open(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`);
    for (const status of [204, 205, 304]) {
      for (const path of [`/${status}`, `/${status}/stream`, `/${status}/compressed`]) {
        const answer = await wire.request('GET', path, ['Accept-Encoding: gzip']);
        expect(answer?.headers['content-encoding'], path).to.equal(undefined);
        expect([answer?.status, answer?.body.length], path).to.deep.equal([status, 0]);
        expect(answer?.headers['content-length'], path).to.equal(status === 205 ? '0' : undefined);
      }
    }
    wire.destroy();
    server.close();
  });

  it('is valid UTF-8 even when its text has half a surrogate pair, whatever its length', async () => {
    const { app } = bench((demo) => {
      demo.get('/:length', (ctx) => `a\ud800b${'c'.repeat(Number(ctx.params.length))}`);
    });
    const server = core.serverOf(app, { settings: { streamIdleMs: 5000 } });
    const wire = await Wire.open(`http://127.0.0.1:${await server.listen(0, '127.0.0.1')}`);
    for (const length of [0, 10_000]) {
      const body = (await wire.request('GET', `/${length}`))?.body;
      expect(body?.subarray(0, 5).toString('hex'), String(length)).to.equal('61efbfbd62');
    }
    wire.destroy();
    server.close();
  });
});

describe('a response', () => {
  it('of events leaves an earlier response as it is', async () => {
    let isEndless: boolean | undefined;
    const { app, inject } = bench((demo) =>
      demo.get('/', (ctx) => {
        ctx.text('first');
        expect(() => ctx.sse((async function* () {})())).to.throw('has a response already');
        isEndless = app.running()?.isEndless;
      }),
    );
    expect((await inject({ url: '/' })).text()).to.equal('first');
    expect(isEndless).to.equal(false);
  });

  it('of events is refused before its first byte when its source cannot be iterated', async () => {
    for (const source of [[{ data: 1 }], 42, null, 'text', {}]) {
      const { inject } = bench((app) => app.get('/', (ctx) => ctx.sse(source as never)));
      const { status, headers } = await inject({ url: '/' });
      expect([status, headers['content-type']]).to.deep.equal([500, 'application/problem+json']);
    }
  });

  it('with a cookie whose value is no string is a failure', async () => {
    const { inject } = bench((app) => app.get('/', (ctx) => ctx.cookie('a', undefined as never).text('x')));
    expect((await inject({ url: '/' })).status).to.equal(500);
  });

  it('announces Retry-After in whole seconds, whatever was computed', () => {
    const said = [0, 0.2, 1, 59.5, -1, Number.NaN, Number.POSITIVE_INFINITY].map(
      (seconds) => new UnavailableError('OVERLOADED', 'Busy.', seconds).headers?.['retry-after'],
    );
    expect(said).to.deep.equal(['0', '1', '1', '60', '0', '1', '1']);
  });
});

describe('the response of an onError hook', () => {
  it('takes nothing over from the response that the handler was preparing', async () => {
    const { inject } = bench((app) => {
      app.hook('onRequest', (ctx) => void ctx.header('x-always', 'kept', { always: true }));
      app.get('/', { onError: () => ({ failed: true }) }, (ctx) => {
        ctx.status(201).header('cache-control', 'max-age=9999').header('content-type', 'image/png');
        ctx.cookie('a', 'b');
        return fails();
      });
    });
    const { status, headers } = await inject({ url: '/' });
    expect(status).to.equal(500);
    expect(headers).to.include({ 'content-type': 'application/json', 'x-always': 'kept' });
    expect(headers).to.not.have.any.keys('cache-control', 'set-cookie');
  });

  it('has the status of the failure, or 500 where a client cannot get that status', async () => {
    for (const [code, expected] of [
      ['NOT_FOUND', 404],
      ['CLIENT_CLOSED', 500],
    ] as const) {
      const { inject } = bench((app) => {
        app.get('/', { onError: () => ({ failed: true }) }, () => {
          throw new HttpError(code, 'Failed.');
        });
      });
      expect((await inject({ url: '/' })).status, code).to.equal(expected);
    }
  });
});
