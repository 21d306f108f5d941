// What the exchanges of one server share.

import type { EnteredStores } from '../entered-stores.js';
import type { LingeringHost } from '../lingering.js';
import type { PendingInterrupt } from '../pending-interrupt.js';
import type { ServiceCode } from '../service-code.js';
import type { BodilessWatch } from './bodiless-watch.js';
import type { CoreResponse } from './uws-core.js';

export interface ExchangeHost extends LingeringHost {
  readonly serviceCode: ServiceCode;
  readonly streamIdleMs: number;
  /** Exchanges that have outlived their request callback and are not complete. */
  unfinished: number;
  /**
   * Small responses with a body that were written so far and keep their connection. Every SAMPLE-th tests
   * whether the client reads.
   */
  smallResponses: number;
  /** Counts responses without a body, and chooses those that test whether the client reads. */
  readonly bodiless: BodilessWatch;
  /**
   * The body of which a piece is handed over now, in a callback of the core, which corks what is written
   * meanwhile.
   */
  passing: object | undefined;
  readonly stores: EnteredStores;
  /** Keeps that callback from returning before an interruption that has been ordered. */
  readonly interrupt: PendingInterrupt;
  /** Logs an error that must not be thrown into the core. Never throws. */
  failed(error: unknown): void;
  /** True when a response is to close its connection, because the worker has more than its share of them. */
  givesUp(): boolean;
  /** Writes to a response outside of its request callback without corking it (uws-anchor.ts). */
  uncorked(response: CoreResponse, write: () => void): void;
}
