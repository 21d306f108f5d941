// The header of a shared buffer. It holds a magic number for the kind of buffer, the version of the layout,
// the zero of the shared clock, and the dimensions. The thread that creates the buffer writes it; a thread
// that attaches to the buffer checks it.
import { HEADER_BYTES, type Plan } from './placement.js';

const [MAGIC_WORD, VERSION_WORD, EPOCH_LOW, EPOCH_HIGH] = [0, 1, 2, 3] as const;
/** The first word of the dimensions. */
const DIMENSIONS = 4;

type Size = Pick<Plan, 'bytes' | 'version'>;

const headerOf = (buffer: SharedArrayBuffer): Int32Array => new Int32Array(buffer, 0, HEADER_BYTES / 4);

interface Made {
  readonly buffer: SharedArrayBuffer;
  readonly epochNs: bigint;
}

/** Creates a buffer for a plan and writes its header. */
export function makeMemory(magic: number, { bytes, version }: Size, dimensions: readonly number[]): Made {
  const buffer = new SharedArrayBuffer(bytes);
  const header = headerOf(buffer);
  const epochNs = process.hrtime.bigint();
  header[MAGIC_WORD] = magic;
  header[VERSION_WORD] = version;
  header[EPOCH_LOW] = Number(BigInt.asIntN(32, epochNs));
  header[EPOCH_HIGH] = Number(BigInt.asIntN(32, epochNs >> 32n));
  header.set(dimensions, DIMENSIONS);
  return { buffer, epochNs };
}

/**
 * Reads the dimensions of a buffer that another thread created. @returns undefined when it is a buffer of
 * another kind
 */
export function readDimensions(
  magic: number,
  buffer: SharedArrayBuffer,
  count: number,
): readonly number[] | undefined {
  if (!(buffer instanceof SharedArrayBuffer) || buffer.byteLength < HEADER_BYTES) return undefined;
  const header = headerOf(buffer);
  return header[MAGIC_WORD] === magic ? [...header.subarray(DIMENSIONS, DIMENSIONS + count)] : undefined;
}

/** The zero of the shared clock. @throws Error when another version of the layout created the buffer */
export function epochOf(buffer: SharedArrayBuffer, { bytes, version }: Size): bigint {
  const header = headerOf(buffer);
  if (header[VERSION_WORD] !== version || buffer.byteLength !== bytes) {
    throw new Error('shared memory: laid out by another version of Multilane');
  }
  const low = BigInt.asUintN(32, BigInt(header[EPOCH_LOW]!));
  const high = BigInt.asUintN(32, BigInt(header[EPOCH_HIGH]!));
  return (high << 32n) | low;
}
