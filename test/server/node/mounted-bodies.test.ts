// An application of `node:http` that reads, or does not read, the body of its request.
import { setImmediate as turn } from 'node:timers/promises';
import { expect } from 'chai';
import { latch, ManualTicker } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

describe('a mounted application of node:http', () => {
  const serve = useNodeServers();

  describe('with a body', () => {
    it('is not called for an announced one beyond bodyLimit', async () => {
      let called = 0;
      const { fetch } = await serve((app) =>
        app.mountNode('/a', { bodyLimit: 3 }, (_req, _res) => void called++),
      );
      expect((await fetch('/a', { method: 'POST', body: 'four' })).status).to.equal(413);
      expect(called).to.equal(0);
    });

    for (const [coding, chunk, end] of [
      ['Transfer-Encoding: chunked', `4e20\r\n${'x'.repeat(20_000)}\r\n`, '0\r\n\r\n'],
      ['Content-Length: 200000', 'x'.repeat(20_000), ''],
    ] as const) {
      it(`may respond before its end, to a client that reads when it has sent all (${coding})`, async () => {
        const { wire, observer } = await serve((app) =>
          app.mountNode('/a', (_request, response) => void response.writeHead(401).end('no')),
        );
        const client = await wire();
        client.write(`POST /a HTTP/1.1\r\nHost: x\r\n${coding}\r\n\r\n${chunk}`);
        await observer.ended(1);
        for (let i = 1; i < 10; i++) {
          client.write(chunk);
          await turn();
        }
        client.write(end);
        expect(await client.response()).to.include({ status: 401, closes: end !== '' });
        if (end === '') expect((await client.request('GET', '/a'))?.status).to.equal(401);
        else await client.closed();
      });
    }

    it('is cut off by 413 beyond bodyLimit, and the client reads that', async () => {
      const aborted = latch();
      const { wire, observer } = await serve((app) =>
        app.mountNode('/a', { bodyLimit: 30_000 }, (request, response) => {
          let bytes = 0;
          request.on('data', (piece: Buffer) => {
            bytes += piece.length;
            if (bytes > 30_000) throw new Error('too much was passed');
          });
          response.on('close', () => aborted.open());
          request.on('end', () => response.end('all'));
        }),
      );
      const client = await wire();
      client.write('POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`;
      for (let i = 0; i < 300; i++) client.write(chunk);
      const response = await client.response();
      expect(response).to.include({ status: 413, closes: true });
      await aborted.opened;
      client.write('0\r\n\r\n');
      await client.closed();
      await observer.ended(1);
      expect(observer.seen[0]).to.include({ status: 413, error: 'BODY_TOO_LARGE' });
      expect(observer.refusals).to.deep.equal(['body_too_large']);
    });

    for (const coding of ['Content-Length: 50000', 'Transfer-Encoding: chunked'])
      it(`is 413 where more than bodyLimit has arrived before the application is called (${coding})`, async () => {
        let called = 0;
        const arrived = latch();
        const { wire } = await serve((app) => {
          app.group('/a', (group) => {
            group.hook('preHandler', () => arrived.opened);
            group.mountNode('/', { bodyLimit: 10_000 }, (_request, response) => {
              called++;
              response.end('all');
            });
          });
        });
        const client = await wire();
        const isChunked = coding.startsWith('T');
        const piece = isChunked ? `3e8\r\n${'x'.repeat(1000)}\r\n` : 'x'.repeat(1000);
        client.write(`POST /a HTTP/1.1\r\nHost: x\r\n${coding}\r\n\r\n${piece.repeat(50)}`);
        for (let turns = 0; turns < 20; turns++) await turn();
        arrived.open();
        expect((await client.response())?.status).to.equal(413);
        expect(called).to.equal(0);
        client.destroy();
      });

    it('is 408 when the client sends nothing more', async () => {
      const ticker = new ManualTicker();
      const called = latch();
      const { wire } = await serve(
        (app) =>
          app.mountNode('/a', (request, _response) => {
            request.resume();
            called.open();
          }),
        { ticker },
      );
      const client = await wire();
      client.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
      await called.opened;
      ticker.advance(11_000);
      expect(await client.response()).to.include({ status: 408, closes: true });
      await client.closed();
    });

    it('waits for an application that reads slowly', async () => {
      const ticker = new ManualTicker();
      const [called, over] = [latch(), latch()];
      const { wire } = await serve(
        (app) =>
          app.mountNode('/a', async (request, response) => {
            request.pause();
            called.open();
            await over.opened;
            request.pipe(response);
          }),
        { ticker },
      );
      const client = await wire();
      client.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
      await called.opened;
      ticker.advance(11_000);
      over.open();
      client.write('cde');
      expect(String((await client.response())?.body)).to.equal('abcde');
      client.destroy();
    });

    it('may respond before it has read it', async () => {
      const { wire } = await serve((app) =>
        app.mountNode('/a', (_request, response) => void response.writeHead(401).end('no')),
      );
      const client = await wire();
      client.write('POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab');
      expect((await client.response())?.status).to.equal(401);
      client.write('cde');
      expect((await client.request('GET', '/a'))?.status).to.equal(401);
      client.destroy();
    });
  });
});
