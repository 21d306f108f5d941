// The facts about this machine on which defaults of settings depend.
import { parallelism as ownParallelism } from './cpu-limit.js';
import { oldGenerationLimit } from './heap-limit.js';
import { memoryLimit } from './memory-limit.js';
import { openFileLimit } from './open-file-limit.js';
import type { MachineFacts } from './setting.js';

/** The default of WORKERS. */
export const defaultWorkers = (parallelism: number): number => Math.min(256, parallelism);

export function machineFacts(isTTY: boolean): MachineFacts {
  const parallelism = ownParallelism();
  return {
    isTTY,
    parallelism,
    workers: defaultWorkers(parallelism),
    openFiles: openFileLimit(),
    memoryBytes: memoryLimit(),
    oldGenerationBytes: oldGenerationLimit(),
  };
}
