// The same application of the fetch standard, served by @hono/node-server as it is by default, and by the
// package as its users run it: the same responses, except where differences.ts says what differs and why.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { type Cluster, ROOT, startCluster } from '#test/support/cluster.js';
import { CORE } from '#test/support/core.js';
import { CASES, type Case } from './cases.js';
import { KINDS, type Told } from './differences.js';
import { EXCHANGES } from './exchanges.js';
import { Peer } from './peer.js';

class Server {
  readonly url: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(url: string) {
    this.url = url;
  }

  close(): void {
    this.#agent.destroy();
  }

  ask(path: string, one: Case): Promise<Told> {
    const { method = 'GET', headers = [], body, chunked } = one;
    const fields: string[] = [...headers];
    if (!fields.some((name, i) => i % 2 === 0 && name.toLowerCase() === 'host'))
      fields.push('host', 'localhost');
    if (chunked === true) fields.push('transfer-encoding', 'chunked');
    else if (body !== undefined) fields.push('content-length', String(Buffer.byteLength(body)));
    const options = { method, headers: fields as never, agent: this.#agent };
    return new Promise((resolve, reject) => {
      // As the path is sent, which a URL would change.
      const { hostname, port, pathname } = new URL(this.url);
      const request = httpRequest({
        ...options,
        host: hostname,
        port,
        path: `${pathname === '/' ? '' : pathname}${path}`,
      });
      request.on('response', (response) => resolve(toldBy(response)));
      request.on('error', (error) => {
        // A server may close a connection while it is idle.
        if (request.reusedSocket) resolve(this.ask(path, one));
        else reject(error);
      });
      if (chunked === true) for (const piece of sevenths(Buffer.from(body!))) request.write(piece);
      request.end(chunked === true ? undefined : body);
    });
  }
}

function sevenths(bytes: Buffer): Buffer[] {
  const size = Math.ceil(bytes.length / 7);
  const count = size === 0 ? 0 : Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

async function toldBy(response: IncomingMessage): Promise<Told> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const { statusCode, statusMessage, headers } = response;
  expect(headers.date).to.match(/ GMT$/);
  return {
    status: statusCode!,
    reason: statusMessage!,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'date')),
    body: Buffer.concat(chunks).toString('latin1'),
  };
}

/**
 * Without what each response of one of them has: an open connection, which HTTP/1.1 need not name, and an id.
 */
function likeOurs({ headers, ...told }: Told): Told {
  const { connection, 'keep-alive': seconds, ...others } = headers;
  if (connection === 'keep-alive') expect(seconds).to.equal('timeout=5');
  else Object.assign(others, { connection, 'keep-alive': seconds });
  return { ...told, headers: others };
}
function likeTheirs({ headers, ...told }: Told): Told {
  const { 'x-request-id': id, ...others } = headers;
  expect(id).to.match(/^[\w-]+$/);
  return { ...told, headers: others };
}

async function reference(overrideGlobalObjects: boolean): Promise<readonly [Server, Worker]> {
  const worker = new Worker(new URL('./reference.js', import.meta.url), {
    workerData: { overrideGlobalObjects },
    // What it logs about failures.
    stderr: true,
  });
  const [port] = (await once(worker, 'message')) as [number];
  return [new Server(`http://127.0.0.1:${port}`), worker];
}

describe('an application of the fetch standard, beside @hono/node-server', () => {
  let theirs: Server;
  let byNode: Server;
  let ours: Server;
  let workers: readonly Worker[];
  let cluster: Cluster;

  before(async () => {
    const config = fileURLToPath(new URL('./mounted-cases.js', import.meta.url));
    const [first, second, started] = await Promise.all([
      reference(true),
      reference(false),
      startCluster({ config, env: { WORKERS: '1', LOG_LEVEL: 'fatal' } }),
    ]);
    cluster = started;
    [theirs, byNode, ours] = [first[0], second[0], new Server(`${cluster.url}/mounted`)];
    workers = [first[1], second[1]];
  });
  after(async () => {
    for (const server of [theirs, byNode, ours]) server.close();
    for (const worker of workers) await worker.terminate();
    await cluster.dispose();
  });

  for (const [number, one] of CASES.entries())
    it(one.name, async () => {
      const path = `/${number}${one.path ?? ''}`;
      const sent = likeOurs(await theirs.ask(path, one));
      const told = likeTheirs(await ours.ask(path, one));
      const seen = { name: one.name, ours: told, byNode: likeOurs(await byNode.ask(path, one)) };
      let expected = sent;
      for (const { cases, because, core = CORE, instead } of KINDS) {
        if (core !== CORE || !cases.includes(one.name)) continue;
        const next = instead(expected, seen);
        expect(next, `differs no more: ${because}`).to.not.deep.equal(expected);
        expected = next;
      }
      expect(told).to.deep.equal(expected);
    });

  for (const [number, { name, client, differs: stated }] of EXCHANGES.entries())
    it(name, async () => {
      const differs = (stated?.core ?? CORE) === CORE ? stated : undefined;
      const expected = await client(new Peer(`${theirs.url}/exchange/${number}`));
      const found = await client(new Peer(`${ours.url}/exchange/${number}`));
      if (differs !== undefined) expect(expected, 'differs no more').to.not.deep.equal(differs.ours);
      expect(found).to.deep.equal(differs?.ours ?? expected);
    });

  describe('in the docs', () => {
    const page = readFileSync(join(ROOT, 'docs/http.md'), 'utf8').replace(/\s+/g, ' ');

    it('has the number of its cases and of those that are the same', () => {
      const [, all, same] = /more than (\d+) requests and exchanges.*? more than (\d+) of them/.exec(page)!;
      const different = new Set(KINDS.flatMap(({ cases }) => cases));
      const count = CASES.length + EXCHANGES.length;
      expect(count).to.be.within(Number(all) + 1, Number(all) + 30);
      const differing = different.size + EXCHANGES.filter(({ differs }) => differs !== undefined).length;
      expect(count - differing).to.be.within(Number(same) + 1, Number(same) + 30);
    });

    it('has each reason for a difference', () => {
      const reasons = [...KINDS, ...EXCHANGES.flatMap(({ differs }) => differs ?? [])];
      for (const { because } of reasons) expect(page).to.include(because);
    });

    it('names cases that exist, each once', () => {
      const names = CASES.map(({ name }) => name);
      expect(new Set(names).size).to.equal(names.length);
      for (const { cases } of KINDS) {
        expect(names).to.include.members([...cases]);
        expect(new Set(cases).size).to.equal(cases.length);
      }
    });
  });
});
