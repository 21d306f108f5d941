// Starts examples/three-primaries, as its README says.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cleanEnvironment, ROOT } from '#test/support/cluster.js';
import { markPending } from '#test/support/pending.js';
import { freePort } from '#test/support/ports.js';

export interface Primary {
  readonly url: string;
  readonly adminUrl: string;
  readonly pid: number;
}

export interface ThreePrimaries {
  readonly primaries: readonly Primary[];
  /** The proxy in front of them, and the file with its certificate. */
  readonly proxy: { readonly url: string; readonly certificate: string } | undefined;
  stop(): Promise<void>;
}

/** Marks a suite as pending where a Debian program is not installed. */
export function needs(context: Mocha.Context, program: string): void {
  if (spawnSync(program, ['version']).error === undefined) return;
  markPending(context, `${program} is not installed`);
}

/** Marks a test as pending where `curl` is built without HTTP/3. */
export function needsHttp3(context: Mocha.Context): void {
  const { stdout } = spawnSync('curl', ['--version'], { encoding: 'utf8' });
  if (stdout?.includes('HTTP3') !== true) markPending(context, 'needs curl with HTTP/3');
}

/** Longer than the tests take: then it ends also when its test has not ended it. */
const LONGEST_MS = 180_000;

const PRIMARY = /^primary (\d) (\S+) admin (\S+) pid (\d+) /;
const PROXY = /^(?:haproxy|caddy) (https:\S+) certificate (\S+)$/;

/** @throws Error with its output when it ends before all is ready */
export async function startThreePrimaries(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<ThreePrimaries> {
  const script = join(ROOT, 'examples/three-primaries/start.mjs');
  const PROXY_PORT = String(await freePort());
  const child = spawn(process.execPath, [script, ...args], {
    env: cleanEnvironment({ PROXY_PORT, ...env }),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LONGEST_MS,
  });
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
  };
  const lines: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
  const primaries: Primary[] = [];
  let proxy: ThreePrimaries['proxy'];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    const [, number, url, adminUrl, pid] = PRIMARY.exec(line) ?? [];
    if (pid !== undefined)
      primaries[Number(number) - 1] = { url: url!, adminUrl: adminUrl!, pid: Number(pid) };
    const [, proxyUrl, certificate] = PROXY.exec(line) ?? [];
    if (certificate !== undefined) proxy = { url: proxyUrl!, certificate };
    const isReady = Object.keys(primaries).length === 3;
    if (!isReady || (proxy === undefined && args.includes('--proxy'))) continue;
    child.stdout.resume();
    return { primaries, proxy, stop };
  }
  throw new Error(`the example has ended:\n${lines.join('\n')}`);
}
