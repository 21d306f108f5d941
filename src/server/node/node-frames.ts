// The frames that a server sends (RFC 6455 section 5.2): whole messages and control frames, never masked.
import { deflatedForSocket } from './node-deflate.js';

const FINAL = 0x80;
/** The message is compressed (RFC 7692). */
const RSV1 = 0x40;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
/** Smaller messages are not compressed. */
const DEFLATE_FROM_BYTES = 1024;
/** The code of a close frame without a code. It is never sent. */
const NO_CODE = 1005;

/** Copies the payload, so that the service may change its bytes. */
function frameOf(first: number, payload: string | Uint8Array): Buffer {
  const length = Buffer.byteLength(payload);
  const long = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + long + length);
  frame[0] = FINAL | first;
  frame[1] = long === 0 ? length : long === 2 ? 126 : 127;
  if (long === 2) frame.writeUInt16BE(length, 2);
  if (long === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  if (typeof payload === 'string') frame.write(payload, 2 + long);
  else frame.set(payload, 2 + long);
  return frame;
}

export const pingFrame = (data: string | Uint8Array): Buffer => frameOf(PING, data);
export const pongFrame = (data: Uint8Array): Buffer => frameOf(PONG, data);

export function closeFrame(code: number, reason: string | Uint8Array): Buffer {
  if (code === NO_CODE) return frameOf(CLOSE, '');
  return frameOf(CLOSE, Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason)]));
}

/** A message to any number of sockets. It is encoded and compressed at most once. */
export class OutgoingMessage {
  readonly #data: string | Uint8Array;
  readonly #opcode: number;
  #plain: Buffer | undefined;
  #deflated: Buffer | undefined;

  constructor(data: string | Uint8Array, isBinary: boolean) {
    this.#data = data;
    this.#opcode = isBinary ? BINARY : TEXT;
  }

  /** @param deflates the socket has agreed on permessage-deflate */
  frame(deflates: boolean): Buffer {
    if (deflates && this.#data.length >= DEFLATE_FROM_BYTES) {
      this.#deflated ??= frameOf(RSV1 | this.#opcode, deflatedForSocket(this.#data));
      return this.#deflated;
    }
    this.#plain ??= frameOf(this.#opcode, this.#data);
    return this.#plain;
  }
}
