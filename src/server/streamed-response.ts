// A response in pieces, from its head to its last piece. Created for such responses only.
import { toError } from '../telemetry/to-error.js';
import { clientClosed } from './body/body.js';
import type { IncomingRequest } from './incoming-request.js';
import { problemOf } from './problem-response.js';
import type { StreamSource } from './response/stream-source.js';
import type { ResponseOwner } from './response-owner.js';
import { releaseStream, takeStream } from './response-quotas.js';
import { ServerRefusal } from './server-refusal.js';

interface Completable {
  readonly isComplete: boolean;
  complete(status: number, error: string | undefined): void;
}

export class StreamedResponse {
  readonly #request: IncomingRequest;
  readonly #owner: ResponseOwner;
  readonly #source: StreamSource;
  #hasPermit = false;
  /** Pieces are going to be sent, so `release` ends the source. */
  #isScheduled = false;
  #awaitsFirstPiece = false;

  constructor(request: IncomingRequest, owner: ResponseOwner, source: StreamSource) {
    this.#request = request;
    this.#owner = owner;
    this.#source = source;
  }

  /** @throws UnavailableError when too many responses are streamed */
  takePermit(): void {
    this.#hasPermit = takeStream(this.#request);
  }

  /** The head has been sent, and the source has not yielded its first piece. */
  get awaitsFirstPiece(): boolean {
    return this.#awaitsFirstPiece;
  }

  /**
   * Call when `send` is about to be called.
   * @param awaitsFirstPiece false: the deadline of the request does not bound the time to the first piece
   */
  schedule(awaitsFirstPiece: boolean): void {
    this.#isScheduled = true;
    this.#awaitsFirstPiece = awaitsFirstPiece;
  }

  /** Releases a source that will not be read. */
  cancel(): void {
    this.#source.cancel();
  }

  /** Sends the pieces, no faster than the client takes them. */
  async send(status: number, response: Completable): Promise<void> {
    if (response.isComplete) return;
    const { exchange } = this.#request;
    const source = this.#source;
    try {
      this.#request.rememberAddress();
      exchange.onClosed((reason) => this.#owner.abort(reason ?? clientClosed()));
      this.#owner.startDeadline();
      for (let piece = await source.next(); piece !== undefined; piece = await source.next()) {
        this.#firstPieceCame();
        await exchange.write(piece);
      }
      exchange.end();
      response.complete(status, undefined);
    } catch (thrown) {
      source.cancel();
      if (!this.#owner.isAborted) this.#failed(thrown, response);
    }
  }

  /** The deadline bounds the time to the first byte only. */
  #firstPieceCame(): void {
    if (!this.#awaitsFirstPiece) return;
    this.#awaitsFirstPiece = false;
    this.#owner.streamBegan();
  }

  /** The client has its status already; the log and the metrics get the status of the failure. */
  #failed(thrown: unknown, response: Completable): void {
    const error = toError(thrown);
    const problem = problemOf(error, this.#owner);
    const { status, code, fault } = problem;
    if (error instanceof ServerRefusal) this.#request.server.refused(error.code.toLowerCase());
    if (fault !== undefined) this.#request.logError(fault, 'a streamed response failed');
    response.complete(status, code);
    this.#request.exchange.destroy(problem);
  }

  /** Call once, when the response is complete or its request has ended. */
  release(): void {
    if (this.#hasPermit) releaseStream(this.#request);
    this.#hasPermit = false;
    if (this.#isScheduled) this.#owner.callService(() => this.#source.cancel());
  }
}
