// A call from its metadata to its request. The pipeline gets a call when its request is whole; one with a
// stream of requests it gets at once.
import type { Metadata } from '@grpc/grpc-js';
import { HttpError, UnavailableError } from '../../errors.js';
import type { App } from '../app.js';
import { bodyTooLarge, clientClosed } from '../body/body.js';
import type { TurnEnd } from '../turn-end.js';
import type { CallHeads } from './call-heads.js';
import { GrpcExchange } from './grpc-exchange.js';
import { MESSAGE_COST_BYTES, PendingRequest, type RpcLimits, truncated } from './pending-request.js';
import type { RpcCall, RpcListener } from './rpc-call.js';
import { type Decompression, decompressBy } from './rpc-decompression.js';
import { FrameScan } from './rpc-frames.js';
import { RpcHead } from './rpc-head.js';
import type { RpcMetadata } from './rpc-metadata.js';
import type { UnservedCalls } from './unserved-calls.js';

/** What all calls of a server share. */
export interface Arrivals {
  readonly app: App;
  readonly metadata: RpcMetadata;
  readonly limits: RpcLimits;
  readonly heads: CallHeads;
  readonly decompression: Decompression;
  readonly unserved: UnservedCalls;
  readonly turnEnd: TurnEnd;
}

export interface ArrivingCall {
  readonly path: string;
  readonly requestStream: boolean;
  /** False for a method that does not exist, which is refused at once. */
  readonly isKnown: boolean;
  readonly call: RpcCall;
}

export class RpcArrival implements RpcListener {
  readonly #server: Arrivals;
  readonly #called: ArrivingCall;
  #head: RpcHead | undefined;
  #exchange: GrpcExchange | undefined;
  #message: Uint8Array | undefined;
  /** `performance.now()` when the metadata of the call arrived. */
  #arrivedAt = 0;
  readonly #frames: FrameScan;
  /** Messages that have begun to arrive, and those that the library has passed on. */
  #begun = 0;
  #received = 0;
  readonly #request: PendingRequest;
  #isOver = false;

  constructor(server: Arrivals, called: ArrivingCall) {
    this.#server = server;
    this.#called = called;
    const { app, limits, heads, decompression } = server;
    const { call } = called;
    this.#request = new PendingRequest({ app, limits, call });
    this.#frames = new FrameScan((length) => this.#messageBegins(length));
    if (heads.mayCompress(this.#request.stream)) {
      decompressBy(call, {
        decompression,
        claim: (bytes) => this.#claim(bytes),
        failed: (error) => {
          if (!this.#isOver) this.#cut(error);
        },
      });
    }
    // Before the library, which keeps the pieces.
    this.#request.stream.prependListener('data', (piece: Uint8Array) => this.#arrived(piece));
  }

  onReceiveMetadata(metadata: Metadata): void {
    const { app, limits, heads, turnEnd } = this.#server;
    const { path, requestStream, isKnown, call } = this.#called;
    const { maxHeaderBytes } = limits;
    this.#arrivedAt = performance.now();
    this.#head = new RpcHead(path, metadata, call);
    const fault = heads.faultOf(this.#request.stream);
    if (this.#head.bytes > maxHeaderBytes) {
      this.#refuse(
        new HttpError('HEADERS_TOO_LARGE', `The metadata is larger than ${maxHeaderBytes} bytes.`),
      );
    } else if (fault !== undefined) this.#refuse(fault);
    else if (this.#isRefusedStranger()) return;
    else if (requestStream || !isKnown) app.handle(this.#open());
    else {
      this.#request.begin((error) => this.#refuse(error));
      turnEnd.add(() => this.#turnEnded());
      call.startRead();
    }
  }

  #isRefusedStranger(): boolean {
    const { app } = this.#server;
    let exchange: GrpcExchange | undefined;
    const isRefused = app.refuseStranger(this.#called.path, () => {
      exchange = this.#made();
      return exchange;
    });
    if (isRefused) this.#exchange = exchange;
    return isRefused;
  }

  /** A request that has not arrived with its head counts as a pending body. */
  #turnEnded(): void {
    if (this.#exchange === undefined && !this.#isOver && !this.#request.claim.wait())
      this.#refuse(overloaded());
  }

  /** Counts bytes that the library holds until their message is whole. */
  #arrived(piece: Uint8Array): void {
    if (this.#isOver) return;
    this.#frames.scan(piece);
    if (!this.#request.claim.grow(piece.byteLength)) this.#cut(overloaded());
  }

  #messageBegins(length: number): void {
    const { limits } = this.#server;
    const { requestStream } = this.#called;
    this.#begun += 1;
    if (length > limits.maxBodyBytes) this.#cut(bodyTooLarge(limits.maxBodyBytes));
    else if (!requestStream && this.#begun > 1) this.#cut(badCount('more than one message'));
    // The first one costs no more than its call.
    else if (this.#begun > 1 && !this.#request.claim.grow(MESSAGE_COST_BYTES)) this.#cut(overloaded());
  }

  /** @throws HttpError when there is too little memory, or the call is over */
  #claim(bytes: number): void {
    if (this.#isOver) throw clientClosed();
    if (!this.#request.claim.grow(bytes)) throw overloaded();
  }

  // The library passes on what arrives after the end of a call.
  onReceiveMessage(message: Uint8Array): void {
    if (this.#isOver) return;
    this.#received += 1;
    if (this.#exchange !== undefined) {
      // What has arrived of the next message is not counted: it is less than the flow control lets pass.
      if (this.#received === this.#frames.ended) this.#request.claim.releaseBytes();
      this.#exchange.requests.received(message);
    } else {
      this.#message = message;
      this.#called.call.startRead();
    }
  }

  onReceiveHalfClose(): void {
    if (this.#isOver) return;
    const broken = this.#frames.isWithin ? truncated() : undefined;
    if (this.#exchange !== undefined) this.#exchange.requests.halfClosed(broken);
    else if (broken !== undefined) this.#refuseUnlessLeft(broken);
    else if (this.#message === undefined) this.#refuseUnlessLeft(badCount('no message'));
    else this.#server.app.handle(this.#open(this.#message));
  }

  /** The library calls this at the end of every call. */
  onCancel(): void {
    this.#isOver = true;
    if (this.#exchange === undefined) this.#countUnserved();
    this.#request.release();
    this.#exchange?.over();
    this.#request.awaitEnd();
  }

  /**
   * The library reports a stream that was reset as one that has ended. Reading on makes it look: it reports a
   * cancelled call in the next tick.
   */
  #refuseUnlessLeft(error: HttpError): void {
    this.#called.call.startRead();
    process.nextTick(() => {
      if (!this.#isOver) this.#refuse(error);
    });
  }

  #countUnserved(): void {
    const { unserved } = this.#server;
    const { path } = this.#called;
    // The exchange knows why the call is over, and tells it next.
    this.#open().onClosed((reason) => unserved.count(path, this.#arrivedAt, reason ?? clientClosed()));
  }

  /** Ends the call before the library gets what has just arrived. */
  #cut(error: HttpError): void {
    if (this.#exchange === undefined) this.#refuse(error);
    else this.#exchange.cut(error);
  }

  #refuse(error: HttpError): void {
    if (this.#exchange === undefined) this.#server.app.refuse(this.#open(), error);
  }

  #open(request?: Uint8Array): GrpcExchange {
    this.#request.settle();
    this.#exchange = this.#made(request);
    return this.#exchange;
  }

  #made(request?: Uint8Array): GrpcExchange {
    const { app, metadata, limits } = this.#server;
    const { path, isKnown, call } = this.#called;
    const head = this.#head!;
    head.begin();
    return new GrpcExchange({
      head,
      call,
      stream: this.#request.stream,
      metadata,
      route: isKnown ? path : undefined,
      begunAt: performance.now(),
      ...(request !== undefined && { request }),
      wheel: app.wheel,
      streamIdleMs: limits.streamIdleMs,
    });
  }
}

const overloaded = (): HttpError =>
  new UnavailableError('OVERLOADED', 'The messages of too many calls are pending.');
const badCount = (what: string): HttpError =>
  new HttpError(
    'MALFORMED_REQUEST',
    `The request of this method is one message; the client has sent ${what}.`,
  );
