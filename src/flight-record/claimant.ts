// The process that reports a file, as the name of the file shows it meanwhile:
// <pid>-<start time>-<system>, where the system stands for boot and PID namespace (process-identity.ts).
import { createHash } from 'node:crypto';
import { type ProcessIdentity, startTimeOf } from '../process/process-identity.js';

/** Matches what `claimantOf` returns. */
export const CLAIMANT = '\\d{1,10}-(?:\\d{1,20}|x)-[0-9a-f]{16}';

/** Stands for a start time that cannot be read. */
const UNKNOWN = 'x';

export const claimantOf = (self: ProcessIdentity): string =>
  `${self.pid}-${/^\d{1,20}$/.test(self.startTime) ? self.startTime : UNKNOWN}-${systemOf(self)}`;

const systemOf = ({ bootId, pidNamespace }: ProcessIdentity): string =>
  createHash('sha256').update(`${bootId}\n${pidNamespace}`).digest('hex').slice(0, 16);

/** Whether a claimant runs; undefined when this process cannot know that. */
export function claimantRuns(claimant: string, self: ProcessIdentity): boolean | undefined {
  const [pid, startTime, system] = claimant.split('-');
  if (!isKnown(self) || system !== systemOf(self)) return undefined;
  return runsHere(Number(pid), startTime === UNKNOWN ? '?' : startTime!);
}

/** Whether the process of an identity runs; undefined when this process cannot know that. */
export function runs(owner: ProcessIdentity, self: ProcessIdentity): boolean | undefined {
  if (!isKnown(self)) return undefined;
  if (owner.bootId !== self.bootId || owner.pidNamespace !== self.pidNamespace) return undefined;
  return runsHere(owner.pid, owner.startTime);
}

const isKnown = ({ bootId, pidNamespace }: ProcessIdentity): boolean =>
  bootId !== '?' && pidNamespace !== '?';

/** Whether a process of this machine and PID namespace runs. Its pid may belong to another one by now. */
function runsHere(pid: number, started: string): boolean | undefined {
  const startTime = startTimeOf(pid);
  if (startTime === undefined) return false;
  return startTime === '?' || started === '?' ? undefined : startTime === started;
}
