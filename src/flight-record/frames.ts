// The format of a file of the flight record: a frame with the identity of its process, and two frames with
// contents that are written in turn. A frame has a checksum, so one that was written in part is recognized,
// and the other one is read. A process that is killed while it writes loses a quarter of a second.
//
//   byte 0                       identity
//   byte FRAMES_AT               contents with even sequence numbers
//   byte FRAMES_AT + FRAME_BYTES contents with odd ones
import { crc32 } from 'node:zlib';

/** "MLFR", little endian. */
const MAGIC = 0x52464c4d;
/** A frame begins with magic number, checksum of all that follows, sequence number and bytes of the text. */
const HEAD_BYTES = 20;
const [CHECKSUM, SEQUENCE, LENGTH] = [4, 8, 16] as const;

export const FRAMES_AT = 4_096;
export const FRAME_BYTES = 160 << 10;
/** Three files of this length are less than 1 MiB. */
export const FILE_BYTES = FRAMES_AT + 2 * FRAME_BYTES;
/** The most bytes of a text. */
export const TEXT_BYTES = FRAME_BYTES - HEAD_BYTES;

export const frameAt = (sequence: number): number => FRAMES_AT + (sequence % 2) * FRAME_BYTES;

/**
 * Writes a frame into memory.
 * @param text at most TEXT_BYTES of UTF-8
 * @returns its length
 */
export function encodeFrame(bytes: Buffer, sequence: number, text: string): number {
  const length = bytes.write(text, HEAD_BYTES);
  bytes.writeUInt32LE(MAGIC, 0);
  bytes.writeDoubleLE(sequence, SEQUENCE);
  bytes.writeUInt32LE(length, LENGTH);
  bytes.writeUInt32LE(crc32(bytes.subarray(SEQUENCE, HEAD_BYTES + length)), CHECKSUM);
  return HEAD_BYTES + length;
}

export interface Frame {
  readonly sequence: number;
  readonly text: string;
}

/** @returns undefined where no whole frame begins */
export function decodeFrame(bytes: Buffer, at: number): Frame | undefined {
  if (bytes.length < at + HEAD_BYTES || bytes.readUInt32LE(at) !== MAGIC) return undefined;
  const end = at + HEAD_BYTES + bytes.readUInt32LE(at + LENGTH);
  if (end > bytes.length) return undefined;
  if (crc32(bytes.subarray(at + SEQUENCE, end)) !== bytes.readUInt32LE(at + CHECKSUM)) return undefined;
  return {
    sequence: bytes.readDoubleLE(at + SEQUENCE),
    text: bytes.toString('utf8', at + HEAD_BYTES, end),
  };
}

/** @returns the identity and the contents, the latest first; undefined when the identity is damaged */
export function decodeFile(
  bytes: Buffer,
): { readonly identity: string; readonly frames: readonly Frame[] } | undefined {
  const identity = decodeFrame(bytes, 0)?.text;
  if (identity === undefined) return undefined;
  const frames = [0, 1].flatMap((parity) => decodeFrame(bytes, frameAt(parity)) ?? []);
  return { identity, frames: frames.sort((a, b) => b.sequence - a.sequence) };
}
