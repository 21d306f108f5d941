// What the exchanges of one server share, and the framing of a request as the server has checked it.
import type { ServiceCode } from '../service-code.js';
import type { TimerWheel } from '../timer-wheel.js';
import type { CoreResponse } from './uws-core.js';

export interface ExchangeHost {
  readonly wheel: TimerWheel;
  readonly serviceCode: ServiceCode;
  readonly streamIdleMs: number;
  /** Exchanges that have outlived their request callback and are not complete. */
  unfinished: number;
  /** Small responses with a body that have been written so far; every n-th is a sample. */
  smallResponses: number;
  /** Responses without a body that have been written so far; every n-th is a sample. */
  bodilessResponses: number;
  failed(error: unknown): void;
  /** The worker has more connections than its share: see `ConnectionGate`. */
  givesUp(): boolean;
  /** Writes to a response outside of its callback without corking it. */
  uncorked(response: CoreResponse, write: () => void): void;
}

export interface Framing {
  /** Announced bytes of the body; -1 when they are not announced. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  /** The response is written a turn of the event loop later: see uws-writes.ts. */
  readonly isDeferred: boolean;
  /** Nothing behind this request may be executed. */
  readonly isLast: boolean;
  /** The core responds to this request itself as soon as it has read it to its end. */
  readonly hasTrailers: boolean;
}
