// How much memory this process may use: that of the machine, or less where a container is limited.
import { totalmem } from 'node:os';
import { type ControlGroups, groupFolders, ownGroups } from './control-groups.js';

/** What the system reports; `undefined` where it reports nothing. */
export interface MemoryFacts extends ControlGroups {
  readonly machineBytes: number;
  /** `process.constrainedMemory()`: 0 or a number above any real memory when there is no limit. */
  readonly constrainedBytes: number | undefined;
}

/** The smallest of the machine's memory and every limit that holds for this process. */
export function memoryIn(facts: MemoryFacts): number {
  const { machineBytes, constrainedBytes = 0, read } = facts;
  const { version2, version1 } = groupFolders(facts, 'memory');
  const files = [
    ...version2.map((folder) => `${folder}/memory.max`),
    ...version1.map((folder) => `${folder}/memory.limit_in_bytes`),
  ];
  const limits = files.map((path) => Number.parseInt(read(path) ?? '', 10));
  return Math.min(machineBytes, ...[...limits, constrainedBytes].filter((limit) => limit > 0));
}

/** Bytes of memory that this process may use. */
export function memoryLimit(): number {
  return memoryIn({
    machineBytes: totalmem(),
    constrainedBytes: process.constrainedMemory(),
    ...ownGroups(),
  });
}
