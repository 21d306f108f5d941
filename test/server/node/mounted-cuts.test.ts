// A connection that ends before the response of a mounted application: a client that has left is counted as
// 499, an application that has cut it as 500.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect } from 'chai';
import type { NodeHandler } from '#src/server/handler.js';
import { latch } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

interface Express extends NodeHandler {
  set(name: string, value: unknown): void;
  use(handler: NodeHandler): void;
}
/** The package has no types of its own. */
const express = createRequire(import.meta.url)('express') as () => Express;

const CUTS: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => unknown>> = {
  'its response': (_request, response) => response.destroy(),
  'its response, with an error': (_request, response) => response.destroy(new Error('half')),
  'its request': (request) => request.destroy(),
  'its socket': (request) => request.socket.destroy(),
  'its socket, by a reset': (request) => request.socket.resetAndDestroy(),
  'its response, because another connection was reset': (_request, response) =>
    pipeline(
      new Readable({
        read() {
          this.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET', syscall: 'read' }));
        },
      }),
      response,
    ).catch(() => {}),
};
const LEAVES: Readonly<Record<string, (socket: Socket) => unknown>> = {
  'by its end': (socket) => socket.destroy(),
  'by a reset': (socket) => socket.resetAndDestroy(),
};

describe('a request of a mounted application whose connection ends', () => {
  const serve = useNodeServers();
  const opened = async (handler: NodeHandler) => {
    const served = await serve((app) => app.mountNode('/a', handler));
    const socket = connect(Number(new URL(served.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n');
    const ended = async () => {
      await served.observer.ended(1);
      return served.observer.seen.map(({ status, error }) => [status, error]);
    };
    return { socket, ended };
  };

  for (const when of ['before', 'behind']) {
    for (const [what, cut] of Object.entries(CUTS))
      it(`is a failure ${when} its first byte, where the application has destroyed ${what}`, async () => {
        const { socket, ended } = await opened(async (request, response) => {
          if (when === 'behind') await new Promise<void>((wrote) => response.write('a', () => wrote()));
          cut(request, response);
        });
        socket.resume();
        expect(await ended()).to.deep.equal([[500, 'INTERNAL']]);
      });

    for (const [how, leave] of Object.entries(LEAVES))
      it(`is that of a client that has left ${when} its first byte ${how}`, async () => {
        const called = latch();
        const { socket, ended } = await opened((_request, response) => {
          if (when === 'behind') response.write('a');
          // As many packages do, which look after what they have opened.
          response.on('close', () => response.destroy(new Error('gone')));
          called.open();
        });
        await called.opened;
        if (when === 'behind') await once(socket, 'data');
        leave(socket);
        expect((await ended())[0]?.[0]).to.equal(499);
      });
  }

  it('is a failure where Express has cut it for an error behind the first byte', async () => {
    const application = express();
    // It logs no errors then.
    application.set('env', 'test');
    application.use(async (_request, response) => {
      await new Promise<void>((wrote) => response.write('a', () => wrote()));
      throw new Error('half');
    });
    const { socket, ended } = await opened(application);
    socket.resume();
    expect(await ended()).to.deep.equal([[500, 'INTERNAL']]);
  });
});
