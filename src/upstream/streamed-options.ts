// What holds for calls whose body or response is streamed: such a request is sent once, and such a response
// has one reader, so options that need it twice, or as a whole, are refused.
import { Readable } from 'node:stream';
import { types } from 'node:util';
import type { CallOptions, StreamedBody, StreamedCallOptions } from './call.js';

/** Whether a body is sent as its pieces come. */
export function isStreamedBody(body: unknown): body is StreamedBody {
  if (typeof body !== 'object' || body === null || types.isUint8Array(body)) return false;
  const { [Symbol.asyncIterator]: iterate } = body as Partial<AsyncIterable<unknown>>;
  return body instanceof ReadableStream || typeof iterate === 'function';
}

type AnyOptions = Pick<CallOptions, 'singleFlight' | 'hedgeMs' | 'fallback' | 'json'> &
  Pick<CallOptions | StreamedCallOptions, 'stream'>;

/**
 * @param pieces the body, where it is streamed
 * @throws TypeError for options that exclude each other, and for a stream that was read already
 */
export function checkStreamed(method: string, options: AnyOptions, pieces: StreamedBody | undefined): void {
  const { singleFlight, hedgeMs, fallback, stream } = options;
  const what = stream === true ? 'stream: true' : 'a streamed body';
  if (singleFlight === true) throw excluded('singleFlight', what, 'the result has one reader');
  if (hedgeMs !== undefined) throw excluded('hedgeMs', what, 'the request is sent to one instance at a time');
  if (stream === true && fallback !== undefined)
    throw excluded('fallback', what, 'catch the error, and look at the status');
  if (pieces === undefined) return;
  if (options.json !== undefined) throw new TypeError('call: give json or body, not both');
  if (method === 'GET' || method === 'HEAD')
    throw new TypeError(`call: ${method} cannot have a streamed body`);
  if (isUsed(pieces)) throw new TypeError('call: the stream that is the body was read or closed already');
}

const excluded = (option: string, what: string, why: string): TypeError =>
  new TypeError(`call: ${option} cannot be combined with ${what}: ${why}`);

/** A Node.js stream may have been read in part, such as its first bytes. */
function isUsed(pieces: StreamedBody): boolean {
  if (pieces instanceof ReadableStream) return pieces.locked || Readable.isDisturbed(pieces as never);
  return pieces instanceof Readable && (pieces.destroyed || pieces.readableEnded);
}

const LENGTH = /^\d{1,15}$/;

/** @param field the field `content-length` @returns -1: the length is unknown @throws TypeError */
export function announcedLength(field: string | undefined): number {
  if (field === undefined) return -1;
  if (!LENGTH.test(field))
    throw new TypeError('call: the content-length of a streamed body must be a whole number of bytes');
  return Number(field);
}
