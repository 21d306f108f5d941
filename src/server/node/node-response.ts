// The response of `node:http`, with a short way for the responses that most requests get: small, whole, and
// while nothing waits in the socket. Node.js makes such a response of several writes, which it corks, and of
// several callbacks of later turns; here it is one write. What follows it on the connection is left to
// Node.js, which is told by the event that it listens for.
import { OutgoingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { byteString } from '../response/field-octets.js';

/** Up to this size a body is written together with its head, as one text. */
export const ONE_WRITE_BYTES = 16 * 1024;

const BEYOND_ASCII = /[^\0-\x7f]/;

/** The bytes of a body as a text with a character for each. @param bytes their number */
export function octetsIn(body: string | Uint8Array, bytes: number): string {
  if (typeof body === 'string') return body.length === bytes ? body : byteString(body.toWellFormed());
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1');
}

export class OwnResponse extends ServerResponse {
  /**
   * Sends a whole response. Nothing else may have been written.
   * @param octets head and body, with a character for each byte
   * @returns false when it cannot be sent in this way
   */
  sendWhole(octets: string): boolean {
    const { socket } = this;
    if (socket?.writable !== true || socket.writableLength > 0) return false;
    this.finished = true;
    socket.write(octets, 'latin1');
    this.emit('finish');
    return true;
  }
}

/**
 * Writes the head alone. `flushHeaders` makes the same call without a coding, so it would write bytes beyond
 * ASCII, which are characters here, as UTF-8; and Node.js writes a head together with a text in its coding.
 */
export function flushHead(response: ServerResponse): void {
  (response as unknown as Internals)._send('', 'latin1');
}

/** Members of Node.js that its types do not have. */
interface Internals {
  _send(data: string, coding: 'latin1'): void;
  _contentLength: number | null;
  readonly _hasBody: boolean;
  readonly _header: string | null;
  _headerSent: boolean;
  _implicitHeader(): void;
}

/**
 * Does for an application what `end` of Node.js does with a whole body, in one write where it fits in.
 * @param end the method that would be called otherwise
 * @returns false when nothing was written: then that has to get the body. Otherwise it is called without one
 */
export function writeAtOnce(response: ServerResponse, end: unknown, body: unknown, coding: unknown): boolean {
  const { socket } = response;
  const internals = response as unknown as Internals;
  // A package may have replaced the method in a prototype.
  const isOwn = end === OutgoingMessage.prototype.end && isNext(response, socket);
  if (!isOwn || response.writableEnded || response.destroyed || internals._headerSent) return false;
  const bytes = lengthOf(body, coding);
  if (bytes === 0 || bytes > ONE_WRITE_BYTES || response.strictContentLength) return false;
  if (internals._header === null) {
    internals._contentLength = bytes;
    internals._implicitHeader();
  }
  const head = internals._header!;
  // Node.js writes a head in the coding of the text behind it.
  if (typeof body === 'string' && BEYOND_ASCII.test(head)) return false;
  if (response.chunkedEncoding || !internals._hasBody || internals._headerSent || !isNext(response, socket))
    return false;
  internals._headerSent = true;
  socket!.write(head + octetsIn(body as string | Uint8Array, bytes), 'latin1');
  return true;
}

/** The socket takes the response at once. */
function isNext(response: ServerResponse, socket: Socket | null): boolean {
  const { _httpMessage: next } = (socket ?? {}) as { readonly _httpMessage?: unknown };
  return next === response && socket?.writable === true && socket.writableLength === 0;
}

/** @returns 0 for what is left to Node.js */
function lengthOf(body: unknown, coding: unknown): number {
  if (body instanceof Uint8Array) return body.length;
  const isUtf8 = typeof coding !== 'string' || coding === 'utf8' || coding === 'utf-8';
  return typeof body === 'string' && isUtf8 ? Buffer.byteLength(body) : 0;
}
