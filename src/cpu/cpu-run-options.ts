// The options of `cpu.run` and their check.
import { FUNCTION, type OptionKind, oneOf, SIGNAL, shapeOf } from '../options.js';
import { PRIORITIES, type Priority } from './service-line.js';

/** The same shape as `CpuRunOptions` of api/service-definition.ts, which this module must not import. */
export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly priority?: Priority;
  readonly transfer?: readonly ArrayBuffer[];
  readonly onProgress?: (value: never) => unknown;
}

const BUFFERS: OptionKind = { text: 'an array of ArrayBuffers', is: Array.isArray };

export const RUN = shapeOf<RunOptions>('{ signal: ctx.signal }', {
  signal: SIGNAL,
  priority: oneOf(...Object.keys(PRIORITIES)),
  transfer: BUFFERS,
  onProgress: FUNCTION,
});
