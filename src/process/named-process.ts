// A name for this process that other processes may keep, on any machine. Those that run beside it on the same
// machine can tell from the name whether it has ended; to all others it says nothing.
//
// A wrong "ended" would let two processes act as one. So a name counts only under the same boot of the kernel
// and in the same PID namespace, where a pid means one process at a time. When the number of that namespace
// belongs to another one by now, all processes of the first one have ended with it. Start times are shown by
// the clock of a time namespace.
import { createHash, randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { type ProcessIdentity, startTimeOf, thisProcess } from './process-identity.js';
import { undefinedOnError } from './undefined-on-error.js';

export interface NamedProcess {
  /** The machine in sixteen hexadecimal digits, the pid and the start time, separated by spaces. */
  readonly name: string;
  /** Whether the process of a name certainly has ended. False for a process of another machine. */
  readonly hasEnded: (name: string) => boolean;
}

/** @param startTime see `startTimeOf` */
export function namedProcess(
  identity: ProcessIdentity = thisProcess(),
  startTime: (pid: number) => string | undefined = startTimeOf,
): NamedProcess {
  const machine = machineOf(identity);
  return {
    name: `${machine} ${identity.pid} ${identity.startTime}`,
    hasEnded: (name) => {
      const [where, pid, since] = name.split(' ');
      if (where !== machine) return false;
      const found = startTime(Number(pid));
      // A process that is hidden from this one may be that of the name.
      return found === undefined || (found !== '?' && found !== since);
    },
  };
}

/** What is not known equals nothing, not even what another process does not know. */
function machineOf({ bootId, pidNamespace, startTime }: ProcessIdentity): string {
  if ([bootId, pidNamespace, startTime].includes('?')) return randomBytes(8).toString('hex');
  // Kernels before 5.6 have no time namespaces.
  const timeNamespace = undefinedOnError(() => readlinkSync('/proc/self/ns/time')) ?? '';
  const parts = JSON.stringify([bootId, pidNamespace, timeNamespace]);
  return createHash('sha256').update(parts).digest('hex').slice(0, 16);
}
