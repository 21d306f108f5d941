// Calls whose thread is stalled for longer than a connection may take, while it is being made.
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { OwnAbort } from '#src/abort-source.js';
import { Deadline } from '#src/deadline.js';
import { GrpcTransport } from '#src/upstream/grpc-transport.js';
import { HttpTransport } from '#src/upstream/http-transport.js';
import { makeCertificate, needsOpenssl } from '#test/support/certificate.js';
import { endpoint } from './endpoints.js';
import type { PeerPorts } from './stalled-peers.js';

/** The limit of both transports, and the deadline of a call over HTTP that has this limit. */
const [LIMIT_MS, DEADLINE_MS] = [1_000, 3_000] as const;
const STALL_MS = 2 * LIMIT_MS;

describe('a connection that is made while the thread of its call is stalled', () => {
  const http = new HttpTransport();
  const grpc = new GrpcTransport({ connectTimeoutMs: LIMIT_MS });
  let folder: string;
  let peers: Worker;
  let ports: PeerPorts;
  before(async function () {
    needsOpenssl(this);
    folder = await mkdtemp(join(tmpdir(), 'multilane-connects-'));
    const { certFile, keyFile } = makeCertificate(folder, 'server');
    const [cert, key] = await Promise.all([certFile, keyFile].map((file) => readFile(file, 'utf8')));
    peers = new Worker(new URL('stalled-peers.js', import.meta.url), { workerData: { cert, key } });
    [ports] = (await once(peers, 'message')) as [PeerPorts];
  });
  after(async () => {
    await Promise.all([http.close(), grpc.close()]);
    await peers?.terminate();
    if (folder !== undefined) await rm(folder, { recursive: true });
  });

  async function* source() {
    yield Buffer.from('a piece');
  }
  let instances = 0;
  /** Begins a call of each kind, to an instance of its own. Each has what its outcome should contain. */
  function begin(): (readonly [kind: string, outcome: Promise<string>, expected: string])[] {
    const kinds = (['http', 'https'] as const).flatMap((scheme) =>
      [
        ['http', '127.0.0.1', undefined] as const,
        ['http', 'localhost', undefined] as const,
        ['http', '127.0.0.1', source] as const,
        ['grpc', '127.0.0.1', undefined] as const,
      ].map((kind) => [scheme, ...kind] as const),
    );
    return kinds.map(([scheme, protocol, host, body]) => {
      const port = ports[scheme][protocol];
      const to = endpoint(`i${instances++}`, { host, port, protocol, metadata: { scheme } });
      const abort = new OwnAbort();
      const path = protocol === 'grpc' ? '/demo.Demo/Any' : '/';
      const deadline = Deadline.after(DEADLINE_MS);
      const request = { method: 'POST', path, headers: {}, deadline, signal: abort.signal, abort };
      const sent = { protocol, ...request, body: body?.() ?? (protocol === 'grpc' ? Buffer.alloc(0) : 'x') };
      const outcome = (protocol === 'grpc' ? grpc : http).send(to, sent).then(
        ({ status }) => String(status),
        (error: unknown) => String(error),
      );
      // This process does not trust the certificate, which it sees when the handshake is over.
      const expected = scheme === 'http' ? '200' : 'SELF_SIGNED_CERT';
      return [`${scheme} ${protocol} ${host} ${body?.name ?? 'whole'}`, outcome, expected] as const;
    });
  }

  it('counts, with any protocol, address and body, whenever the stall has begun', async () => {
    // What the first call of a thread loads takes time.
    await Promise.all(begin().map(([, outcome]) => outcome));
    const calls = begin();
    await new Promise((resolve) => setTimeout(resolve, 3));
    calls.push(...begin());
    await new Promise((resolve) => setImmediate(resolve));
    calls.push(...begin());
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
    const failed: string[] = [];
    for (const [kind, outcome, expected] of calls)
      if (!(await outcome).includes(expected)) failed.push(`${kind}: ${await outcome}`);
    expect(failed).to.deep.equal([]);
  });
}).timeout(30_000);
