// The number of threads that can run at once: that of the processors, or less when a container has a CPU
// quota. Node.js 20 does not consider quotas.
import { availableParallelism } from 'node:os';
import { type ControlGroups, groupFolders, ownGroups } from './control-groups.js';

export interface ProcessorFacts extends ControlGroups {
  /** The result of `os.availableParallelism()`. */
  readonly processors: number;
}

/** The smallest quota that applies to this process, rounded up; at least 1 and at most the processors. */
export function parallelismIn(facts: ProcessorFacts): number {
  const { processors, read } = facts;
  const { version2, version1 } = groupFolders(facts, 'cpu');
  const quotas = [
    ...version2.map((folder) => quotaOf(...(read(`${folder}/cpu.max`)?.split(' ') ?? []))),
    ...version1.map((folder) =>
      quotaOf(read(`${folder}/cpu.cfs_quota_us`), read(`${folder}/cpu.cfs_period_us`)),
    ),
  ];
  return Math.max(1, Math.min(processors, ...quotas.map(Math.ceil)));
}

/** A quota in processors. `max` and -1 mean that there is no quota. */
function quotaOf(quota = '', period = ''): number {
  const share = Number.parseInt(quota, 10) / Number.parseInt(period, 10);
  return share > 0 ? share : Number.POSITIVE_INFINITY;
}

export function parallelism(): number {
  return parallelismIn({ processors: availableParallelism(), ...ownGroups() });
}
