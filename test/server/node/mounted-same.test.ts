// A mounted application sends what it sends on a server of Node.js, and sees the same events: each of these
// handlers runs on both. Only the fields that the runtime adds or leaves out differ.
import { createServer, OutgoingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import type { NodeHandler } from '#src/server/handler.js';
import { Wire, type WireResponse } from '#test/support/wire.js';
import { latch } from '../kit.js';
import { useNodeServers } from './mounted-kit.js';

const OWN_FIELDS = ['connection', 'keep-alive', 'date', 'x-request-id'];
const EVENTS = ['prefinish', 'finish', 'close', 'error', 'drain'] as const;

const REQUEST_EVENTS = ['end', 'aborted', 'error', 'close'] as const;

type Respond = (response: ServerResponse, note: (event: string) => void) => unknown;

const UNLIKE_PIPELINED = 'a time-out of its own';
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
  'a response behind the body': (response) => {
    let text = '';
    response.req.on('data', (piece: Buffer) => (text += piece.toString()));
    response.req.on('end', () => response.end(text));
  },
  'a time-out of its own': (response, note) => {
    note(`time-out ${response.req.socket.timeout ?? 0}`);
    // Node.js ends it with the response, unless requests are pipelined.
    response.setTimeout(60_000).end('x');
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

/** These end the connection. */
const cuts: Readonly<Record<string, Respond>> = {
  'destroys the response': (response) => response.destroy(),
  'destroys the socket': (response) => response.req.socket.destroy(),
  'destroys the request': (response) => response.req.destroy(),
  'destroys the response, and reads': (response) => response.destroy().req.resume(),
  'destroys the response while it reads': (response) => {
    response.req.on('data', () => response.destroy()).on('end', () => response.destroy());
  },
  'destroys the response in a later turn': (response) => setImmediate(() => response.destroy()),
};

/** What a client got, and what the handler has seen. */
class Seen {
  responses: unknown[] = [];
  readonly events: string[] = [];
  /** Those of the request, whose body may end before the response or behind it. */
  readonly requestEvents: string[] = [];
  #open: number;
  readonly #over = latch();

  constructor(requests: number) {
    this.#open = 2 * requests;
  }

  /** Requests and responses have closed. */
  get over(): Promise<void> {
    return this.#over.opened;
  }

  watch(respond: Respond): NodeHandler {
    const { events, requestEvents } = this;
    const closed = (): void => {
      this.#open -= 1;
      if (this.#open === 0) this.#over.open();
    };
    return (request, response) => {
      for (const event of EVENTS) response.on(event, () => events.push(event));
      for (const event of REQUEST_EVENTS) request.on(event, () => requestEvents.push(event));
      request.on('close', closed);
      response.on('close', () => {
        const { writableFinished, headersSent, destroyed } = response;
        events.push(`state ${JSON.stringify([writableFinished, headersSent, destroyed])}`);
        closed();
      });
      respond(response, (event) => events.push(event));
      events.push(`returned ${JSON.stringify([response.writableEnded, response.headersSent])}`);
    };
  }
}

describe('a mounted application, beside one on a server of Node.js,', () => {
  const serve = useNodeServers();

  /** Asks over one connection. */
  async function ask(url: string, way: Way, requests: number): Promise<unknown[]> {
    const client = await Wire.open(url);
    const asked: Promise<unknown>[] = [];
    for (let i = 0; i < requests; i++) {
      asked.push(client.request(way.method, '/a', [], way.body).then(withoutOwn));
      if (!way.isPipelined) await asked.at(-1);
    }
    const responses = await Promise.all(asked);
    client.destroy();
    return responses;
  }

  function withoutOwn(response: WireResponse | undefined): unknown {
    if (response === undefined) return undefined;
    const fields = Object.entries(response.headers).filter(([name]) => !OWN_FIELDS.includes(name));
    return [response.status, Object.fromEntries(fields), response.body.toString('latin1')];
  }

  async function onNode(respond: Respond, way: Way, requests: number): Promise<Seen> {
    const seen = new Seen(requests);
    const server = createServer(seen.watch(respond));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    seen.responses = await ask(`http://127.0.0.1:${port}`, way, requests);
    await seen.over;
    server.close();
    return seen;
  }

  async function mounted(respond: Respond, way: Way, requests: number): Promise<Seen> {
    const seen = new Seen(requests);
    const { url, observer } = await serve((app) => app.mountNode('/a', seen.watch(respond)));
    seen.responses = await ask(url, way, requests);
    await seen.over;
    await observer.ended(requests);
    return seen;
  }

  const compare = (name: string, respond: Respond, way: Way, requests: number) =>
    it(`sends and sees the same: ${name} (${way.name})`, async () => {
      const both = [await mounted(respond, way, requests), await onNode(respond, way, requests)];
      const [own, plain] = both.map(({ responses, events, requestEvents }) => ({
        responses,
        // Requests that are pipelined are served one after the other, so their events do not mix.
        events: way.isPipelined ? events.toSorted() : events,
        requestEvents: requestEvents.toSorted(),
      }));
      expect(own).to.deep.equal(plain);
    });

  for (const way of ways) {
    for (const [name, respond] of Object.entries(handlers))
      if (!way.isPipelined || name !== UNLIKE_PIPELINED) compare(name, respond, way, 2);
    for (const [name, respond] of Object.entries(cuts)) if (!way.isPipelined) compare(name, respond, way, 1);
  }
});
