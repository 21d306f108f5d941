// The shared memory of the process: one SharedArrayBuffer with all fields of layout.ts. The primary creates
// it, workers attach to it.
import { Area } from './area.js';
import { epochOf, makeMemory, readDimensions } from './header.js';
import { fillSecret } from './keyed-hash.js';
import { FEW_RATE_BUCKETS } from './layout.js';
import { type Dimensions, plan } from './placement.js';

const MAGIC = 0x4d4c414e; // "MLAN"

type Size = Pick<Dimensions, 'workers'> & Partial<Dimensions>;

export class Block extends Area {
  readonly workers: number;
  /** Buckets of each rate limit. */
  readonly rateBuckets: number;

  private constructor(
    buffer: SharedArrayBuffer,
    fields: ReturnType<typeof plan>['fields'],
    { workers, rateBuckets }: Dimensions,
    epochNs: bigint,
  ) {
    super(buffer, fields, epochNs);
    this.workers = workers;
    this.rateBuckets = rateBuckets;
  }

  static create({ workers, rateBuckets = FEW_RATE_BUCKETS }: Size): Block {
    const dimensions = { workers, rateBuckets };
    const layout = plan(dimensions);
    const { buffer, epochNs } = makeMemory(MAGIC, layout, [workers, rateBuckets]);
    const block = new Block(buffer, layout.fields, dimensions, epochNs);
    fillSecret(block.words('rateSecret'));
    return block;
  }

  /** @throws Error when the buffer is not a block, or was created by another version of the layout. */
  static attach(buffer: SharedArrayBuffer): Block {
    const [workers, rateBuckets] = readDimensions(MAGIC, buffer, 2) ?? [];
    if (workers === undefined || rateBuckets === undefined) {
      throw new Error('shared memory: not a Multilane block');
    }
    const layout = plan({ workers, rateBuckets });
    return new Block(buffer, layout.fields, { workers, rateBuckets }, epochOf(buffer, layout));
  }
}
