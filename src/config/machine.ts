// The facts about this machine that defaults of settings depend on.
import { availableParallelism } from 'node:os';
import { memoryLimit } from './memory-limit.js';
import { openFileLimit } from './open-files.js';
import type { Machine } from './setting.js';

export function thisMachine(isTTY: boolean): Machine {
  return {
    isTTY,
    parallelism: availableParallelism(),
    openFiles: openFileLimit(),
    memoryBytes: memoryLimit(),
  };
}
