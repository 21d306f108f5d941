// The child process of `multilane dev`. There is one at a time: the next one starts when the last one has
// exited and released its ports.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { DEV_CHILD, onDevMessage, type ReloadOrder, type ReloadResult } from '../process/dev-channel.js';
import { ADDRESSES, type Addresses } from '../process/ready.js';

/**
 * Time after which SIGTERM is sent again. A second signal at least 1 s after the first stops a process at
 * once (docs/cluster.md).
 */
const RESEND_MS = 3_000;

/** `gone`: no process runs. */
export type DevProcessState = 'gone' | 'starting' | 'ready';

export interface DevProcessEvents {
  /** Called when the child ends by itself, with its signal or exit code. */
  died(how: string): void;
  /** Called each time that a child is ready. */
  ready(addresses: Addresses): void;
  /** Called with each new child, before it runs. */
  started?(child: ChildProcess): void;
}

export class DevProcess {
  readonly #args: readonly string[];
  readonly #events: DevProcessEvents;
  #child: ChildProcess | undefined;
  #state: DevProcessState = 'gone';
  #stopping: Promise<void> | undefined;
  #ended = false;
  readonly #settling = new Set<() => void>();
  /** Reloads whose result has not come. */
  readonly #reloading = new Set<(result: ReloadResult | undefined) => void>();

  constructor(entry: string, args: readonly string[], events: DevProcessEvents) {
    this.#args = [entry, ...args];
    this.#events = events;
  }

  get state(): DevProcessState {
    return this.#state;
  }

  /** Runs the child to its end. @returns its exit code */
  async run(): Promise<number> {
    const [code] = (await once(this.#spawn(), 'exit')) as [number | null];
    return code ?? 1;
  }

  start(): void {
    if (this.#ended) return;
    const child = this.#spawn();
    this.#child = child;
    this.#state = 'starting';
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      this.#endReloads(undefined);
      this.#settle('gone');
      if (this.#stopping === undefined) this.#events.died(signal ?? `exit code ${code}`);
    });
    child.on('message', (message) => {
      // A channel that has been closed means that the child has ended, which `exit` reports.
      if (message === 'ready') child.send(ADDRESSES, () => undefined);
      else if (areAddresses(message)) {
        this.#settle('ready');
        this.#events.ready(message);
      }
    });
    onDevMessage(child, 'reloaded', (result) => this.#endReloads(result));
    this.#events.started?.(child);
  }

  /** Resolves when the child is ready or gone. */
  async settled(): Promise<void> {
    if (this.#state !== 'starting') return;
    await new Promise<void>((resolve) => this.#settling.add(resolve));
  }

  /** Has the child replace its workers. @returns how it went; undefined when the child has ended meanwhile */
  async reload(): Promise<ReloadResult | undefined> {
    const child = this.#child;
    if (child === undefined) return undefined;
    const order: ReloadOrder = { dev: 'reload' };
    child.send(order, () => undefined);
    return new Promise((resolve) => this.#reloading.add(resolve));
  }

  /**
   * Restarts the child. A call while it is being stopped does nothing, because the next child has that change
   * too.
   */
  async restart(): Promise<void> {
    if (this.#stopping !== undefined) return;
    await this.#end();
    this.start();
  }

  /** Stops the child and starts no other. A second call stops it at once. */
  async stop(): Promise<void> {
    this.#ended = true;
    await this.#end();
  }

  /** Kills the child, which has had its time. */
  kill(): void {
    this.#ended = true;
    this.#child?.kill('SIGKILL');
  }

  async #end(): Promise<void> {
    if (this.#stopping !== undefined) this.#child?.kill('SIGTERM');
    this.#stopping ??= this.#untilGone().finally(() => {
      this.#stopping = undefined;
    });
    await this.#stopping;
  }

  async #untilGone(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const again = setInterval(() => child.kill('SIGTERM'), RESEND_MS);
    await gone;
    clearInterval(again);
  }

  #endReloads(result: ReloadResult | undefined): void {
    for (const resolve of this.#reloading) resolve(result);
    this.#reloading.clear();
  }

  #settle(state: DevProcessState): void {
    this.#state = state;
    for (const resolve of this.#settling) resolve();
    this.#settling.clear();
  }

  /** The child's input is not the terminal, so a SIGHUP of the terminal does not reach its own handling. */
  #spawn(): ChildProcess {
    return spawn(process.execPath, this.#args, {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      argv0: DEV_CHILD,
    });
  }
}

const areAddresses = (message: unknown): message is Addresses =>
  typeof (message as Partial<Addresses> | null)?.adminPlane === 'string';
