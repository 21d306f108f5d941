// The facts about this machine that defaults of settings depend on.
import { parallelism as ownParallelism } from './cpu-limit.js';
import { oldGenerationLimit } from './heap-limit.js';
import { memoryLimit } from './memory-limit.js';
import { openFileLimit } from './open-files.js';
import type { Machine } from './setting.js';

/** The default of WORKERS. */
export const workersOn = (parallelism: number): number => Math.min(256, parallelism);

export function thisMachine(isTTY: boolean): Machine {
  const parallelism = ownParallelism();
  return {
    isTTY,
    parallelism,
    workers: workersOn(parallelism),
    openFiles: openFileLimit(),
    memoryBytes: memoryLimit(),
    oldGenerationBytes: oldGenerationLimit(),
  };
}
