// The postmaster that the pid file of a cluster names: another process than ours may have started it, and the
// pid may be that of another program by now.

import { startTimeOf } from '../process/process-identity.js';
import { readPidFile } from './pid-file.js';
import { isPostmasterOf, isStillPostmaster, type PostmasterMatch } from './postmaster-identity.js';

const WATCH_MS = 50;

export interface SeenPostmaster {
  readonly pid: number;
  /** With the pid it tells the process from all others, also when its folder is another one by now. */
  readonly startTime: string;
  readonly identity: Exclude<PostmasterMatch, 'no'>;
}

/** The process that the pid file names, if it is, or may be, a postmaster of this cluster. */
export async function postmasterOf(dataFolder: string): Promise<SeenPostmaster | undefined> {
  const { pid } = await readPidFile(dataFolder);
  // Its start time first: one that takes its pid meanwhile is none of this cluster.
  const startTime = pid === undefined ? undefined : startTimeOf(pid);
  if (pid === undefined || startTime === undefined) return undefined;
  const identity = await isPostmasterOf(pid, dataFolder);
  return identity === 'no' ? undefined : { pid, startTime, identity };
}

/** An adopted process is nobody's child of ours: its end is seen by looking. */
export function watch(
  postmaster: SeenPostmaster,
  dataFolder: string,
): { readonly exited: Promise<string>; readonly signal: AbortSignal } {
  const gone = new AbortController();
  const exited = new Promise<string>((resolve) => {
    const look = (): void => {
      void isStillPostmaster(postmaster, dataFolder).then((lives) => {
        if (lives) return void setTimeout(look, WATCH_MS).unref();
        gone.abort();
        resolve('gone');
      });
    };
    look();
  });
  return { exited, signal: gone.signal };
}
