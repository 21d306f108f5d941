// Limits that control groups set for this process (cgroups(7)), in both of their versions.
import { readFileSync } from 'node:fs';

const ROOT = '/sys/fs/cgroup';

/** What the system reports. */
export interface ControlGroups {
  /** Text of the file `/proc/self/cgroup`; `undefined` where there is none. */
  readonly cgroups: string | undefined;
  /** Text of a file below `/sys/fs/cgroup`. */
  readonly read: (path: string) => string | undefined;
}

/**
 * Folders of this process's group in version 2 and in version 1, its own first. A limit of a group holds for
 * the groups below it as well, so all groups on the way up are there.
 * @param controller of version 1
 */
export function groupFolders(
  { cgroups = '' }: ControlGroups,
  controller: string,
): { readonly version2: readonly string[]; readonly version1: readonly string[] } {
  const [version2, version1]: [string[], string[]] = [[], []];
  for (const line of cgroups.split('\n')) {
    const [, controllers, group] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (group === undefined) continue;
    if (controllers === '') version2.push(...ancestorsOf(group).map((path) => `${ROOT}${path}`));
    else if (controllers?.split(',').includes(controller)) {
      version1.push(...ancestorsOf(group).map((path) => `${ROOT}/${controller}${path}`));
    }
  }
  return { version2, version1 };
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

export const ownGroups = (): ControlGroups => ({
  cgroups: process.platform === 'linux' ? textOf('/proc/self/cgroup') : undefined,
  read: textOf,
});

/** Groups outside of a container's own part of the tree have no file that it could read. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
