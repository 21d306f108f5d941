// What a response holds of the process until its client has read it: bytes, or one of the open streams.
import { UnavailableError } from '../errors.js';
import { BodyClaim } from './body/body-claim.js';
import type { Exchange } from './exchange.js';
import type { IncomingRequest } from './incoming-request.js';

/**
 * A whole response of more bytes counts as held until its client has read it, because a socket rarely takes
 * as many at once.
 */
export const LARGE_BYTES = 64 * 1024;
/** The same for a call by gRPC: a client that reads nothing may have a hundred of them on one connection. */
const LARGE_RPC_BYTES = 4 * 1024;

export const tooManyBytes = (): UnavailableError =>
  new UnavailableError('OVERLOADED', 'Too many bytes of responses have not been read yet.');

/**
 * Takes the bytes of a large response from MAX_BUFFERED_BODY_BYTES until its client has read them, which may
 * be long after the request has ended. A response that is larger than the share of one address counts as that
 * share.
 * @returns false when too many bytes are held
 */
export function holdBytes(request: IncomingRequest, body: string | Uint8Array): boolean {
  const most = request.exchange.head.isRpc ? LARGE_RPC_BYTES : LARGE_BYTES;
  // A character takes up to three bytes.
  if (body.length * 3 <= most || request.inProcess || request.method === 'HEAD') return true;
  const length = Buffer.byteLength(body);
  if (length <= most) return true;
  return new HeldBytes(request).growTo(length);
}

/** Bytes of a response that are held until its client has read them. They are released at its end. */
export class HeldBytes {
  readonly #exchange: Exchange;
  readonly #claim: BodyClaim;
  #bytes = 0;
  #isReleasedAtEnd = false;

  constructor(request: IncomingRequest) {
    this.#exchange = request.exchange;
    this.#claim = new BodyClaim(request.server.quotas, () => request.addressKey);
  }

  /** @returns false when too many bytes are held; no more were taken */
  growTo(bytes: number): boolean {
    const more = Math.min(bytes, this.#claim.most) - this.#bytes;
    if (more <= 0 || this.#exchange.closed) return true;
    if (!this.#claim.grow(more)) return false;
    this.#bytes += more;
    if (!this.#isReleasedAtEnd) this.#exchange.onEnded(() => this.release());
    this.#isReleasedAtEnd = true;
    return true;
  }

  release(): void {
    this.#bytes = 0;
    this.#claim.releaseBytes();
  }
}

/**
 * Takes one of MAX_STREAMS.
 * @returns false for a request within the process, which takes none
 * @throws UnavailableError when too many responses are streamed
 */
export function takeStream(request: IncomingRequest): boolean {
  if (request.inProcess) return false;
  if (!request.server.quotas.streams.take(1, request.addressKey)) {
    throw new UnavailableError('OVERLOADED', 'Too many responses are streamed at once.');
  }
  return true;
}

export function releaseStream(request: IncomingRequest): void {
  request.server.quotas.streams.give(1, request.addressKey);
}
