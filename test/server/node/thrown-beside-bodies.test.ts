// Code that throws while a body arrives, and that nothing catches: the next request on the connection is
// served, or its client sees before that the connection ends. It is never blamed for it.
import { IncomingMessage, type ServerResponse } from 'node:http';
import { expect } from 'chai';
import type { Wire } from '#test/support/wire.js';
import { settled } from '../kit.js';
import { type Served, useNodeServers } from './mounted-kit.js';

const fail = (): never => {
  throw new Error('thrown beside the body');
};
/** Where it is thrown, when a request is handled. */
const places: Readonly<Record<string, (later: (run: () => void) => void) => void>> = {
  'a tick': () => process.nextTick(fail),
  'a microtask': () => queueMicrotask(fail),
  'an immediate': () => void setImmediate(fail),
  'a timer': () => void setTimeout(fail, 1),
  'the end of the response': (later) => later(fail),
};
const HEAD = 'POST /PATH HTTP/1.1\r\nHost: x\r\n';
const bodies: Readonly<Record<string, readonly string[]>> = {
  'in one packet': [`${HEAD}Content-Length: 5\r\n\r\nhello`],
  'in two packets': [`${HEAD}Content-Length: 10\r\n\r\nhello`, 'world'],
  'in chunks': [`${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`, '5\r\nworld\r\n0\r\n\r\n'],
};
const OWN = [200, 500];

describe('code that throws beside a body', () => {
  const serve = useNodeServers();
  let listeners: NodeJS.UncaughtExceptionListener[];
  let served: Served;
  let thrown: number;

  before(() => {
    listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    // As a worker does.
    process.on('uncaughtException', () => {
      thrown += 1;
      served.server.exceptionThrown();
    });
  });
  after(() => {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  });
  beforeEach(() => {
    thrown = 0;
  });

  /** Sends a request, then another one over the same connection. */
  async function both(wire: Wire, path: string, packets: readonly string[]) {
    for (const packet of packets) {
      wire.write(packet.replace('PATH', path));
      await settled();
    }
    const first = await wire.response();
    while (thrown === 0) await settled();
    await settled();
    if (first?.closes !== true && !wire.ended) wire.write('GET /next HTTP/1.1\r\nHost: x\r\n\r\n');
    return [first, await wire.response()];
  }

  for (const [place, run] of Object.entries(places))
    for (const [body, packets] of Object.entries(bodies))
      for (const kind of ['native', 'mounted'])
        for (const moment of ['at once', 'behind the body']) {
          if (kind === 'native' && place === 'the end of the response') continue;
          it(`harms no other request: in ${place}, ${moment}, a ${kind} handler, ${body}`, async () => {
            const isEarly = moment === 'at once';
            served = await serve((app) => {
              app.get('/next', () => 'next');
              app.post('/native', async (ctx) => {
                if (isEarly) run(() => undefined);
                await ctx.readBytes();
                if (!isEarly) run(() => undefined);
                return 'ok';
              });
              app.mountNode('/mounted', (request: IncomingMessage, response: ServerResponse) => {
                const throwLater = (): void => run((what) => void response.on('finish', what));
                if (isEarly) throwLater();
                // As Express does.
                Object.setPrototypeOf(request, Object.create(IncomingMessage.prototype) as object);
                request.on('data', () => undefined);
                request.on('end', () => {
                  if (!isEarly) throwLater();
                  response.end('ok');
                });
              });
            });
            const wire = await served.wire();
            const [first, second] = await both(wire, kind, packets);
            expect(first?.status).to.be.oneOf(OWN);
            if (second === undefined) {
              await wire.closed();
              expect(wire.fault).to.equal(undefined);
            } else expect([first?.closes, second.status]).to.deep.equal([false, 200]);
            wire.destroy();
            expect(served.server.unfinished).to.equal(0);
          });
        }
});
