// An application of `node:http` that gets requests within the process.
import { expect } from 'chai';
import { injectStream } from '#src/server/inject.js';
import { latch, ManualTicker } from '../kit.js';
import { echo, useNodeServers } from './mounted-kit.js';

describe('a mounted application of node:http', () => {
  const serve = useNodeServers();

  describe('without a socket', () => {
    it('gets real objects, and its response arrives as it is', async () => {
      const { inject, observer } = await serve((app) =>
        app.mountNode('/a', async (request, response) => {
          response.setHeader('x-url', request.url!).setHeader('set-cookie', ['a=1', 'b=2']);
          response.statusCode = 201;
          const { remoteAddress } = request.socket;
          response.write(`${request.method} ${remoteAddress} ${String(request.headers['x-own'])} `);
          for await (const piece of request) response.write(piece);
          response.end();
        }),
      );
      const body = 'x'.repeat(200_000);
      const request = { method: 'POST', url: '/a/b?c', headers: { 'x-own': 'ü' }, body };
      const { status, headers, text } = await inject({ ...request, remoteAddress: '192.0.2.7' });
      expect([status, headers['x-url'], headers['set-cookie']]).to.deep.equal([201, '/b?c', 'a=1\nb=2']);
      expect(headers).not.to.have.any.keys('connection', 'transfer-encoding', 'keep-alive');
      expect(text() === `POST 192.0.2.7 ${Buffer.from('ü').toString('latin1')} ${body}`).to.equal(true);
      await observer.ended(1);
      expect(observer.seen[0]).to.include({ status: 201, error: undefined });
    });

    it('may respond without a body', async () => {
      const { inject, observer } = await serve((app) =>
        app.mountNode('/a', (_request, response) => response.setHeader('content-length', '4').end('four')),
      );
      const { status, headers, text } = await inject({ method: 'HEAD', url: '/a' });
      expect([status, headers['content-length'], text()]).to.deep.equal([200, '4', '']);
      expect(observer.seen).to.have.length(1);
    });

    it('is 504 at its deadline, and notices that', async () => {
      const ticker = new ManualTicker();
      const [called, closed] = [latch(), latch()];
      const { inject } = await serve(
        (app) =>
          app.mountNode('/a', { timeoutMs: 1000 }, (_request, response) => {
            response.on('close', () => closed.open());
            called.open();
          }),
        { ticker },
      );
      const asked = inject({ url: '/a' });
      await called.opened;
      ticker.advance(2000);
      expect((await asked).status).to.equal(504);
      await closed.opened;
    });

    it('notices that its caller has left', async () => {
      const [called, closed] = [latch(), latch()];
      const { inject, observer } = await serve((app) =>
        app.mountNode('/a', (request, _response) => {
          request.on('close', () => closed.open());
          called.open();
        }),
      );
      const client = new AbortController();
      const asked = inject({ url: '/a', signal: client.signal }).catch((error: unknown) => error);
      await called.opened;
      client.abort(new Error('gone'));
      expect(String(await asked)).to.equal('Error: gone');
      await closed.opened;
      expect(observer.seen[0]).to.include({ status: 499 });
    });

    it('is not finished when its caller leaves in the middle', async () => {
      const closed = latch();
      const { app, observer } = await serve((demo) =>
        demo.mountNode('/a', (_request, response) => {
          response.on('finish', () => expect.fail('it has no end'));
          response.on('close', () => closed.open());
          for (let left = 100; left > 0; left--) response.write(Buffer.alloc(100_000));
        }),
      );
      const { body } = await injectStream(app, { url: '/a' });
      body.destroy();
      await closed.opened;
      await observer.ended(1);
      expect(observer.seen[0]).to.include({ status: 499 });
    });

    it('is refused beyond bodyLimit', async () => {
      const { inject } = await serve((app) => app.mountNode('/a', { bodyLimit: 3 }, echo));
      expect((await inject({ method: 'POST', url: '/a', body: 'four' })).status).to.equal(413);
      async function* body(): AsyncGenerator<Uint8Array> {
        yield Buffer.from('four');
      }
      expect((await inject({ method: 'POST', url: '/a', body: body() })).status).to.equal(413);
    });
  });
});
