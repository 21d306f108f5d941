// Keep-alive clients that keep a strict account while a server drains: every request that was sent before the
// connection's `Connection: close` answer must be answered whole.
import { EventEmitter, once, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from './random.js';
import { Wire } from './wire.js';

export interface LoadAccount {
  /** Whole answers. */
  answered: number;
  /**
   * Requests on a connection that ended, or was cut in the response, without a `Connection: close` before.
   */
  readonly lost: string[];
  /** Connections that were told to close. */
  closedInOrder: number;
  /** New connections refused after the listener had closed. */
  refused: number;
  /**
   * Connections that ended before their first answer while the server, or a worker that listens itself,
   * drained: the kernel had completed them for a listener that closed before it could take them. A refusal
   * all the same, only later.
   */
  untaken: number;
  /**
   * Connections that the server closed while their client was thinking: it noticed before it sent a request.
   */
  closedIdle: number;
  /** Answers by status. */
  readonly statuses: Record<number, number>;
}

export interface KeepAliveLoad {
  /** From now on a connection may go untaken; before, that is a loss. */
  drainBegins(): void;
  readonly account: LoadAccount;
  /** Resolves when that many whole answers have come. */
  answered(count: number): Promise<void>;
  /** Every client ends after its next answer. Resolves when all have. */
  stop(): Promise<void>;
  /** Resolves when every client has ended because the server refuses new connections, or after `stop`. */
  readonly ended: Promise<void>;
}

export interface LoadOptions {
  /**
   * Requests a client sends over one connection; 1 is a new connection for each. Default: until told to
   * close.
   */
  readonly perConnection?: number;
  /** A client whose connection is refused tries again; default: it ends. */
  readonly persistent?: boolean;
  /** PEM of whom to trust, for an https URL. */
  readonly ca?: string | undefined;
  /**
   * A client waits for up to this long before each request that is not the first of its connection. Default
   * 0.
   */
  readonly thinkMs?: number;
  /** Range of the time between two requests of a client. */
  readonly seed?: number;
}

/**
 * Each client opens a connection, sends one request after another, and opens a new one when told to close.
 */
export function keepAliveLoad(
  url: string,
  paths: readonly string[],
  clients: number,
  options: LoadOptions = {},
): KeepAliveLoad {
  const { perConnection = Number.POSITIVE_INFINITY, persistent = false, ca, thinkMs = 0, seed = 0 } = options;
  const random = seeded(seed);
  const stopping = new AbortController();
  setMaxListeners(0, stopping.signal);
  const progress = new EventEmitter();
  const account: LoadAccount = {
    answered: 0,
    lost: [],
    closedInOrder: 0,
    refused: 0,
    untaken: 0,
    closedIdle: 0,
    statuses: {},
  };

  let draining = false;
  let stopped = false;
  /** Returns at once when the load is stopped. */
  const think = (): Promise<void> =>
    sleep(random() * thinkMs, undefined, { signal: stopping.signal }).catch(() => undefined);
  const client = async (first: number): Promise<void> => {
    for (let turn = first; !stopped; ) {
      const openedInDrain = draining;
      let wire: Wire;
      try {
        wire = await Wire.open(url, ca);
      } catch {
        account.refused += 1;
        if (!persistent) return;
        continue;
      }
      let closing = false;
      for (let count = 1; !closing && !stopped && count <= perConnection; turn += 1, count += 1) {
        if (count > 1 && thinkMs > 0) {
          await think();
          if (stopped) break;
          if (wire.ended) {
            account.closedIdle += 1;
            break;
          }
        }
        const path = paths[turn % paths.length]!;
        const answer = await wire.request('GET', path);
        if (answer === undefined) {
          if (openedInDrain && count === 1 && wire.rest === '') account.untaken += 1;
          else {
            const rest = JSON.stringify(wire.rest.slice(-80));
            account.lost.push(`request ${count} of its connection, ${path}: ${rest}`);
          }
          break;
        }
        account.answered += 1;
        progress.emit('answered');
        account.statuses[answer.status] = (account.statuses[answer.status] ?? 0) + 1;
        closing = answer.closes;
      }
      if (closing) account.closedInOrder += 1;
      else wire.destroy();
      if (!wire.ended) await wire.closed();
    }
  };

  const ended = Promise.all(Array.from({ length: clients }, (_, index) => client(index))).then(
    () => undefined,
  );
  ended.catch(() => undefined); // the caller that awaits it gets it
  return {
    account,
    ended,
    stop() {
      stopped = true;
      stopping.abort();
      return ended;
    },
    drainBegins() {
      draining = true;
    },
    async answered(count) {
      while (account.answered < count) await once(progress, 'answered');
    },
  };
}
