// The request of a call until it has arrived: what it holds of the quotas of its client, and the time that it
// may take.
import type { ServerHttp2Stream } from 'node:http2';
import type { Settings } from '../../config.js';
import { HttpError } from '../../errors.js';
import type { AddressKey } from '../../memory/address-cells.js';
import type { App } from '../app.js';
import { BodyClaim } from '../body/body-claim.js';
import { networkOf } from '../client-network.js';
import { IdleAlarm } from '../idle-alarm.js';
import type { RpcCall } from './rpc-call.js';
import { awaitRequestEnd, streamOf } from './rpc-stream.js';

/**
 * What the library holds for each message beside its bytes. Without it, a window full of empty messages would
 * take 50 times of what is counted.
 */
export const MESSAGE_COST_BYTES = 512;

export type RpcLimits = Pick<
  Settings,
  'maxBodyBytes' | 'maxHeaderBytes' | 'requestTimeoutMs' | 'streamIdleMs'
>;

export interface PendingRequestOptions {
  readonly app: App;
  readonly call: RpcCall;
  readonly limits: RpcLimits;
}

export class PendingRequest {
  readonly claim: BodyClaim;
  readonly stream: ServerHttp2Stream;
  readonly #options: PendingRequestOptions;
  #key: AddressKey | undefined;
  #alarm: IdleAlarm | undefined;

  /** @throws Error as `streamOf` */
  constructor(options: PendingRequestOptions) {
    this.#options = options;
    this.stream = streamOf(options.call);
    this.claim = new BodyClaim(options.app.options.quotas, () => this.addressKey);
  }

  /** What the client's address counts as. */
  get addressKey(): AddressKey {
    const { app, call } = this.#options;
    this.#key ??= app.options.quotas.addressKey(networkOf(call.getConnectionInfo().remoteAddress ?? ''));
    return this.#key;
  }

  /** @param late called when the request has not arrived within REQUEST_TIMEOUT_MS */
  begin(late: (error: HttpError) => void): void {
    const { app, limits } = this.#options;
    const ms = limits.requestTimeoutMs;
    this.#alarm = new IdleAlarm(app.wheel, ms, () => late(tooSlow(ms)));
    this.#alarm.start();
  }

  /** Whether the request is awaited. */
  get isPending(): boolean {
    return this.#alarm !== undefined;
  }

  /** No more of the request is awaited. */
  settle(): void {
    this.#alarm?.stop();
    this.#alarm = undefined;
    this.claim.arrived();
  }

  /** The call is over: returns everything that was taken. */
  release(): void {
    this.settle();
    this.claim.release();
  }

  /** Call when the call is over, last: see `awaitRequestEnd`. */
  awaitEnd(): void {
    const { app, limits } = this.#options;
    awaitRequestEnd(this.stream, app.wheel, limits.requestTimeoutMs);
  }
}

const tooSlow = (ms: number): HttpError =>
  new HttpError('BODY_TIMEOUT', `The request did not arrive within ${ms / 1000} seconds.`);

/** The stream of a request has ended within a message. */
export const truncated = (): HttpError =>
  new HttpError('MALFORMED_REQUEST', 'The stream of the request ends within a message.');
