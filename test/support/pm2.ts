// The real pm2 with a home folder of its own: its daemon, and the cluster under it, started with the shipped
// ecosystem.config.cjs.
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isProcessAlive } from '#src/process/process-identity.js';
import { closeIdleConnections } from './client.js';
import { cleanEnvironment, isolated, newDataDir, PRIMARY, ROOT } from './cluster.js';
import { delayingProxy } from './delaying-proxy.js';
import { keepAliveLoad, type LoadAccount } from './keep-alive-load.js';
import { leftovers, reap } from './leftovers.js';
import { PACE_MS } from './pace.js';
import { freePort } from './ports.js';
import { PATIENT_DRAIN_MS, THINK_MS, THINKERS } from './rolling.js';
import { until } from './until.js';
import { Wire, type WireResponse } from './wire.js';

const PM2 = join(ROOT, 'node_modules/pm2/bin/pm2');
const COMMAND_MS = 60_000;
/** Start time of an empty Node.js: twice the 40 ms that the slowest machine of ours needed. */
const EMPTY_START_MS = 80;
const MIGRATES = readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() === '1';

export interface Pm2Options {
  /** Settings by variable name. */
  readonly env?: Readonly<Record<string, string>>;
  /** Path of a configuration module. Default: none, for the reference shop. */
  readonly config?: string;
  /** Settings of the app that replace those of the shipped ecosystem file. */
  readonly app?: Readonly<Record<string, unknown>>;
}

export interface Pm2App {
  readonly pid: number;
  readonly status: string;
  readonly restarts: number;
  readonly exitCode: number | undefined;
}

export class Pm2 {
  readonly dataDir = newDataDir();
  readonly url: string;
  readonly adminUrl: string;
  readonly #env: Record<string, string>;
  #apps = 0;

  private constructor(port: number, adminPort: number) {
    this.url = `http://127.0.0.1:${port}`;
    this.adminUrl = `http://127.0.0.1:${adminPort}`;
    // `reap` recognises the processes, the daemon included, by DATA_DIR.
    this.#env = cleanEnvironment({
      ...isolated(this.dataDir),
      PORT: String(port),
      ADMIN_PORT: String(adminPort),
      DRAIN_MS: String(PATIENT_DRAIN_MS),
      PM2_HOME: join(this.dataDir, 'pm2'),
      PM2_DISABLE_VERSION_CHECK: 'true',
    });
  }

  /** Starts a daemon with one app, `multilane`, and waits until it is ready. */
  static async start(options: Pm2Options = {}): Promise<Pm2> {
    const pm2 = new Pm2(await freePort(), await freePort());
    try {
      await pm2.startApp('multilane', options);
      return pm2;
    } catch (error) {
      await pm2.dispose();
      throw error;
    }
  }

  /** Starts an app. Resolves when it is ready, or has ended before. */
  async startApp(name: string, { env = {}, config, app = {} }: Pm2Options): Promise<void> {
    this.#apps += 1;
    const file = join(this.dataDir, `ecosystem-${this.#apps}.config.cjs`);
    const changes = {
      name,
      script: PRIMARY,
      cwd: this.dataDir,
      args: config === undefined ? ['--demo'] : ['--config', config],
      env: { ...this.#env, ...env },
      out_file: this.#logFile(name, 'out'),
      error_file: this.#logFile(name, 'error'),
      merge_logs: true,
      ...app,
    };
    const shipped = JSON.stringify(join(ROOT, 'ecosystem.config.cjs'));
    const text = `const { apps: [app] } = require(${shipped});
module.exports = { apps: [{ ...app, ...${JSON.stringify(changes)} }] };\n`;
    writeFileSync(file, text);
    await this.command('start', file);
  }

  /**
   * Runs a command of pm2 and returns its output. Idle connections of `fetch` are closed, so that they delay
   * no drain. @throws Error when the command fails
   */
  async command(...args: string[]): Promise<string> {
    closeIdleConnections();
    const { stdout } = await promisify(execFile)(process.execPath, [PM2, ...args], {
      cwd: this.dataDir,
      env: this.#env,
      timeout: COMMAND_MS,
    });
    return stdout;
  }

  async app(name = 'multilane'): Promise<Pm2App> {
    const text = await this.command('jlist');
    const list = JSON.parse(text.slice(text.indexOf('['))) as readonly {
      readonly name: string;
      readonly pid: number;
      readonly pm2_env: {
        readonly status: string;
        readonly restart_time: number;
        readonly exit_code?: number;
      };
    }[];
    const { pid, pm2_env: env } = list.find((one) => one.name === name)!;
    return { pid, status: env.status, restarts: env.restart_time, exitCode: env.exit_code };
  }

  /** Sends a GET request over a connection of its own. @returns undefined when there is no response */
  async ask(path: string): Promise<WireResponse | undefined> {
    let wire: Wire;
    try {
      wire = await Wire.open(this.url);
    } catch {
      return undefined;
    }
    try {
      return await wire.request('GET', path);
    } finally {
      wire.destroy();
    }
  }

  /** The pid of the process that serves the data plane. @throws Error when none does */
  async servingPid(): Promise<number> {
    const response = await this.ask('/thread');
    if (response?.status !== 200) throw new Error(`no process serves: ${response?.status}`);
    return (JSON.parse(response.body.toString()) as { readonly pid: number }).pid;
  }

  /**
   * Reloads the app while clients keep connections alive, busy ones and ones that pause between two requests,
   * and others open one for each request. Unless `net.ipv4.tcp_migrate_req` is set, the kernel resets
   * connections that it has completed for the listener of the old process when that one closes: these are
   * counted as `untaken`.
   * @param paceMs the pause of the clients that do not think
   */
  async reloadUnderLoad(
    path: string,
    seed: number,
    times = 1,
    paceMs = PACE_MS,
  ): Promise<readonly LoadAccount[]> {
    const proxy = await delayingProxy(this.url, seed);
    const thinking = keepAliveLoad(proxy.url, [path], THINKERS, { thinkMs: THINK_MS, seed });
    const fresh = keepAliveLoad(this.url, [path], 4, { paceMs, perConnection: 1 });
    const kept = keepAliveLoad(this.url, [path], 4, { paceMs });
    for (const load of [kept, fresh]) await load.answered(20);
    await thinking.answered(THINKERS);
    const loads = [kept, thinking, fresh];
    if (!MIGRATES) for (const load of [thinking, fresh]) load.drainBegins();
    for (let time = 0; time < times; time += 1) await this.command('reload', 'multilane');
    await Promise.all(loads.map((load) => load.stop()));
    await proxy.close();
    return loads.map(({ account }) => account);
  }

  /** The stderr of an app so far, over all its processes. */
  stderr(name = 'multilane'): string {
    return readFileSync(this.#logFile(name, 'error'), 'utf8');
  }

  stdout(name = 'multilane'): string {
    return readFileSync(this.#logFile(name, 'out'), 'utf8');
  }

  /** How often the app has become ready. */
  get readyLines(): number {
    return this.stderr().split('multilane ready ').length - 1;
  }

  /**
   * @param pid the serving process
   * @param end ends the process; called until it has ended
   * @returns the milliseconds from its end until another one responds, as on an idle machine
   */
  async outage(path: string, pid: number, end: () => unknown): Promise<number> {
    const slowBefore = await slowness();
    for (;;) {
      await end();
      if (!isProcessAlive(pid)) break;
      await sleep(1);
    }
    const died = performance.now();
    await until(
      async () => (await this.ask(path))?.status === 200,
      (yes) => yes,
      60_000,
    );
    const took = performance.now() - died;
    // Tests beside this one begin and end meanwhile.
    return took / Math.max(slowBefore, await slowness());
  }

  readyAgain(count: number): Promise<number> {
    return until(
      () => this.readyLines,
      (now) => now >= count,
    );
  }

  leftovers(): string[] {
    return leftovers(this.dataDir);
  }

  /** Stops the app in order, ends the daemon and all processes that are left, and removes the folder. */
  async dispose(): Promise<void> {
    await this.command('kill').catch(() => undefined); // processes that it leaves are ended by `reap`
    await reap(this.dataDir);
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  #logFile(name: string, stream: 'out' | 'error'): string {
    return join(this.dataDir, `${name}-${stream}.log`);
  }
}

/**
 * How many times slower this machine is now than when it is idle, measured by the start of an empty Node.js;
 * at least 1. Bounds on a start hold for an idle machine.
 */
async function slowness(): Promise<number> {
  const began = performance.now();
  await promisify(execFile)(process.execPath, ['-e', '0']);
  return Math.max(1, (performance.now() - began) / EMPTY_START_MS);
}
