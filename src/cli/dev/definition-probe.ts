// Reads the definition of the project in processes of their own, one after the other: a module that is loaded
// cannot be loaded anew in the same process. The next process waits, with the runtime loaded.
import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { ProbeResult } from './probe.js';
import type { DefinitionOptions } from './project-definition.js';

const ENTRY = fileURLToPath(new URL('probe-process.js', import.meta.url));

export class DefinitionProbe {
  readonly #options: DefinitionOptions;
  #waiting: ChildProcess | undefined;
  #reading: ChildProcess | undefined;
  #isClosed = false;

  constructor(options: DefinitionOptions) {
    this.#options = options;
  }

  /** Begins the process for the next `read`, where there is none. */
  prepare(): void {
    if (!this.#isClosed) this.#waiting ??= this.#spawned();
  }

  /** A read in progress ends, with a failure that has no text. */
  async read(): Promise<ProbeResult> {
    this.#reading?.kill('SIGKILL');
    this.prepare();
    const child = this.#waiting;
    if (child === undefined) return { failure: '' };
    this.#waiting = undefined;
    this.#reading = child;
    // Only what the runtime writes about the end of the process stays; the child of `dev` has printed the
    // rest.
    const written = text(child.stderr!);
    const result = await new Promise<ProbeResult | undefined>((resolve) => {
      child.once('message', (message) => resolve(message as ProbeResult));
      child.once('close', () => resolve(undefined));
      child.once('error', () => resolve(undefined));
      child.send(this.#options, () => undefined);
    });
    if (this.#reading === child) this.#reading = undefined;
    return result ?? { failure: child.killed ? '' : await written };
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting?.kill('SIGKILL');
    this.#reading?.kill('SIGKILL');
  }

  #spawned(): ChildProcess {
    return spawn(process.execPath, [ENTRY], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  }
}
