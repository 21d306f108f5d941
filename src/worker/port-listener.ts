// How a thread gets the port of its worker, and gives it up to its successor. A port may still be in use for
// a moment by the thread or the process that is to give it up. A worker that was ready before keeps
// trying for as long as it is to listen: its connections are served meanwhile.
import { setTimeout as delay } from 'node:timers/promises';
import { Allowance } from '../allowance.js';
import { type ListenSettings, listenFailure } from '../cluster/listen-failure.js';
import type { ListenOrder } from '../cluster/messages.js';
import { StartError } from '../errors.js';

/**
 * The pause between two attempts, in milliseconds: it doubles from the first to the longest, or, once the
 * time of the order is over, to the last.
 */
const PAUSE_MS = { first: 2, longest: 50, last: 1_000 };

export interface PortServer {
  /** @returns the port @throws Error of the system, with its code, when the server cannot listen */
  listen(port: number, host: string): Promise<number>;
  /** Connections live on. The port is free afterwards. */
  stopListening(withinMs?: number): void | Promise<void>;
}

export interface PortListenerOptions {
  readonly server: PortServer;
  readonly host: string;
  readonly settings: ListenSettings;
  /** The worker listens. */
  listening(port: number): void;
  /** The worker is ready: called once, as soon as it listens, or before that where it need not listen yet. */
  ready(): void;
  /**
   * The worker cannot listen within the time of the order, and was not ready before.
   * @param error names setting and port
   * @param isHopeless another program has the port
   */
  failed(error: StartError, isHopeless: boolean): void;
  /**
   * The worker was ready before, and cannot listen: the port is in use for longer than the time of the order,
   * or there is another reason. It keeps trying. Called once until it listens.
   * @param error as for `failed`
   */
  late(error: StartError): void;
}

export class PortListener {
  readonly #options: PortListenerOptions;
  /** The worker is to listen; aborted when it is to give up the port. */
  #wanted: AbortController | undefined;
  /** Orders are carried out one after the other. */
  #last: Promise<void> = Promise.resolve();
  #isListening = false;
  #isReady = false;
  /** It is known that this worker does not listen. */
  #isLate = false;

  constructor(options: PortListenerOptions) {
    this.#options = options;
  }

  get isListening(): boolean {
    return this.#isListening;
  }

  /** Carries out an order of the primary, after an `unbind` that is in progress. Never rejects. */
  listen(order: ListenOrder): Promise<void> {
    if (this.#wanted !== undefined) return this.#last;
    const wanted = new AbortController();
    this.#wanted = wanted;
    if (order.isShared) this.#ready();
    this.#last = this.#last.then(() => this.#listen(order, wanted));
    return this.#last;
  }

  /** Gives up the port. Connections live on. Resolves when the port is free. Never rejects. */
  unbind(withinMs?: number): Promise<void> {
    this.#wanted?.abort();
    this.#wanted = undefined;
    this.#last = this.#last.then(() => {
      this.#isListening = false;
      return this.#options.server.stopListening(withinMs);
    });
    return this.#last;
  }

  async #listen(order: ListenOrder, wanted: AbortController): Promise<void> {
    try {
      const port = await this.#bind(order, wanted.signal);
      // An `unbind` that was ordered meanwhile follows.
      if (port === undefined || wanted.signal.aborted) return;
      this.#isListening = true;
      this.#isLate = false;
      this.#options.listening(port);
      this.#ready();
    } catch (error) {
      if (this.#wanted === wanted) this.#wanted = undefined;
      if (!wanted.signal.aborted)
        this.#options.failed(this.#cannotListen(order, error), order.withinMs === 0);
    }
  }

  /** @returns undefined when the port is not wanted any more */
  async #bind(order: ListenOrder, signal: AbortSignal): Promise<number | undefined> {
    const { server, host } = this.#options;
    const allowance = new Allowance(order.withinMs);
    try {
      for (let pauseMs = PAUSE_MS.first; !signal.aborted; pauseMs *= 2) {
        try {
          return await server.listen(order.port, host);
        } catch (error) {
          const isLate = !isInUse(error) || allowance.leftMs === 0;
          if (isLate && !this.#isReady) throw error;
          if (isLate && !this.#isLate) {
            this.#isLate = true;
            this.#options.late(this.#cannotListen(order, error));
          }
        }
        const longestMs = this.#isLate ? PAUSE_MS.last : PAUSE_MS.longest;
        pauseMs = Math.min(pauseMs, longestMs);
        await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      }
      return undefined;
    } finally {
      allowance.cancel();
    }
  }

  #cannotListen({ port, withinMs, isKept }: ListenOrder, cause: unknown): StartError {
    const { host, settings } = this.#options;
    const what = isInUse(cause)
      ? portInUse(settings, withinMs === 0, isKept)
      : listenFailure({ host, port, cause, settings });
    const names = `${settings.host}, ${settings.port}`;
    return new StartError(`cannot listen on ${host}:${port} (${names}): ${what}`, { cause });
  }

  #ready(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    this.#options.ready();
  }
}

const isInUse = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'EADDRINUSE';

function portInUse(settings: ListenSettings, isFirst: boolean, isKept: boolean): string {
  if (isKept) return 'a thread that was to give up the port may still have it; it is tried again';
  return isFirst
    ? `the port is in use by another program, perhaps a second process of this project; set ${settings.port}`
    : 'the port is in use, probably by another program that took it while it was free; it is tried again';
}
