// The memory that this process may use: that of the machine, or less when its container is limited.
import { totalmem } from 'node:os';
import { type ControlGroups, groupFolders, ownGroups } from './control-groups.js';

/** The facts that the system reports. */
export interface MemoryFacts extends ControlGroups {
  readonly machineBytes: number;
  /** The result of `process.constrainedMemory()`; without a limit it is 0 or larger than any real memory. */
  readonly constrainedBytes: number | undefined;
}

/** The smallest of the machine's memory and all limits that apply to this process. */
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
