// Where the limits are found that control groups set for this process (cgroups(7)), in both of their
// versions.
import { readFileSync } from 'node:fs';

const ROOT = '/sys/fs/cgroup';

/** Access to the system's files about control groups. */
export interface ControlGroups {
  /** Content of the file `/proc/self/cgroup`; undefined where it does not exist. */
  readonly cgroups: string | undefined;
  /** Returns the content of a file below `/sys/fs/cgroup`; undefined when it cannot be read. */
  readonly read: (path: string) => string | undefined;
}

/**
 * The folders of this process's group and of all groups above it, for version 2 and version 1. The own group
 * is the first. The groups above are included because the limit of a group applies to all groups below it.
 * @param controller the controller of version 1
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

/** The groups `/a/b`, `/a` and the root (an empty string) for the group `/a/b`. */
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

/** Undefined when the file cannot be read: a container has no access to the files of groups outside of it. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
