// The same application of the fetch standard, served by @hono/node-server and by us: the same responses,
// except where a case says what differs and why.
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { installFetchGlobals } from '#src/server/fetch/fetch-classes.js';
import { UwsServer } from '#src/server/uws/uws-server.js';
import { type Bench, bench } from '../kit.js';
import { CASES, type Case, respond } from './cases.js';

interface Told {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: string;
}

const DETAIL = /"detail":"(?:[^"\\]|\\.)*"/;
/** Fields of the connection, and those by which a server names itself. */
const NOT_COMPARED = ['connection', 'date', 'keep-alive', 'transfer-encoding', 'x-request-id'];

function ask(
  port: number,
  path: string,
  { method = 'GET', headers = [], body, chunked }: Case,
): Promise<Told> {
  return new Promise((resolve, reject) => {
    const fields: string[] = [...headers];
    if (!fields.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'host'))
      fields.push('host', 'localhost');
    if (body !== undefined)
      fields.push(
        ...(chunked === true
          ? ['transfer-encoding', 'chunked']
          : ['content-length', String(Buffer.byteLength(body))]),
      );
    const request = httpRequest(
      { port, host: '127.0.0.1', path, method, headers: fields as never, agent: false },
      (response) => {
        collect(response).then((text) => {
          const told = Object.entries(response.headers).filter(([name]) => !NOT_COMPARED.includes(name));
          resolve({
            status: response.statusCode!,
            headers: Object.fromEntries(told) as Told['headers'],
            body: text,
          });
        }, reject);
      },
    );
    request.on('error', reject);
    if (chunked === true)
      for (let from = 0, bytes = Buffer.from(body!); from < bytes.length; from += Math.ceil(bytes.length / 7))
        request.write(bytes.subarray(from, from + Math.ceil(bytes.length / 7)));
    request.end(chunked === true ? undefined : body);
  });
}

async function collect(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

/**
 * @hono/node-server calls a response without a type `text/plain`; and which responses have a length
 *   depends on how
 * soon it sees the end of their streams.
 */
function compared(headers: Told['headers'], others: Told['headers']): Told['headers'] {
  const kept = Object.entries(headers).filter(([name, value]) => {
    if (name === 'content-length') return others[name] !== undefined;
    return name !== 'content-type' || value !== 'text/plain; charset=UTF-8' || others[name] !== undefined;
  });
  return Object.fromEntries(kept);
}

describe('an application of the fetch standard, beside @hono/node-server', () => {
  let reference: Worker;
  let theirs: number;
  let server: UwsServer;
  let port: number;
  let ours: Bench;

  before(async () => {
    installFetchGlobals();
    reference = new Worker(new URL('./reference.js', import.meta.url));
    [theirs] = (await once(reference, 'message')) as [number];
    ours = bench((app) => app.mount('/mounted', (request) => respond(request) as Response));
    server = new UwsServer(ours.app, {
      settings: { maxHeaderBytes: 16_384, maxUrlBytes: 8192, streamIdleMs: 60_000 },
    });
    port = await server.listen(0, '127.0.0.1');
  });
  after(async () => {
    server.close();
    await reference.terminate();
  });

  it('is compared by more than 250 requests', () => {
    expect(CASES.length).to.be.above(250);
  });

  for (const [number, one] of CASES.entries())
    it(one.name, async () => {
      const path = `/${number}${one.path ?? ''}`;
      const expected = await ask(theirs, path, one);
      const told = await ask(port, `/mounted${path}`, one);
      if (one.differs !== undefined) Reflect.deleteProperty(expected.headers, 'content-length');
      const theirsCompared = { ...expected, headers: compared(expected.headers, told.headers) };
      const oursCompared = { ...told, headers: compared(told.headers, expected.headers) };
      const { detail, ...instead } = one.differs?.ours ?? {};
      if (detail !== undefined)
        Object.assign(instead, { body: told.body.replace(DETAIL, `"detail":${JSON.stringify(detail)}`) });
      expect(oursCompared).to.deep.equal({ ...theirsCompared, ...instead });
    });
});
