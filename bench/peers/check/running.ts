// Starts a peer in a process group of its own, and ends it as the contract of the peers says.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Peer } from './peer.js';

const READY_MS = 30_000;
const END_MS = 2_000;
const LOOK_MS = 20;
const WORKERS = '2';

export interface Running {
  readonly url: string;
  /** Sends SIGTERM. Returns a fault when not all processes of the peer have ended within 2 s. */
  end(): Promise<string | undefined>;
}

/** @throws Error with what the peer printed when it is not ready in time */
export async function start(peer: Peer): Promise<Running> {
  const [program = '', ...args] = peer.command;
  const child = spawn(program, [...args, WORKERS], {
    cwd: peer.folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  const killAll = (): void => void signalGroup(child, 'SIGKILL');
  process.once('exit', killAll);
  child.once('close', () => process.off('exit', killAll));
  try {
    const url = await readyAddress(child);
    return { url, end: () => end(child) };
  } catch (error) {
    killAll();
    throw error;
  }
}

function readyAddress(child: ChildProcess): Promise<string> {
  const printed: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (what: string): void => reject(new Error([what, ...printed].join('\n')));
    const timer = setTimeout(fail, READY_MS, 'was not ready in 30 s');
    child.once('error', (error) => fail(`did not start: ${error.message}`));
    child.once('close', (code, signal) => fail(`ended before it was ready (${code ?? signal})`));
    child.once('close', () => clearTimeout(timer));
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      printed.push(line);
      const url = /^ready (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}

async function end(child: ChildProcess): Promise<string | undefined> {
  child.kill('SIGTERM');
  const deadline = performance.now() + END_MS;
  while (signalGroup(child, 0)) {
    if (performance.now() > deadline) {
      signalGroup(child, 'SIGKILL');
      return 'had processes left 2 s after SIGTERM';
    }
    await sleep(LOOK_MS);
  }
  return undefined;
}

/** Returns whether the group has a process. Signal 0 only looks. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals | 0): boolean {
  if (child.pid === undefined) return false;
  try {
    return process.kill(-child.pid, signal);
  } catch {
    return false;
  }
}
