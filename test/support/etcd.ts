// A real etcd of one member.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { markPending } from './pending.js';
import { accepts, freePort } from './ports.js';
import { until } from './until.js';

const hasEtcd = spawnSync('etcd', ['--version']).status === 0;

/** Marks a test, or the suite of a `before` hook, as pending where `etcd` is not installed. */
export function needsEtcd(context: Mocha.Context): void {
  if (hasEtcd) return;
  markPending(context, 'etcd-server is not installed');
}

export interface TestEtcd {
  readonly port: number;
  readonly url: string;
  /** Ends it as a power cut does; `start` goes on with its data. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** Removes the data of one that was killed, so that it starts as a new one. */
  lose(): void;
  /** Ends it, keeps a copy of its data, and starts it again. */
  backUp(): Promise<void>;
  /** Ends it, and starts it again with that copy. */
  setBack(): Promise<void>;
  close(): Promise<void>;
}

/** @param tls paths of a certificate and its key @param more arguments */
export async function startEtcd(
  tls?: { readonly cert: string; readonly key: string },
  more: readonly string[] = [],
): Promise<TestEtcd> {
  const folder = mkdtempSync(join(tmpdir(), 'etcd-'));
  const backup = `${folder}-backup`;
  const [port, peer] = [await freePort(), await freePort()];
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const peers = `http://127.0.0.1:${peer}`;
  const args = [
    ...['--data-dir', folder, '--unsafe-no-fsync', '--log-level', 'error'],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
    ...['--initial-cluster', `default=${peers}`],
    ...(tls === undefined ? [] : ['--cert-file', tls.cert, '--key-file', tls.key]),
    ...more,
  ];
  let process: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    const started = spawn('etcd', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    process = started;
    const errors: Buffer[] = [];
    started.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    await until(async () => {
      if (started.exitCode !== null) throw new Error(`etcd ended early: ${Buffer.concat(errors).toString()}`);
      return accepts(port);
    }, Boolean);
  };
  const kill = async (): Promise<void> => {
    if (process === undefined) return;
    const ended = once(process, 'exit');
    process.kill('SIGKILL');
    process = undefined;
    await ended;
  };
  /** Starts it again with a copy of the data. */
  const copied = async (from: string, to: string): Promise<void> => {
    await kill();
    rmSync(to, { recursive: true, force: true });
    cpSync(from, to, { recursive: true });
    await start();
  };
  await start();
  return {
    ...{ port, url, kill, start },
    lose: () => rmSync(folder, { recursive: true, force: true }),
    backUp: () => copied(folder, backup),
    setBack: () => copied(backup, folder),
    async close() {
      await kill();
      for (const one of [folder, backup]) rmSync(one, { recursive: true, force: true });
    },
  };
}
