// Runs one server under test as a child process: starts it, reads its address from its output, and ends it in
// any case.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const READY_MS = 30_000;
const ORDERLY_MS = 15_000;

export interface ServerCommand {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Server {
  readonly name: string;
  readonly pid: number;
  /** URL of the server without a trailing slash. */
  readonly url: string;
  /** Milliseconds from the start of the process to its ready line. */
  readonly startMs: number;
  /** Ends the server by SIGTERM, and by SIGKILL if it has not ended after 15 s. */
  stop(): Promise<void>;
}

/**
 * Starts `node ...args` and waits for the first line on stderr that contains "ready" and an address.
 * @throws Error with the output of the process when it ends before, or when no such line appears in time
 */
export async function startServer(command: ServerCommand): Promise<Server> {
  const started = performance.now();
  const child = spawn(process.execPath, command.args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...command.env },
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  });
  // The child is ended with this process, whether that ends by a throw or by process.exit().
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));

  try {
    const url = await readyLine(child, command.name);
    const startMs = performance.now() - started;
    return { name: command.name, pid: child.pid as number, url, startMs, stop: () => end(child) };
  } catch (error) {
    await end(child);
    throw error;
  }
}

function readyLine(child: ChildProcess, name: string): Promise<string> {
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${name} ${why}:\n${said.join('\n')}`));
    const timer = setTimeout(fail, READY_MS, 'was not ready in time');
    child.once('error', (error) => fail(`did not start (${error.message})`));
    child.once('exit', (code, signal) => fail(`ended before it was ready (${code ?? signal})`));
    child.once('exit', () => clearTimeout(timer));
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      said.push(line);
      const url = /\bready (https?:\/\/\S+)/.exec(line)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const late = new AbortController();
  const timedOut = sleep(ORDERLY_MS, true, { signal: late.signal }).catch(() => false);
  if ((await Promise.race([exited.then(() => false), timedOut])) === true) child.kill('SIGKILL');
  late.abort();
  await exited;
}
