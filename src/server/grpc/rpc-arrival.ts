// A call from its metadata to its request. The pipeline gets a call when its request is whole; one with a
// stream of requests it gets at once.
import type { Metadata } from '@grpc/grpc-js';
import type { Settings } from '../../config.js';
import { HttpError, UnavailableError } from '../../errors.js';
import type { App } from '../app.js';
import { BodyClaim } from '../body/body-claim.js';
import { networkOf } from '../client-network.js';
import type { Alarm } from '../timer-wheel.js';
import { GrpcExchange } from './grpc-exchange.js';
import type { RpcCall, RpcListener } from './rpc-call.js';
import { RpcHead } from './rpc-head.js';

export type RpcLimits = Pick<Settings, 'maxHeaderBytes' | 'requestTimeoutMs' | 'streamIdleMs'>;

export interface RpcArrivalOptions {
  readonly app: App;
  readonly path: string;
  readonly requestStream: boolean;
  readonly call: RpcCall;
  /** Makes empty metadata. */
  readonly metadata: () => Metadata;
  readonly limits: RpcLimits;
}

export class RpcArrival implements RpcListener {
  readonly #options: RpcArrivalOptions;
  #head: RpcHead | undefined;
  #exchange: GrpcExchange | undefined;
  #message: Uint8Array | undefined;
  #claim: BodyClaim | undefined;
  #alarm: Alarm | undefined;

  constructor(options: RpcArrivalOptions) {
    this.#options = options;
  }

  onReceiveMetadata(metadata: Metadata): void {
    const { app, path, requestStream, call, limits } = this.#options;
    const { maxHeaderBytes, requestTimeoutMs } = limits;
    this.#head = new RpcHead(path, metadata, call);
    if (this.#head.bytes > maxHeaderBytes) {
      this.#refuse(
        new HttpError('HEADERS_TOO_LARGE', `The metadata is larger than ${maxHeaderBytes} bytes.`),
      );
    } else if (requestStream) app.handle(this.#open());
    else {
      this.#claim = this.#claimOf();
      if (!this.#claim.wait()) this.#refuse(overloaded());
      else {
        this.#alarm = app.wheel.after(requestTimeoutMs, () => this.#refuse(tooSlow(requestTimeoutMs)));
        call.startRead();
      }
    }
  }

  onReceiveMessage(message: Uint8Array): void {
    if (this.#exchange !== undefined) this.#exchange.received(message);
    else if (this.#message !== undefined) this.#refuse(badCount('more than one message'));
    else if (this.#claim?.grow(message.byteLength) === false) this.#refuse(overloaded());
    else {
      this.#message = message;
      this.#options.call.startRead();
    }
  }

  onReceiveHalfClose(): void {
    if (this.#exchange !== undefined) this.#exchange.halfClosed();
    else if (this.#message === undefined) this.#refuse(badCount('no message'));
    else this.#options.app.handle(this.#open(this.#message));
  }

  onCancel(): void {
    this.#settled();
    this.#claim?.release();
    this.#exchange?.cancelled();
  }

  #claimOf(): BodyClaim {
    const { quotas } = this.#options.app.options;
    return new BodyClaim(quotas, () =>
      quotas.addressKey(networkOf(this.#options.call.getConnectionInfo().remoteAddress ?? '')),
    );
  }

  #refuse(error: HttpError): void {
    if (this.#exchange === undefined) this.#options.app.refuse(this.#open(), error);
  }

  /** No more of the request is awaited. */
  #settled(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#claim?.arrived();
  }

  #open(request?: Uint8Array): GrpcExchange {
    this.#settled();
    const { app, call, metadata, limits } = this.#options;
    const exchange = new GrpcExchange({
      head: this.#head!,
      call,
      metadata,
      ...(request !== undefined && { request }),
      whenIdle(callback) {
        const alarm = app.wheel.after(limits.streamIdleMs, callback);
        return () => alarm.cancel();
      },
    });
    const claim = this.#claim;
    if (claim !== undefined) exchange.onEnded(() => claim.release());
    this.#exchange = exchange;
    return exchange;
  }
}

const overloaded = (): HttpError =>
  new UnavailableError('OVERLOADED', 'The messages of too many calls are pending.');
const tooSlow = (ms: number): HttpError =>
  new HttpError('BODY_TIMEOUT', `The request did not arrive within ${ms / 1000} seconds.`);
const badCount = (what: string): HttpError =>
  new HttpError(
    'MALFORMED_REQUEST',
    `The request of this method is one message; the client has sent ${what}.`,
  );
