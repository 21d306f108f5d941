// The HTTP/2 stream of a call. grpc-js shows it nowhere, and without it the bytes of a message that has not
// arrived whole cannot be counted, and one call cannot be cut while the other calls of its connection go on.
// So the stream is taken from a private field; package.json allows only versions of the library that have it.
import { constants, type ServerHttp2Stream } from 'node:http2';
import { resetLater } from '../../grpc/http2-ends.js';
import { IdleAlarm } from '../idle-alarm.js';
import type { TimerWheel } from '../timer-wheel.js';
import { doesNotFit } from './library-handlers.js';
import type { RpcCall } from './rpc-call.js';

interface WithStream {
  readonly stream?: ServerHttp2Stream;
}

/** @throws Error for a version of the library without this field */
export function streamOf(call: RpcCall): ServerHttp2Stream {
  const { stream } = call as unknown as WithStream;
  if (typeof stream?.close !== 'function') throw doesNotFit();
  return stream;
}

/** Cuts a call whose client does not take what was sent; the connection stays. */
export function resetStream(stream: ServerHttp2Stream): void {
  resetLater(stream, constants.NGHTTP2_CANCEL);
}

/** Cuts a call whose client sends too much while it receives a response. */
export function calmStream(stream: ServerHttp2Stream): void {
  resetLater(stream, constants.NGHTTP2_ENHANCE_YOUR_CALM);
}

/** What a client may send of its request before it has heard that the call is over. */
const MOST_EXCESS_BYTES = 64 * 1024;

/**
 * Waits for the end of the request of a call that is over. A client that goes on sending is told to stop (RFC
 * 9113 section 8.1), because what it sends is read and thrown away; and so is one that does not end its
 * request. At once would be too early: clients of Node.js lose the response that they have not read.
 */
export function awaitRequestEnd(stream: ServerHttp2Stream, wheel: TimerWheel, withinMs: number): void {
  if (stream.readableEnded || stream.destroyed || stream.closed) return;
  const stop = (): void => resetLater(stream, constants.NGHTTP2_NO_ERROR);
  // Node.js would wait for ever until the client takes the rest of the response.
  const cut = (): void => (stream.writableFinished ? stop() : resetStream(stream));
  const alarm = new IdleAlarm(wheel, withinMs, cut);
  alarm.start();
  let excess = 0;
  stream.on('data', (piece: Uint8Array) => {
    excess += piece.byteLength;
    if (excess <= MOST_EXCESS_BYTES) return;
    if (stream.writableFinished) stop();
    else {
      stream.pause();
      stream.once('finish', stop);
    }
  });
  for (const end of ['end', 'close']) stream.once(end, () => alarm.stop());
}

/** A client that takes this many bytes within STREAM_IDLE_MS is not idle. */
const PART_BYTES = 64 * 1024;

/**
 * Writes a frame in parts, each when the client has taken the one before.
 * @param onPart called for each part that was taken
 * @returns false when the stream has ended before
 */
export async function writeParts(
  stream: ServerHttp2Stream,
  frame: Uint8Array,
  onPart: () => void,
): Promise<boolean> {
  let hasClosed = (): void => {};
  const closed = new Promise<false>((resolve) => {
    hasClosed = () => resolve(false);
    stream.once('close', hasClosed);
  });
  try {
    for (let at = 0; at < frame.byteLength; at += PART_BYTES) {
      if (stream.destroyed || stream.closed || stream.writableEnded) return false;
      const part = frame.subarray(at, at + PART_BYTES);
      const written = new Promise<boolean>((done) => {
        stream.write(part, (error) => done(error === undefined || error === null));
      });
      if (!(await Promise.race([written, closed]))) return false;
      onPart();
    }
    return true;
  } finally {
    stream.off('close', hasClosed);
  }
}

/** Frames of more bytes are written in parts. */
export const isLarge = (frame: Uint8Array): boolean => frame.byteLength > PART_BYTES;
