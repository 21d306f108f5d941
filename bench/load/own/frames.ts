// The two frames of RFC 6455 that the WebSocket clients need: the masked text that they send, and short
// unmasked frames that come back.

const TEXT = 0x81;
const MASKED = 0x80;
const SHORT = 126;

/** A whole text message of a client, shorter than 126 bytes, with a fixed mask. */
export function maskedText(text: string): Buffer {
  const payload = Buffer.from(text);
  if (payload.length >= SHORT) throw new RangeError(`a message of ${payload.length} bytes is too long`);
  const mask = Buffer.from([0x12, 0x34, 0x56, 0x78]);
  const hidden = payload.map((byte, index) => byte ^ mask[index % 4]!);
  return Buffer.concat([Buffer.from([TEXT, MASKED | payload.length]), mask, hidden]);
}

export interface Frame {
  /** Bytes of the whole frame. */
  readonly length: number;
  /** False for pings and other control frames. */
  readonly isText: boolean;
}

/** The first frame of a server in these bytes; undefined until it is complete. */
export function echoOf(bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined;
  const size = bytes[1]!;
  if (size >= SHORT) throw new RangeError('a frame of 126 bytes or more is no echo');
  const length = 2 + size;
  return bytes.length < length ? undefined : { length, isText: bytes[0] === TEXT };
}
