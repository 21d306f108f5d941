// How a gRPC worker gets the port of its worker, and gives it up to its successor. A port may still be in use
// for a moment by the thread or the process that is to give it up.
import { setTimeout as delay } from 'node:timers/promises';
import type { ListenOrder } from '../cluster/messages.js';
import { StartError } from '../errors.js';
import type { GrpcServer } from '../server/grpc/grpc-server.js';

/** The pause between two attempts, in milliseconds: it doubles from the first to the longest. */
const PAUSE_MS = { first: 2, longest: 50 };

export interface GrpcListenerOptions {
  readonly server: Pick<GrpcServer, 'listen' | 'stopListening'>;
  /** GRPC_HOST */
  readonly host: string;
  /** The worker listens. */
  listening(port: number): void;
  /** The worker is ready: called once, as soon as it listens, or before that where it need not listen yet. */
  ready(): void;
  /**
   * The worker cannot listen.
   * @param error names setting and port
   * @param wasReady it was ready before
   */
  failed(error: StartError, wasReady: boolean): void;
}

export class GrpcListener {
  readonly #options: GrpcListenerOptions;
  /** Ends the attempts to listen. */
  #attempts: AbortController | undefined;
  #isListening = false;
  #isReady = false;

  constructor(options: GrpcListenerOptions) {
    this.#options = options;
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  /** Carries out an order of the primary. Never rejects. */
  async listen(order: ListenOrder): Promise<void> {
    if (this.#isListening || this.#attempts !== undefined) return;
    if (order.isShared) this.#ready();
    const attempts = new AbortController();
    this.#attempts = attempts;
    try {
      const port = await this.#bind(order, attempts.signal);
      if (port === undefined) return;
      this.#isListening = true;
      this.#options.listening(port);
      this.#ready();
    } catch (error) {
      if (!attempts.signal.aborted) this.#failed(order.port, error);
    } finally {
      if (this.#attempts === attempts) this.#attempts = undefined;
    }
  }

  /** Gives up the port. Connections live on. Resolves when the port is free. */
  async unbind(): Promise<void> {
    this.#attempts?.abort();
    this.#attempts = undefined;
    this.#isListening = false;
    await this.#options.server.stopListening();
  }

  /** @returns undefined when the port is not wanted any more */
  async #bind({ port, withinMs }: ListenOrder, signal: AbortSignal): Promise<number | undefined> {
    const { server, host } = this.#options;
    const until = performance.now() + withinMs;
    for (let pauseMs = PAUSE_MS.first; ; pauseMs = Math.min(2 * pauseMs, PAUSE_MS.longest)) {
      try {
        const bound = await server.listen(port, host);
        if (!signal.aborted) return bound;
        await server.stopListening();
        return undefined;
      } catch (error) {
        if (!isInUse(error) || performance.now() > until) throw error;
      }
      await delay(pauseMs);
      if (signal.aborted) return undefined;
    }
  }

  #failed(port: number, error: unknown): void {
    const { host } = this.#options;
    this.#options.failed(cannotListen(port, host, error), this.#isReady);
  }

  #ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#options.ready();
  }
}

const isInUse = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EADDRINUSE';

function cannotListen(port: number, host: string, cause: unknown): StartError {
  const { code = String(cause) } = cause as NodeJS.ErrnoException;
  const what = code === 'EADDRINUSE' ? 'the port is in use by another program' : code;
  return new StartError(`cannot listen on ${host}:${port} (GRPC_HOST, GRPC_PORT): ${what}`, { cause });
}
