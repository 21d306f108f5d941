// A call from its metadata to its request. The pipeline gets a call when its request is whole; one with a
// stream of requests it gets at once.
import type { ServerHttp2Stream } from 'node:http2';
import type { Metadata } from '@grpc/grpc-js';
import type { Settings } from '../../config.js';
import { HttpError, UnavailableError } from '../../errors.js';
import type { App } from '../app.js';
import { BodyClaim } from '../body/body-claim.js';
import { networkOf } from '../client-network.js';
import type { Alarm } from '../timer-wheel.js';
import type { TurnEnd } from '../turn-end.js';
import { GrpcExchange } from './grpc-exchange.js';
import type { RpcCall, RpcListener } from './rpc-call.js';
import { RpcHead } from './rpc-head.js';
import { resetStream, streamOf } from './rpc-stream.js';

export type RpcLimits = Pick<Settings, 'maxHeaderBytes' | 'requestTimeoutMs' | 'streamIdleMs'>;

export interface RpcArrivalOptions {
  readonly app: App;
  readonly path: string;
  readonly requestStream: boolean;
  readonly call: RpcCall;
  /** Makes empty metadata. */
  readonly metadata: () => Metadata;
  readonly limits: RpcLimits;
  readonly turnEnd: TurnEnd;
}

export class RpcArrival implements RpcListener {
  readonly #options: RpcArrivalOptions;
  #head: RpcHead | undefined;
  #exchange: GrpcExchange | undefined;
  #message: Uint8Array | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #claim: BodyClaim;
  #alarm: Alarm | undefined;
  #isOver = false;

  constructor(options: RpcArrivalOptions) {
    this.#options = options;
    const { quotas } = options.app.options;
    this.#stream = streamOf(options.call);
    this.#claim = new BodyClaim(quotas, () =>
      quotas.addressKey(networkOf(options.call.getConnectionInfo().remoteAddress ?? '')),
    );
    this.#stream.on('data', (piece: Uint8Array) => this.#arrived(piece.byteLength));
  }

  onReceiveMetadata(metadata: Metadata): void {
    const { app, path, requestStream, call, limits, turnEnd } = this.#options;
    const { maxHeaderBytes, requestTimeoutMs } = limits;
    this.#head = new RpcHead(path, metadata, call);
    if (this.#head.bytes > maxHeaderBytes) {
      this.#refuse(
        new HttpError('HEADERS_TOO_LARGE', `The metadata is larger than ${maxHeaderBytes} bytes.`),
      );
    } else if (requestStream) app.handle(this.#open());
    else {
      this.#alarm = app.wheel.after(requestTimeoutMs, () => this.#refuse(tooSlow(requestTimeoutMs)));
      turnEnd.add(() => this.#turnEnded());
      call.startRead();
    }
  }

  /** A request that has not arrived with its head counts as a pending body. */
  #turnEnded(): void {
    if (this.#exchange === undefined && !this.#isOver && !this.#claim.wait()) this.#refuse(overloaded());
  }

  /** Counts bytes that the library holds until their message is whole. */
  #arrived(bytes: number): void {
    if (this.#isOver || this.#claim.grow(bytes)) return;
    if (this.#exchange === undefined) this.#refuse(overloaded());
    else this.#exchange.refuseMore(overloaded());
  }

  onReceiveMessage(message: Uint8Array): void {
    if (this.#exchange !== undefined) {
      // What has arrived of the next message is not counted: it is less than the flow control lets pass.
      this.#claim.releaseBytes();
      this.#exchange.received(message);
    } else if (this.#message !== undefined) this.#refuse(badCount('more than one message'));
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

  /** The library calls this at the end of every call. */
  onCancel(): void {
    this.#isOver = true;
    this.#settled();
    this.#claim.release();
    this.#exchange?.over();
  }

  #refuse(error: HttpError): void {
    if (this.#exchange === undefined) this.#options.app.refuse(this.#open(), error);
  }

  /** No more of the request is awaited. */
  #settled(): void {
    this.#alarm?.cancel();
    this.#alarm = undefined;
    this.#claim.arrived();
  }

  #open(request?: Uint8Array): GrpcExchange {
    this.#settled();
    const { app, call, metadata, limits } = this.#options;
    const exchange = new GrpcExchange({
      head: this.#head!,
      call,
      metadata,
      ...(request !== undefined && { request }),
      reset: () => resetStream(this.#stream),
      whenIdle(callback) {
        const alarm = app.wheel.after(limits.streamIdleMs, callback);
        return () => alarm.cancel();
      },
    });
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
