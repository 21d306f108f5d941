// Keep-alive clients that count every request while a server drains: each one that was sent before the
// response with `Connection: close` of its connection must get a complete response.
import { EventEmitter, once, setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from './random.js';
import { Wire } from './wire.js';

export interface LoadAccount {
  /** Complete responses. */
  answered: number;
  /**
   * Requests on a connection that ended, or was cut in the response, without a `Connection: close` before.
   */
  readonly lost: string[];
  /** Connections whose last response had `Connection: close`. */
  closedInOrder: number;
  /** New connections refused after the listener had closed. */
  refused: number;
  /**
   * Connections that ended before their first response while the server, or a worker that listens itself,
   * drained: the kernel had completed them for a listener that closed before it accepted them. This is a
   * refusal that comes later.
   */
  untaken: number;
  /**
   * Connections that the server closed while their client paused: it noticed before it sent a request.
   */
  closedIdle: number;
  /** Responses by status. */
  readonly statuses: Record<number, number>;
}

export interface KeepAliveLoad {
  /** Marks the begin of a drain: only from then on may a connection be `untaken` instead of `lost`. */
  drainBegins(): void;
  readonly account: LoadAccount;
  /** Resolves when `count` complete responses have come. */
  answered(count: number): Promise<void>;
  /** Ends every client after its next response. Resolves when all have ended. */
  stop(): Promise<void>;
  /** Resolves when every client has ended because the server refuses new connections, or after `stop`. */
  readonly ended: Promise<void>;
}

export interface LoadOptions {
  /**
   * Requests that a client sends over one connection; 1 is a new connection for each. Default: until the
   * server closes it.
   */
  readonly perConnection?: number;
  /** Whether a client whose connection is refused tries again. Default: false, it ends. */
  readonly persistent?: boolean;
  /** The certificate that the clients trust, PEM, for an https URL. */
  readonly ca?: string | undefined;
  /**
   * A client waits for up to this long before each request that is not the first of its connection. Default
   * 0.
   */
  readonly thinkMs?: number;
  /**
   * A client waits for at least this long from a response to its next request. It leaves the cores to the
   * tested process where the load lasts for seconds. Default 0.
   */
  readonly paceMs?: number;
  /** Seed of the pauses. */
  readonly seed?: number;
}

/**
 * Starts clients that each open a connection, send one request after another, and open a new connection when
 * the server closes theirs.
 */
export function keepAliveLoad(
  url: string,
  paths: readonly string[],
  clients: number,
  options: LoadOptions = {},
): KeepAliveLoad {
  const { perConnection = Number.POSITIVE_INFINITY, persistent = false, ca } = options;
  const { thinkMs = 0, paceMs = 0, seed = 0 } = options;
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
  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
  const client = async (first: number): Promise<void> => {
    for (let turn = first; !stopped; ) {
      if (paceMs > 0 && turn > first) await pause(paceMs);
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
        if (count > 1 && thinkMs + paceMs > 0) {
          await pause(Math.max(paceMs, random() * thinkMs));
          if (stopped) break;
          if (wire.ended) {
            account.closedIdle += 1;
            break;
          }
        }
        const path = paths[turn % paths.length]!;
        const response = await wire.request('GET', path);
        if (response === undefined) {
          if (openedInDrain && count === 1 && wire.rest === '') account.untaken += 1;
          else {
            const rest = JSON.stringify(wire.rest.slice(-80));
            account.lost.push(`request ${count} of its connection, ${path}: ${rest}`);
          }
          break;
        }
        account.answered += 1;
        progress.emit('answered');
        account.statuses[response.status] = (account.statuses[response.status] ?? 0) + 1;
        closing = response.closes;
      }
      if (closing) account.closedInOrder += 1;
      else wire.destroy();
      if (!wire.ended) await wire.closed();
    }
  };

  const ended = Promise.all(Array.from({ length: clients }, (_, index) => client(index))).then(
    () => undefined,
  );
  ended.catch(() => undefined); // a caller that awaits `ended` gets the error
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
