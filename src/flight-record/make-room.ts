// Removes files of earlier processes, so that the folder stays small: also where each start is killed before
// it can know that the ones before it have ended, as in a container that is started again and again.
import type { Logger } from 'pino';
import { type ProcessIdentity, thisProcess } from '../process/process-identity.js';
import { isOfRunning, leftRequests, readFound } from './found-file.js';
import type { RecordFolder } from './record-folder.js';

/** Files beside those of running processes: with the one of this process there are three generations. */
const KEPT = 2;
/** Files that are read; when there are more, the oldest ones are removed unread. */
const MOST_READ = 16;
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
}

export interface RoomOptions {
  readonly folder: RecordFolder;
  /** Name of the file of this process; undefined as long as it has none. */
  readonly own?: string | undefined;
  readonly log: Pick<Logger, 'warn' | 'fatal'>;
  /** @default this process */
  readonly self?: ProcessIdentity;
}

/** Removes all files but two of processes that may have ended. The file of a process known to run stays. */
export async function makeRoom({ folder, own, log, self = thisProcess() }: RoomOptions): Promise<void> {
  const others = (await folder.files()).filter(({ name }) => name !== own);
  if (others.length <= KEPT) return;
  const candidates: Candidate[] = [];
  let unnamed = 0;
  for (const record of others) {
    const { name, kind } = record;
    if (kind === 'new') {
      if (++unnamed > MOST_UNNAMED) await folder.remove(name);
    } else if (kind === 'ended') candidates.push({ name, worth: REPORTED, isLost: false });
    else if (!(await isOfRunning(folder, record, self)))
      candidates.push(await unreported(folder, name, candidates.length < MOST_READ));
  }
  // The order of files of the same worth stays: the newest first.
  const removed = candidates.sort((a, b) => b.worth - a.worth).slice(KEPT);
  for (const { name } of removed) await folder.remove(name);
  const lost = removed.filter(({ isLost }) => isLost).length;
  if (lost === 0) return;
  log.fatal(
    { lost, folder: folder.path },
    `flight records of earlier processes were removed before they were reported: ${lost}; ${KEPT} are kept`,
  );
}

async function unreported(folder: RecordFolder, name: string, isRead: boolean): Promise<Candidate> {
  if (!isRead) return { name, worth: NOTHING, isLost: true };
  const found = await readFound(folder, name);
  if (found.kind !== 'whole') return { name, worth: NOTHING, isLost: found.kind === 'damaged' };
  const hasRequests = leftRequests(found.contents).length > 0;
  return { name, worth: hasRequests ? REQUESTS : NOTHING, isLost: hasRequests };
}
