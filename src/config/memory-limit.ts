// How much memory this process may use: that of the machine, or less where a container is limited.
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';

const ROOT = '/sys/fs/cgroup';

/** What the system reports; `undefined` where it reports nothing. */
export interface MemoryFacts {
  readonly machineBytes: number;
  /** `process.constrainedMemory()`: 0 or a number above any real memory when there is no limit. */
  readonly constrainedBytes: number | undefined;
  /** Text of the file `/proc/self/cgroup`. */
  readonly cgroups: string | undefined;
  /** Text of a file below `/sys/fs/cgroup`. */
  readonly read: (path: string) => string | undefined;
}

/**
 * The smallest of the machine's memory and every limit that holds for this process. A limit of a control group holds
 * for the groups below it as well, so all groups on the way up are read (cgroups(7)).
 */
export function memoryIn({ machineBytes, constrainedBytes = 0, cgroups = '', read }: MemoryFacts): number {
  const limits = limitFiles(cgroups).map((path) => Number.parseInt(read(path) ?? '', 10));
  const valid = [...limits, constrainedBytes].filter((limit) => limit > 0);
  return Math.min(machineBytes, ...valid);
}

/** Paths of all files that may hold a limit, for version 2 and version 1 of control groups. */
function limitFiles(cgroups: string): readonly string[] {
  return cgroups.split('\n').flatMap((line) => {
    const [, controllers, group] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (group === undefined) return [];
    if (controllers === '') return ancestorsOf(group).map((path) => `${ROOT}${path}/memory.max`);
    if (!controllers?.split(',').includes('memory')) return [];
    return ancestorsOf(group).map((path) => `${ROOT}/memory${path}/memory.limit_in_bytes`);
  });
}

/** `/a/b` -> `/a/b`, `/a` and the root, which is the empty text. */
function ancestorsOf(group: string): readonly string[] {
  const names = group.split('/').filter((name) => name !== '');
  return Array.from({ length: names.length + 1 }, (_, index) =>
    names
      .slice(0, names.length - index)
      .map((name) => `/${name}`)
      .join(''),
  );
}

/** Bytes of memory that this process may use. */
export function memoryLimit(): number {
  return memoryIn({
    machineBytes: totalmem(),
    constrainedBytes: process.constrainedMemory(),
    cgroups: process.platform === 'linux' ? textOf('/proc/self/cgroup') : undefined,
    read: textOf,
  });
}

/** Groups outside of a container's own part of the tree have no file that it could read. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
