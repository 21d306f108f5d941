// A process that `startCluster` has started, as its parent sees it: lines of output, the ready line among
// them, and an exit.
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const READY_LINE = /^multilane ready (https?:\/\/\S+) admin (https?:\/\/\S+)$/;

/** How a process has ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * The process did not start or end as it should. The message contains what it wrote to stderr, or else its
 * last lines of stdout.
 */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  /** Undefined when the process was still running. */
  readonly exit: Exit | undefined;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];

  constructor(
    what: string,
    exit: Exit | undefined,
    { stdout, stderr }: Pick<ClusterError, 'stdout' | 'stderr'>,
  ) {
    super([`multilane ${what}`, ...stderr, ...(stderr.length > 0 ? [] : stdout.slice(-20))].join('\n  '));
    this.exit = exit;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

export class StartedProcess {
  /** The lines written so far. */
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
  /**
   * Resolves when the process has ended and all of its output was read. Rejects with a ClusterError when it
   * could not be run.
   */
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #ready: Promise<{ url: string; adminUrl: string }>;

  /** @param child a process with piped stdout and stderr */
  constructor(child: ChildProcess) {
    const stdout: string[] = [];
    const stderr: string[] = [];
    this.stdout = stdout;
    this.stderr = stderr;
    this.#child = child;
    this.exited = new Promise((resolve, reject) => {
      child.once('error', ({ message }) =>
        reject(new ClusterError(`cannot run: ${message}`, undefined, this)),
      );
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    this.exited.catch(() => {});
    createInterface({ input: child.stdout! }).on('line', (line) => stdout.push(line));
    this.#ready = new Promise((resolve) => {
      createInterface({ input: child.stderr! }).on('line', (line) => {
        stderr.push(line);
        const [, url, adminUrl] = READY_LINE.exec(line) ?? [];
        if (url !== undefined && adminUrl !== undefined) resolve({ url, adminUrl });
      });
    });
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the process is ready. @throws ClusterError when it ends first, or is not ready in time */
  ready(ms: number): Promise<{ readonly url: string; readonly adminUrl: string }> {
    const early = this.exited.then((exit) => {
      throw new ClusterError(`ended (${endOf(exit)}) before it was ready:`, exit, this);
    });
    return this.#within(ms, Promise.race([this.#ready, early]), `was not ready within ${ms} ms:`);
  }

  /** Sends a signal and waits for the exit. @throws ClusterError when that takes longer than `ms` */
  stop(signal: NodeJS.Signals, ms: number): Promise<Exit> {
    this.#child.kill(signal);
    return this.#within(ms, this.exited, `has not ended ${ms} ms after ${signal}:`);
  }

  async #within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new ClusterError(what, undefined, this)), ms);
    });
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The exit as a text for messages. */
export const endOf = ({ code, signal }: Exit): string =>
  code === null ? `signal ${signal}` : `exit code ${code}`;
