// WebSocket frames (RFC 6455) that a client library would not send, invalid ones too.
import { Wire } from './wire.js';

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface FrameOptions {
  readonly final?: boolean;
  readonly masked?: boolean;
  /** The three reserved bits, 0..7. */
  readonly reserved?: number;
}

const MASK = Buffer.from([0x12, 0x34, 0x56, 0x78]);

export function frame(opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const { final = true, masked = true, reserved = 0 } = options;
  const bytes = Buffer.from(payload);
  const long = bytes.length < 126 ? 0 : bytes.length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + long);
  head[0] = (final ? 0x80 : 0) | (reserved << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (long === 0 ? bytes.length : long === 2 ? 126 : 127);
  if (long === 2) head.writeUInt16BE(bytes.length, 2);
  if (long === 8) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  if (!masked) return Buffer.concat([head, bytes]);
  for (let i = 0; i < bytes.length; i++) bytes[i]! ^= MASK[i % 4]!;
  return Buffer.concat([head, MASK, bytes]);
}

export const closeFrame = (code: number, reason: string | Uint8Array = ''): Buffer =>
  frame(OPCODE.close, Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]));

/** The example of RFC 6455 section 1.3. */
export const HANDSHAKE = [
  'Upgrade: websocket',
  'Connection: keep-alive, Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
] as const;

/** Opens a WebSocket without a client library: `rest` of the wire holds the frames that have come. */
export async function openRaw(url: string, path: string): Promise<Wire> {
  const wire = await Wire.open(url);
  const response = await wire.request('GET', path, HANDSHAKE);
  if (response?.status !== 101) throw new Error(`the response to the handshake was ${response?.status}`);
  return wire;
}
