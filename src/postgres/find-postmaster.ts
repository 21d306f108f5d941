// The postmaster that the pid file of a cluster names. Another process than this one may have started it, and
// the pid may belong to another program by now.
import { startTimeOf } from '../process/process-identity.js';
import { readPidFile } from './pid-file.js';
import { isPostmasterOf, isStillPostmaster, type PostmasterMatch } from './postmaster-identity.js';

const CHECK_EVERY_MS = 50;

export interface FoundPostmaster {
  readonly pid: number;
  /** Identifies the process together with the pid, even when its folder has been moved meanwhile. */
  readonly startTime: string;
  readonly match: Exclude<PostmasterMatch, 'no'>;
}

/** The process that the pid file names, if it is, or may be, a postmaster of this cluster. */
export async function findPostmaster(dataFolder: string): Promise<FoundPostmaster | undefined> {
  const { pid } = await readPidFile(dataFolder);
  // The start time is read first: then a process that gets the pid meanwhile does not match it.
  const startTime = pid === undefined ? undefined : startTimeOf(pid);
  if (pid === undefined || startTime === undefined) return undefined;
  const match = await isPostmasterOf(pid, dataFolder);
  return match === 'no' ? undefined : { pid, startTime, match };
}

/** Notices the end of a postmaster by checking again and again: it is no child of this process. */
export function watchExit(
  postmaster: FoundPostmaster,
  dataFolder: string,
): { readonly exited: Promise<string>; readonly hasEnded: AbortSignal } {
  const ended = new AbortController();
  const exited = new Promise<string>((resolve) => {
    const check = (): void => {
      void isStillPostmaster(postmaster, dataFolder).then((isAlive) => {
        if (isAlive) return void setTimeout(check, CHECK_EVERY_MS).unref();
        ended.abort();
        resolve('gone');
      });
    };
    check();
  });
  return { exited, hasEnded: ended.signal };
}
