// Removes files of earlier processes, so that the folder stays small. A file with requests that may be of a
// running process, in another container, is not removed: killed-process.ts watches it, and reports it when
// its process has ended. A file without requests is, because a process that runs goes on in a new one.
import type { Logger } from 'pino';
import { type ProcessIdentity, thisProcess } from '../process/process-identity.js';
import { isInUse, isOfRunning, leftRequests, readFound, showsRequests } from './found-file.js';
import type { RecordFolder, RecordName } from './record-folder.js';

/** Files beside those of running processes: with the one of this process there are three generations. */
export const KEPT = 2;
/** Files that are read; when there are more, the oldest ones are removed unread, whatever is in them. */
const MOST_READ = 64;
/**
 * Files that are being made, or whose processes were killed meanwhile: they are a few bytes long, and are
 * removed by a start that has watched them (killed-process.ts).
 */
const MOST_UNNAMED = 8;

/** What is removed last has the highest worth: requests that no log has yet. */
const [NOTHING, REPORTED, REQUESTS] = [0, 1, 2] as const;

interface Candidate {
  readonly name: string;
  readonly worth: number;
  /** It is removed before it was reported. */
  readonly isLost: boolean;
  /** Its process may run. */
  readonly mayRun: boolean;
}

export interface RoomOptions {
  readonly folder: RecordFolder;
  /** Name of the file of this process; undefined as long as it has none. */
  readonly own?: string | undefined;
  readonly log: Pick<Logger, 'warn' | 'fatal'>;
  /** @default this process */
  readonly self?: ProcessIdentity;
}

/**
 * Removes all files but two of processes that have ended, or that may have and show no request. The file of a
 * process known to run stays.
 * @param changed names of files that have changed lately @default none
 */
export async function makeRoom(
  { folder, own, log, self = thisProcess() }: RoomOptions,
  changed: ReadonlySet<string> = new Set(),
): Promise<void> {
  const others = (await folder.files()).filter(({ name }) => name !== own && !changed.has(name));
  if (others.length <= KEPT) return;
  const candidates: Candidate[] = [];
  let unnamed = 0;
  for (const record of others) {
    const { name, kind } = record;
    if (kind === 'new') {
      if (++unnamed > MOST_UNNAMED) await folder.remove(name);
    } else if (kind === 'ended') candidates.push({ name, worth: REPORTED, isLost: false, mayRun: false });
    else if (!(await isOfRunning(folder, record, self)))
      candidates.push(await unreported(folder, record, self, candidates.length < MOST_READ));
  }
  // The order of files of the same worth stays: the newest first.
  const surplus = candidates.sort((a, b) => b.worth - a.worth).slice(KEPT);
  const removed = surplus.filter(({ worth, mayRun }) => worth !== REQUESTS || !mayRun);
  for (const { name } of removed) await folder.remove(name);
  const lost = removed.filter(({ isLost }) => isLost);
  if (lost.length === 0) return;
  const mayRun = lost.filter((one) => one.mayRun).length;
  log.fatal(
    { lost: lost.length, mayRun, folder: folder.path },
    `flight records of ${lost.length} other processes were removed before they were reported; ` +
      `${mayRun} of these may run; ${KEPT} records are kept`,
  );
}

async function unreported(
  folder: RecordFolder,
  record: RecordName,
  self: ProcessIdentity,
  isRead: boolean,
): Promise<Candidate> {
  const { name } = record;
  if (!isRead) return { name, worth: NOTHING, isLost: true, mayRun: true };
  const found = await readFound(folder, name);
  const mayRun = isInUse(record, found, self) !== false;
  if (found.kind !== 'whole') return { name, worth: NOTHING, isLost: found.kind === 'damaged', mayRun };
  const isLost = leftRequests(found.contents).length > 0;
  return { name, worth: showsRequests(found) ? REQUESTS : NOTHING, isLost, mayRun };
}
