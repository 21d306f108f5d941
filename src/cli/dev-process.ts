// The child of `multilane dev`: one at a time, and the next only when the last one is gone with its ports.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A second signal at least 1 s after the first means "now" (docs/cluster.md). */
const PATIENCE_MS = 3_000;

export class DevProcess {
  readonly #args: readonly string[];
  readonly #died: (how: string) => void;
  #child: ChildProcess | undefined;
  #stopping: Promise<void> | undefined;
  #ended = false;

  /** @param died told when it ends by itself */
  constructor(entry: string, args: readonly string[], died: (how: string) => void) {
    this.#args = [entry, ...args];
    this.#died = died;
  }

  /** To its end. @returns its exit code */
  async run(): Promise<number> {
    const [code] = (await once(this.#spawn(), 'exit')) as [number | null];
    return code ?? 1;
  }

  start(): void {
    if (this.#ended) return;
    const child = this.#spawn();
    this.#child = child;
    child.once('exit', (code, signal) => {
      this.#child = undefined;
      if (this.#stopping === undefined) this.#died(signal ?? `exit code ${code}`);
    });
  }

  /** Changes that come while it is being stopped are in the one that is started then. */
  async restart(): Promise<void> {
    if (this.#stopping !== undefined) return;
    await this.#end();
    this.start();
  }

  /** For good. Asked again, it stops at once. */
  async stop(): Promise<void> {
    this.#ended = true;
    await this.#end();
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
    const again = setInterval(() => child.kill('SIGTERM'), PATIENCE_MS);
    await gone;
    clearInterval(again);
  }

  /** Its input is not the terminal: what it does on SIGHUP is ours to decide. */
  #spawn(): ChildProcess {
    return spawn(process.execPath, this.#args, { stdio: ['ignore', 'inherit', 'inherit'] });
  }
}
