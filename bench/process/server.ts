// Runs one server under test as a child process: starts it, reads its address from its output, and ends it in
// any case.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { serverEnvironment } from './environment.js';
import { killGroup, ProcessGroups } from './process-groups.js';

const READY_MS = 30_000;
const ORDERLY_MS = 15_000;
/** The servers that run. */
const RUNNING = new ProcessGroups();

export interface ServerCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Its variables, beside the few that every program needs. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Server {
  readonly name: string;
  readonly pid: number;
  /** URL of the server without a trailing slash. */
  readonly url: string;
  /** The whole line in which it was. */
  readonly readyLine: string;
  /** The time of its start, by `performance.now()`. */
  readonly started: number;
  /** Ends the server by SIGTERM, and by SIGKILL if it has not ended after 15 s. */
  stop(): Promise<void>;
}

/**
 * Starts a command and waits for the first line on stderr that contains "ready" and an address.
 * @throws Error with the output of the process when it ends before, or when no such line appears in time
 */
export async function startServer(command: ServerCommand): Promise<Server> {
  const started = performance.now();
  // A process group of its own: the processes that a server has started can be ended with it.
  const child = spawn(command.command, command.args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: serverEnvironment(command.env),
    detached: true,
    ...(command.cwd === undefined ? {} : { cwd: command.cwd }),
  });
  RUNNING.add(child);

  try {
    const readyLine = await firstReadyLine(child, command.name);
    const url = addressIn(readyLine)!;
    return { name: command.name, pid: child.pid as number, url, readyLine, started, stop: () => end(child) };
  } catch (error) {
    await end(child);
    throw error;
  }
}

/** The address in a line that reports a server ready; undefined in every other line. */
export const addressIn = (line: string): string | undefined => /\bready (https?:\/\/\S+)/.exec(line)?.[1];

function firstReadyLine(child: ChildProcess, name: string): Promise<string> {
  const lines: string[] = [];
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`${name} ${why}:\n${lines.join('\n')}`));
    const timer = setTimeout(fail, READY_MS, 'was not ready in time');
    child.once('error', (error) => fail(`did not start (${error.message})`));
    child.once('exit', (code, signal) => fail(`ended before it was ready (${code ?? signal})`));
    child.once('exit', () => clearTimeout(timer));
    createInterface({ input: child.stderr as NodeJS.ReadableStream }).on('line', (line) => {
      if (addressIn(line) === undefined) {
        if (lines.length < 50) lines.push(line);
        return;
      }
      clearTimeout(timer);
      resolve(line);
    });
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    const late = new AbortController();
    const timedOut = sleep(ORDERLY_MS, true, { signal: late.signal }).catch(() => false);
    if ((await Promise.race([exited.then(() => false), timedOut])) === true) killGroup(child);
    late.abort();
    await exited;
  }
  killGroup(child); // processes that it has left behind
}
