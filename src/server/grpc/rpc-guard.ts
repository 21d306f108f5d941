// Bounds the calls that the library's own handlers serve: health and reflection. They do not pass through the
// pipeline, because an orchestrator asks for the health of a process that is full or starting.
import type { Metadata } from '@grpc/grpc-js';
import { HttpError, UnavailableError } from '../../errors.js';
import { problemOf } from '../../problem.js';
import { requestIdOf } from '../../telemetry/request-ids.js';
import type { TraceIds } from '../../telemetry/trace-ids.js';
import type { App } from '../app.js';
import { bodyTooLarge } from '../body/body.js';
import type { TurnEnd } from '../turn-end.js';
import type { CallHeads } from './call-heads.js';
import { MESSAGE_COST_BYTES, PendingRequest, type RpcLimits, truncated } from './pending-request.js';
import type { RpcCall, RpcListener } from './rpc-call.js';
import { FrameScan } from './rpc-frames.js';
import type { RpcMetadata } from './rpc-metadata.js';
import { failedStatus } from './rpc-status.js';

/** The name of a service, a file or a symbol. */
const MAX_MESSAGE_BYTES = 4 * 1024;

export interface RpcGuardOptions {
  readonly app: App;
  /** Its response is a stream: it may stay open for as long as the client likes. */
  readonly isStream: boolean;
  /** Its request is a stream, which is there with the first message. Any other ends with its only one. */
  readonly isRequestStream: boolean;
  readonly call: RpcCall;
  readonly metadata: RpcMetadata;
  readonly limits: RpcLimits;
  readonly heads: CallHeads;
  readonly turnEnd: TurnEnd;
  /** Makes the ids of traces that refusals name. */
  readonly ids: TraceIds;
  /** The handler of the library. */
  readonly next: RpcListener;
}

export class RpcGuard implements RpcListener {
  readonly #options: RpcGuardOptions;
  readonly #request: PendingRequest;
  readonly #frames: FrameScan;
  /** Messages that have begun to arrive, and those that the library has passed on. */
  #begun = 0;
  #received = 0;
  #hasStream = false;
  #isOver = false;

  constructor(options: RpcGuardOptions) {
    this.#options = options;
    this.#request = new PendingRequest(options);
    this.#frames = new FrameScan((length, isCompressed) => {
      if (length > MAX_MESSAGE_BYTES) this.#refuse(bodyTooLarge(MAX_MESSAGE_BYTES));
      else if (isCompressed) this.#refuse(compressed());
      this.#begun += 1;
      // The first one costs no more than its call.
      if (this.#begun > 1 && !this.#isOver && !this.#request.claim.grow(MESSAGE_COST_BYTES))
        this.#refuse(overloaded());
    });
    this.#request.stream.prependListener('data', (piece: Uint8Array) => this.#arrived(piece));
  }

  onReceiveMetadata(metadata: Metadata): void {
    const { isStream, heads, turnEnd, next } = this.#options;
    this.#request.begin((error) => this.#refuse(error));
    const fault = heads.faultOf(this.#request.stream);
    if (fault !== undefined) this.#refuse(fault);
    else if (isStream && !this.#takeStream()) this.#refuse(overloaded());
    else {
      turnEnd.add(() => this.#turnEnded());
      next.onReceiveMetadata(metadata);
    }
  }

  /** A request that has not arrived with its head counts as a pending body; a probe arrives whole. */
  #turnEnded(): void {
    if (this.#request.isPending && !this.#request.claim.wait()) this.#refuse(overloaded());
  }

  onReceiveMessage(message: unknown): void {
    if (this.#isOver) return;
    if (this.#options.isRequestStream) this.#request.settle();
    this.#received += 1;
    // What has arrived of the next message is not counted: it is short.
    if (this.#received === this.#frames.ended) this.#request.claim.releaseBytes();
    this.#options.next.onReceiveMessage(message);
  }

  onReceiveHalfClose(): void {
    if (this.#isOver) return;
    this.#request.settle();
    if (this.#frames.isWithin) this.#refuse(truncated());
    else this.#options.next.onReceiveHalfClose();
  }

  onCancel(): void {
    this.#isOver = true;
    this.#request.release();
    if (this.#hasStream) this.#options.app.options.quotas.streams.give(1, this.#request.addressKey);
    this.#hasStream = false;
    this.#options.next.onCancel();
    this.#request.awaitEnd();
  }

  #takeStream(): boolean {
    this.#hasStream = this.#options.app.options.quotas.streams.take(1, this.#request.addressKey);
    return this.#hasStream;
  }

  #arrived(piece: Uint8Array): void {
    if (this.#isOver) return;
    this.#frames.scan(piece);
    if (!this.#isOver && !this.#request.claim.grow(piece.byteLength)) this.#refuse(overloaded());
  }

  #refuse(error: HttpError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#request.settle();
    this.#request.claim.releaseBytes();
    const { app, call, metadata, ids } = this.#options;
    app.options.observer.refused(error.code.toLowerCase());
    const requestId = requestIdOf(undefined);
    const problem = problemOf(error, { requestId, traceId: ids.traceId(), executed: false });
    const headers = ['x-request-id', requestId, ...Object.entries(problem.headers).flat()];
    call.sendStatus(failedStatus({ ...problem, headers }, (fields) => metadata.trailers(fields, undefined)));
  }
}

const overloaded = (): HttpError => new UnavailableError('OVERLOADED', 'Too many calls are pending.');
const compressed = (): HttpError =>
  new HttpError('MALFORMED_REQUEST', 'Requests of this method must not be compressed.');
