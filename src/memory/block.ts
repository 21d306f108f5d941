// One SharedArrayBuffer laid out by layout.ts. The primary creates it, workers attach to it.
import { Area } from './area.js';
import { epochOf, makeMemory, readDimensions } from './header.js';
import { fillSecret } from './keyed-hash.js';
import { type Dimensions, plan } from './plan.js';

const MAGIC = 0x4d4c414e; // "MLAN"

export class Block extends Area {
  readonly workers: number;

  private constructor(
    buffer: SharedArrayBuffer,
    fields: ReturnType<typeof plan>['fields'],
    workers: number,
    epochNs: bigint,
  ) {
    super(buffer, fields, epochNs);
    this.workers = workers;
  }

  static create({ workers }: Dimensions): Block {
    const layout = plan({ workers });
    const { buffer, epochNs } = makeMemory(MAGIC, layout, [workers]);
    const block = new Block(buffer, layout.fields, workers, epochNs);
    fillSecret(block.words('rateSecret'));
    return block;
  }

  /** @throws Error when the buffer is not a block, or was laid out by another version of this table. */
  static attach(buffer: SharedArrayBuffer): Block {
    const [workers] = readDimensions(MAGIC, buffer, 1) ?? [];
    if (workers === undefined) throw new Error('shared memory: not a Multilane block');
    const layout = plan({ workers });
    return new Block(buffer, layout.fields, workers, epochOf(buffer, layout));
  }
}
