// One SharedArrayBuffer laid out by layout.ts. The primary creates it, workers attach to it.
import { fillSecret } from './keyed-hash.js';
import { type Dimensions, type FieldName, HEADER_BYTES, type Plan, plan } from './layout.js';

const MAGIC = 0x4d4c414e; // "MLAN"
const [MAGIC_WORD, VERSION_WORD, WORKERS_WORD, EPOCH_LOW, EPOCH_HIGH] = [0, 1, 2, 3, 4];

export class Block {
  readonly buffer: SharedArrayBuffer;
  readonly plan: Plan;
  readonly workers: number;
  /** `process.hrtime.bigint()` at creation: the zero of the shared clock, the same for every thread. */
  readonly epochNs: bigint;

  private constructor(buffer: SharedArrayBuffer, layout: Plan, workers: number, epochNs: bigint) {
    this.buffer = buffer;
    this.plan = layout;
    this.workers = workers;
    this.epochNs = epochNs;
  }

  static create(dimensions: Dimensions): Block {
    const layout = plan(dimensions);
    const buffer = new SharedArrayBuffer(layout.bytes);
    const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    const epochNs = process.hrtime.bigint();
    header[MAGIC_WORD!] = MAGIC;
    header[VERSION_WORD!] = layout.version;
    header[WORKERS_WORD!] = dimensions.workers;
    header[EPOCH_LOW!] = Number(BigInt.asIntN(32, epochNs));
    header[EPOCH_HIGH!] = Number(BigInt.asIntN(32, epochNs >> 32n));
    const block = new Block(buffer, layout, dimensions.workers, epochNs);
    fillSecret(block.words('rateSecret'));
    return block;
  }

  /** @throws Error when the buffer is not a block, or was laid out by another version of this table. */
  static attach(buffer: SharedArrayBuffer): Block {
    const header = new Int32Array(buffer, 0, HEADER_BYTES / 4);
    if (header[MAGIC_WORD!] !== MAGIC) throw new Error('shared memory: not a Multilane block');
    const workers = header[WORKERS_WORD!]!;
    const layout = plan({ workers });
    if (header[VERSION_WORD!] !== layout.version || buffer.byteLength !== layout.bytes) {
      throw new Error('shared memory: laid out by another version of Multilane');
    }
    const low = BigInt.asUintN(32, BigInt(header[EPOCH_LOW!]!));
    const high = BigInt.asUintN(32, BigInt(header[EPOCH_HIGH!]!));
    return new Block(buffer, layout, workers, (high << 32n) | low);
  }

  /** The 32-bit words of one row. Keep the view: making it allocates. */
  words(name: FieldName, row = 0): Int32Array {
    const { offset, stride, rows } = this.plan.fields[name];
    if (row < 0 || row >= rows) throw new RangeError(`shared memory: ${name} has no row ${row}`);
    return new Int32Array(this.buffer, offset + row * stride, stride / 4);
  }

  /** All rows of a field as one view, with the distance between rows in words. */
  table(name: FieldName): { readonly words: Int32Array; readonly stride: number; readonly rows: number } {
    const { offset, stride, rows } = this.plan.fields[name];
    return {
      words: new Int32Array(this.buffer, offset, (stride * rows) / 4),
      stride: stride / 4,
      rows,
    };
  }

  bytes(name: FieldName, row = 0): Uint8Array {
    const { offset, stride } = this.plan.fields[name];
    return new Uint8Array(this.buffer, offset + row * stride, stride);
  }
}
