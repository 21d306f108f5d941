// The applications of `node:http` that the services of a thread have mounted: they are made ready before the
// thread gets requests, and closed behind its last one.
import type { Logger } from 'pino';
import { withAllowance } from '../allowance.js';
import { errorMessage } from '../error-text.js';
import { toError } from '../telemetry/to-error.js';
import type { NodeApplication } from './handler.js';
import { type Closable, isClosable, prepareNode } from './node-application.js';

/** Where an application is mounted, as the log names it. */
interface Mount {
  readonly service: string;
  readonly prefix: string;
}

/** A mounted application of `node:http` cannot get requests: the cause is what it has thrown at its start. */
export class UnpreparedError extends TypeError {
  /** E.g. `service demo, mountNode /old`. */
  readonly what: string;
  /** Its stack shows where the application was mounted. */
  readonly declaration: Error;

  constructor(what: string, declaration: Error, cause: unknown) {
    super(`${what}: ${errorMessage(cause)}`, { cause });
    this.what = what;
    this.declaration = declaration;
  }
}

export class MountedApplications {
  readonly #log: Pick<Logger, 'error' | 'warn'>;
  /** What `prepared` waits for. */
  readonly #preparations: (() => Promise<void>)[] = [];
  /** Those to close, by the first of their mounts: each is closed once. */
  readonly #closable = new Map<Closable, Mount>();
  /** Those whose `close` has not settled. */
  readonly #open = new Set<Mount>();
  #closing: Promise<unknown> | undefined;

  constructor(log: Pick<Logger, 'error' | 'warn'>) {
    this.#log = log;
  }

  /**
   * @param fault makes the error of an application that cannot start
   * @returns whether the application may get requests
   */
  add(application: NodeApplication, mount: Mount, fault: (cause: unknown) => UnpreparedError): () => boolean {
    let isPrepared = false;
    this.#preparations.push(async () => {
      try {
        if (isClosable(application) && !this.#closable.has(application))
          this.#closable.set(application, mount);
        await prepareNode(application);
      } catch (cause) {
        throw fault(cause);
      }
      isPrepared = true;
    });
    return () => isPrepared;
  }

  /** Call it once. @throws what `fault` makes for an application that cannot start */
  async prepared(): Promise<void> {
    await Promise.all(this.#preparations.map((prepare) => prepare()));
  }

  /** Whether `close` has something to do. */
  get haveToClose(): boolean {
    return this.#closable.size > 0;
  }

  /**
   * Closes the applications that have a method `close`: those of Fastify then run their `onClose` hooks.
   * Resolves at the latest after `withinMs`, and never rejects. A further call closes nothing again.
   */
  async close(withinMs: number): Promise<void> {
    if (!this.haveToClose) return;
    this.#closing ??= Promise.all(
      [...this.#closable].map(([application, mount]) => this.#closeOne(application, mount)),
    );
    const { hasEnded } = await withAllowance(withinMs, this.#closing);
    if (hasEnded) return;
    for (const mount of this.#open)
      this.#log.warn(mount, 'close() of a mounted application takes too long; ending without it');
  }

  async #closeOne(application: Closable, mount: Mount): Promise<void> {
    this.#open.add(mount);
    try {
      await application.close();
    } catch (error) {
      this.#log.error({ ...mount, err: toError(error) }, 'a mounted application was not closed in order');
    }
    this.#open.delete(mount);
  }
}
