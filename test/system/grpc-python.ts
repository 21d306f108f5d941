// A client in Python that calls all the time while gRPC workers are replaced: the short and the long form.
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { expect } from 'chai';
import { startCluster } from '#test/support/cluster.js';
import { rollOnce } from '#test/support/rolling.js';
import { rpcPorts } from '#test/support/rpc-client.js';
import { RPC } from './fixtures/paths.js';

/** The Python of Debian, which has the package python3-grpcio. */
const PYTHON = '/usr/bin/python3';

interface Account {
  readonly succeeded: readonly number[];
  readonly failures: readonly string[];
  readonly failed: number;
}

/** Skips a suite where Python has no gRPC. */
export function needsPython(context: Mocha.Context): void {
  try {
    execFileSync(PYTHON, ['-c', 'import grpc'], { stdio: 'ignore' });
  } catch {
    context.skip();
  }
}

interface Rolling {
  readonly workers: number;
  /** The threads of the client that call over the channel of each worker. */
  readonly lanes: number;
  readonly rolls: number;
}

/** @returns what the calls of one channel to each worker have come to */
export async function rollUnderPython({ workers, lanes, rolls }: Rolling): Promise<Account> {
  // With its limit, calls would be rejected where other programs use the core.
  const limits = { ADAPTIVE_LIMIT: 'off' };
  const env = { WORKERS: '1', GRPC_PORT: '0', GRPC_WORKERS: String(workers), ...limits };
  const cluster = await startCluster({ config: RPC, env });
  let client: ChildProcessByStdio<Writable, Readable, null> | undefined;
  try {
    const addresses = (await rpcPorts(cluster)).map((port) => `127.0.0.1:${port}`);
    client = spawn(PYTHON, ['test/grpc/fixtures/steady.py', String(lanes), ...addresses], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let text = '';
    client.stdout.on('data', (piece) => {
      text += piece;
    });
    while (text.split('begun').length <= workers) await once(client.stdout, 'data');
    for (let roll = 0; roll < rolls; roll++) await rollOnce(cluster);
    client.stdin.end();
    await once(client, 'close');
    // Threads of Python write the word and the end of its line separately.
    const account = JSON.parse(text.replaceAll('begun', '')) as Account;
    expect(account.succeeded).to.have.length(workers);
    return account;
  } finally {
    client?.kill('SIGKILL');
    await cluster.dispose();
  }
}
