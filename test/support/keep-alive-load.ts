// Keep-alive clients that keep a strict account while a server drains: every request that was sent before the
// connection's `Connection: close` answer must be answered whole.
import { EventEmitter, once } from 'node:events';
import { Wire } from './wire.js';

export interface LoadAccount {
  /** Whole answers. */
  answered: number;
  /** Requests on a connection that ended, or broke off in the answer, without a `Connection: close` before. */
  readonly lost: string[];
  /** Connections that were told to close. */
  closedInOrder: number;
  /** New connections refused after the listener had closed. */
  refused: number;
  /** Answers by status. */
  readonly statuses: Record<number, number>;
}

export interface KeepAliveLoad {
  readonly account: LoadAccount;
  /** Resolves when that many whole answers have come. */
  answered(count: number): Promise<void>;
  /** Resolves when every client has ended because the server refuses new connections. */
  readonly ended: Promise<void>;
}

/** Each client opens a connection, sends one request after another, and opens a new one when told to close. */
export function keepAliveLoad(url: string, paths: readonly string[], clients: number): KeepAliveLoad {
  const progress = new EventEmitter();
  const account: LoadAccount = { answered: 0, lost: [], closedInOrder: 0, refused: 0, statuses: {} };

  const client = async (first: number): Promise<void> => {
    for (let turn = first; ; ) {
      let wire: Wire;
      try {
        wire = await Wire.open(url);
      } catch {
        account.refused += 1;
        return;
      }
      for (let closing = false, count = 1; !closing; turn += 1, count += 1) {
        const path = paths[turn % paths.length]!;
        const answer = await wire.request('GET', path);
        if (answer === undefined) {
          // A connection that was accepted but never got an answer is as lost as any other.
          account.lost.push(
            `request ${count} of its connection, ${path}: ${JSON.stringify(wire.rest.slice(-80))}`,
          );
          break;
        }
        account.answered += 1;
        progress.emit('answered');
        account.statuses[answer.status] = (account.statuses[answer.status] ?? 0) + 1;
        closing = answer.closes;
      }
      if (!wire.ended) await wire.closed();
      account.closedInOrder += 1;
    }
  };

  const ended = Promise.all(Array.from({ length: clients }, (_, index) => client(index))).then(
    () => undefined,
  );
  ended.catch(() => undefined); // whoever awaits it hears of it
  return {
    account,
    ended,
    async answered(count) {
      while (account.answered < count) await once(progress, 'answered');
    },
  };
}
