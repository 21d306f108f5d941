// Starts a cluster through another program, such as npm or a terminal, whose output is all that is known of
// it.
import { type ChildProcess, spawn } from 'node:child_process';
import { cleanEnvironment, type Exit, isolated, ROOT, within } from './cluster.js';

const READY = /multilane ready (https?:\/\/\S+) admin (https?:\/\/\S+)/;
const READY_MS = 40_000;
const STOP_MS = 25_000;

export interface Started {
  readonly url: string;
  readonly adminUrl: string;
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Settles when the started program itself has ended. @throws Error after 25 s */
  exited(): Promise<Exit>;
}

/** Runs a command, by default in the repository, and waits for the ready line in its output. */
export async function startThrough(
  command: string,
  args: readonly string[],
  dataDir: string,
  env: Readonly<Record<string, string>> = {},
  cwd = ROOT,
): Promise<Started> {
  const child = spawn(command, args, {
    cwd,
    env: cleanEnvironment({ ...isolated(dataDir), ...env }),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let text = '';
  const exit = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
  });
  const ready = new Promise<RegExpExecArray>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      const found = READY.exec(text);
      if (found !== null) resolve(found);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`${command} ended with ${code ?? signal}:\n${text}`)),
    );
  });
  const [, url, adminUrl] = await within(READY_MS, ready, () => text);
  return {
    url: url as string,
    adminUrl: adminUrl as string,
    child,
    output: () => text,
    exited: () => within(STOP_MS, exit, () => `${command} still runs:\n${text}`),
  };
}
