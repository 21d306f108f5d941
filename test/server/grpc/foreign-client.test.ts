import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { NotFoundError } from '#src/errors.js';
import type { RpcContext } from '#src/server/grpc/rpc-handler.js';
import { makeCertificate, needsOpenssl, type TestCertificate } from '#test/support/certificate.js';
import { EVERYTHING, type RpcBench, rpcBench } from './kit.js';

/** The Python of Debian, which has the package python3-grpcio. */
const PYTHON = '/usr/bin/python3';
const run = promisify(execFile);

type Item = { readonly id: string; readonly name: string; readonly count: number };

/** The checks of client.py, in their order. */
const CHECKS = [
  'unary',
  'server_stream',
  'client_stream',
  'both_streams',
  'deadline',
  'cancel',
  'cancel_of_stream',
  'failures',
  'unknown_method',
  'too_large',
  'compressed',
  'compressed_too_large',
  'health',
  'reflection',
];

/** What the checks of client.py call. */
const HANDLERS = {
  Get(item: Item, ctx: RpcContext) {
    if (item.name === 'missing') throw new NotFoundError('No such item: ä.');
    if (item.name !== 'slow') return { id: item.id, name: `${item.name}!` };
    return new Promise((_resolve, reject) => {
      ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason as Error));
    });
  },
  async *List({ count }: Item) {
    for (let id = 1; id <= count; id++) yield { id };
  },
  async Collect(items: AsyncIterable<Item>) {
    const names: string[] = [];
    for await (const { name } of items) names.push(name);
    return { count: names.length, names };
  },
  async *Chat(items: AsyncIterable<Item>) {
    for await (const { name } of items) yield { name: name.toUpperCase() };
  },
};

describe('a gRPC client in Python', () => {
  let bench: RpcBench | undefined;
  before(async function () {
    await run(PYTHON, ['-c', 'import grpc']).catch(() => this.skip());
  });
  afterEach(() => bench?.close());

  it('calls methods of all kinds, and sees deadlines, cancellations, failures, limits, health and reflection', async () => {
    bench = await rpcBench(HANDLERS, { reflection: [EVERYTHING] });
    bench.server.health.set('', true);
    bench.server.health.set('multilane.test.v1.Everything', true);
    const { stdout } = await run(PYTHON, ['test/grpc/fixtures/client.py', `127.0.0.1:${bench.port}`]);
    expect(stdout.trim().split('\n')).to.deep.equal(CHECKS);
  }).timeout(60_000);

  it('does the same over TLS with a certificate of its own, and is refused without one', async function () {
    needsOpenssl(this);
    const folder = await mkdtemp(join(tmpdir(), 'multilane-grpc-'));
    try {
      const server = makeCertificate(folder, 'server');
      const own = makeCertificate(folder, 'client');
      const stranger = makeCertificate(folder, 'stranger');
      const tls = { certFile: server.certFile, keyFile: server.keyFile, clientCaFile: own.certFile };
      bench = await rpcBench(HANDLERS, { tls, reflection: [EVERYTHING] });
      bench.server.health.set('', true);
      bench.server.health.set('multilane.test.v1.Everything', true);
      const address = `127.0.0.1:${bench.port}`;
      const client = ({ keyFile, certFile }: TestCertificate): ReturnType<typeof run> =>
        run(PYTHON, ['test/grpc/fixtures/client.py', address, server.certFile, keyFile, certFile]);
      expect(
        String((await client(own)).stdout)
          .trim()
          .split('\n'),
      ).to.deep.equal(CHECKS);
      const failure = await client(stranger).catch((error: Error) => error.message);
      expect(failure).to.include('UNAVAILABLE');
    } finally {
      await rm(folder, { recursive: true });
    }
  }).timeout(60_000);
});
