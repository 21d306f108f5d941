// A mounted application sends what it sends on a server of Node.js, and sees the same events: each of these
// handlers runs on both. Only the fields that the runtime adds or leaves out differ.
import { createServer, OutgoingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { NodeHandler } from '#src/server/handler.js';
import { until } from '#test/support/until.js';
import { Wire } from '#test/support/wire.js';
import { latch } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

const OWN_FIELDS = ['connection', 'keep-alive', 'date', 'x-request-id'];
const EVENTS = ['prefinish', 'finish', 'close', 'error', 'drain'] as const;

type Respond = (response: ServerResponse, note: (event: string) => void) => unknown;

const LARGE = 'x'.repeat(40_000);
const handlers: Readonly<Record<string, Respond>> = {
  'end of a string': (response) => response.end('Hello'),
  'end of characters beyond ASCII': (response) => response.end('Grüße, 世界, 😀'),
  'end of a lone surrogate': (response) => response.end('a\ud83db'),
  'end of a Buffer': (response) => response.end(Buffer.from([0, 128, 255, 10])),
  'end of a part of an ArrayBuffer': (response) => response.end(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)),
  'end of nothing': (response) => response.end(),
  'end of an empty string': (response) => response.end(''),
  'end with a coding': (response) => response.end('fc', 'latin1'),
  'end of hex': (response) => response.end('c3bc', 'hex'),
  'end with null for all that is left out': (response) => response.end('null', null as never, null as never),
  'end with a callback': (response, note) => response.end('x', () => note('callback')),
  'end with a coding and a callback': (response, note) => response.end('x', 'utf8', () => note('callback')),
  'end with a callback alone': (response, note) => response.end(() => note('callback')),
  'end of more than one write': (response) => response.end(LARGE),
  'a listener behind the end': (response, note) =>
    response.end('x').once('finish', () => note('late finish')),
  'fields one by one': (response) => response.setHeader('x-a', ['1', '2']).end('x'),
  'fields in an object': (response) =>
    response.writeHead(201, { 'X-A': '1', 'set-cookie': ['a=1', 'b=2'] }).end('x'),
  'fields in a flat list': (response) => response.writeHead(201, ['X-A', '1', 'x-a', '2']).end('x'),
  'a field beyond ASCII, and a text': (response) => response.setHeader('x-name', 'J\u00fcrgen').end('x'),
  'a field beyond ASCII, and bytes': (response) =>
    response.setHeader('x-name', 'J\u00fcrgen').end(Buffer.from('x')),
  'fields in pairs': (response) => response.writeHead(201, [['X-A', '1']] as never).end('x'),
  'a reason': (response) => response.writeHead(418, 'Short and stout', { 'x-a': '1' }).end('x'),
  'fields of both kinds': (response) => {
    response.setHeader('x-a', '1').setHeader('x-b', '1');
    response.writeHead(200, { 'X-B': '2' }).end('x');
  },
  'a length of its own': (response) => response.writeHead(200, { 'content-length': 3 }).end('abc'),
  'a coding of its own': (response) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end('abc'),
  'a type of events': (response) =>
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: 1\n\n'),
  'status 204 with a body': (response) => response.writeHead(204).end('not sent'),
  'status 304': (response) => response.writeHead(304, { etag: '"1"' }).end(),
  'no date': (response) => {
    response.sendDate = false;
    response.end('x');
  },
  'pieces of known length': (response) => {
    response.writeHead(200, { 'content-length': 2 });
    response.write('a');
    response.end('b');
  },
  'pieces of unknown length': (response) => {
    response.write('a');
    response.end('b');
  },
  trailers: (response) => {
    response.writeHead(200, { 'transfer-encoding': 'chunked', trailer: 'x-sum' });
    response.write('a');
    response.addTrailers({ 'x-sum': '1' });
    response.end('b');
  },
  'the head first': (response) => {
    response.flushHeaders();
    setImmediate(() => response.end('later'));
  },
  'a response that is corked': (response) => {
    response.cork();
    response.write('a');
    response.write('b');
    response.uncork();
    response.end();
  },
  'a response of a later turn': (response) => setImmediate(() => response.end('later')),
  'a response behind a tick': (response) => process.nextTick(() => response.end('later')),
  'a response behind a promise': (response) => Promise.resolve().then(() => response.end('later')),
  'an end that is called again': (response, note) => {
    response.end('once');
    response.end(() => note('callback of the second'));
  },
  'a length that is checked': (response) => {
    response.strictContentLength = true;
    response.setHeader('content-length', 5);
    response.end('abcde');
  },
  'a prototype with an end of its own': (response) => {
    const own = Object.create(Object.getPrototypeOf(response) as object) as ServerResponse;
    own.end = function (this: ServerResponse, text: string) {
      return OutgoingMessage.prototype.end.call(this, `<${text}>`, 'utf8') as never;
    } as never;
    Object.setPrototypeOf(response, own).end('wrapped');
  },
  'what it says of itself': (response) => {
    const { headersSent, writableEnded, finished } = response;
    response.end('x');
    response.statusMessage = JSON.stringify([headersSent, writableEnded, finished, response.headersSent]);
  },
};

interface Way {
  readonly name: string;
  readonly method: string;
  readonly isPipelined: boolean;
  readonly body: string;
}
const ways: readonly Way[] = [
  { name: 'GET', method: 'GET', isPipelined: false, body: '' },
  { name: 'GET, pipelined', method: 'GET', isPipelined: true, body: '' },
  { name: 'HEAD', method: 'HEAD', isPipelined: false, body: '' },
  { name: 'POST', method: 'POST', isPipelined: false, body: 'not read' },
];

/** What a client got, and what the handler has seen. */
interface Seen {
  readonly responses: unknown[];
  readonly events: string[];
}

describe('a mounted application, beside one on a server of Node.js,', () => {
  const serve = useNodeServers();

  const watched =
    (respond: Respond, events: string[], isOver: () => void): NodeHandler =>
    (_request, response) => {
      for (const event of EVENTS) response.on(event, () => events.push(event));
      response.on('close', () => {
        events.push(
          `state ${JSON.stringify([response.writableFinished, response.headersSent, response.destroyed])}`,
        );
        isOver();
      });
      respond(response, (event) => events.push(event));
      events.push(`returned ${JSON.stringify([response.writableEnded, response.headersSent])}`);
    };

  /** Asks twice over one connection. */
  async function ask(url: string, { method, isPipelined, body }: Way): Promise<unknown[]> {
    const client = await Wire.open(url);
    const first = client.request(method, '/a', [], body);
    if (!isPipelined) await first;
    const responses = await Promise.all([first, client.request(method, '/a', [], body)]);
    client.destroy();
    return responses.map((response) => {
      const fields = Object.entries(response?.headers ?? {}).filter(([name]) => !OWN_FIELDS.includes(name));
      return [response?.status, Object.fromEntries(fields), response?.body.toString('latin1')];
    });
  }

  for (const [name, respond] of Object.entries(handlers))
    for (const way of ways)
      it(`sends and sees the same: ${name} (${way.name})`, async () => {
        const plain = await onNode(respond, way);
        const events: string[] = [];
        const over = latch();
        const handler = watched(respond, events, () => over.open());
        const { url, observer } = await serve((app) => app.mountNode('/a', handler));
        const mounted: Seen = { responses: await ask(url, way), events };
        await observer.ended(2);
        await until(
          () => events.length,
          (count) => count >= plain.events.length,
        );
        // Requests that are pipelined are served one after the other, so their events do not mix.
        if (way.isPipelined) for (const seen of [plain, mounted]) seen.events.sort();
        expect(mounted).to.deep.equal(plain);
      });

  async function onNode(respond: Respond, way: Way): Promise<Seen> {
    const events: string[] = [];
    let open = 2;
    const over = latch();
    const server = createServer(
      watched(respond, events, () => {
        open -= 1;
        if (open === 0) over.open();
      }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const responses = await ask(`http://127.0.0.1:${port}`, way);
    await over.opened;
    server.close();
    return { responses, events };
  }
});
