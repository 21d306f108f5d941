// Typed access to the fields of one shared buffer. The block of the process (block.ts) has all fields of the
// layout; a part (part.ts) has a few of them.
import type { FieldName } from './layout.js';
import type { Placement } from './placement.js';

/** All rows of a field as one view, with the distance between rows in words. */
export interface Table {
  readonly words: Int32Array;
  readonly stride: number;
  readonly rows: number;
}

type Fields = Readonly<Partial<Record<FieldName, Placement>>>;

export class Area {
  readonly buffer: SharedArrayBuffer;
  /** `process.hrtime.bigint()` at creation: the zero of the shared clock, the same for every thread. */
  readonly epochNs: bigint;
  readonly #fields: Fields;

  protected constructor(buffer: SharedArrayBuffer, fields: Fields, epochNs: bigint) {
    this.buffer = buffer;
    this.epochNs = epochNs;
    this.#fields = fields;
  }

  /** The 32-bit words of one row. Keep the view: making it allocates. */
  words(name: FieldName, row = 0): Int32Array {
    const { offset, stride, rows } = this.#placed(name);
    if (row < 0 || row >= rows) throw new RangeError(`shared memory: ${name} has no row ${row}`);
    return new Int32Array(this.buffer, offset + row * stride, stride / 4);
  }

  table(name: FieldName): Table {
    const { offset, stride, rows } = this.#placed(name);
    const words = new Int32Array(this.buffer, offset, (stride * rows) / 4);
    return { words, stride: stride / 4, rows };
  }

  bytes(name: FieldName, row = 0): Uint8Array {
    const { offset, stride } = this.#placed(name);
    return new Uint8Array(this.buffer, offset + row * stride, stride);
  }

  #placed(name: FieldName): Placement {
    const placement = this.#fields[name];
    if (placement === undefined) throw new RangeError(`shared memory: there is no ${name} here`);
    return placement;
  }
}
