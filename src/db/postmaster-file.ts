// The pid file that PostgreSQL keeps in its data folder, and the process that it names: another process than
// ours may have started it, and the pid may be that of another program by now.
import { chown, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from './embedded-cluster.js';
import { type Identity, isPostmasterOf, isStillPostmaster, startTimeOf } from './process-identity.js';

const WATCH_MS = 50;

export type ClusterFiles = Pick<Cluster, 'dataFolder'>;

export const pidFileOf = ({ dataFolder }: ClusterFiles): string => join(dataFolder, 'postmaster.pid');

export async function readPidFile(
  cluster: ClusterFiles,
): Promise<{ readonly pid: number | undefined; readonly lines: readonly string[] }> {
  const lines = (await readFile(pidFileOf(cluster), 'utf8').catch(() => '')).split('\n');
  const pid = Math.abs(Number(lines[0]));
  return { pid: Number.isSafeInteger(pid) && pid > 0 ? pid : undefined, lines };
}

export interface SeenPostmaster {
  readonly pid: number;
  /** With the pid it tells the process from all others, also when its folder is another one by now. */
  readonly startTime: string;
  readonly identity: Exclude<Identity, 'no'>;
}

/** The process that the pid file names, if it is, or may be, a postmaster of this cluster. */
export async function postmasterOf(cluster: ClusterFiles): Promise<SeenPostmaster | undefined> {
  const { pid } = await readPidFile(cluster);
  // Its start time first: one that takes its pid meanwhile is none of this cluster.
  const startTime = pid === undefined ? undefined : startTimeOf(pid);
  if (pid === undefined || startTime === undefined) return undefined;
  const identity = await isPostmasterOf(pid, cluster.dataFolder);
  return identity === 'no' ? undefined : { pid, startTime, identity };
}

/**
 * When no postmaster runs on this cluster, the pid in its file belongs to nobody or to a stranger. PostgreSQL
 * would refuse to start for a stranger, so the line gets a number that no process has; the rest stays, with
 * it PostgreSQL finds orphaned backends.
 */
export async function disownPidFile(cluster: Cluster): Promise<void> {
  const { pid, lines } = await readPidFile(cluster);
  const file = pidFileOf(cluster);
  // Empty behind a power cut, say: PostgreSQL refuses it.
  if (pid === undefined) return rm(file, { force: true });
  if ((await isPostmasterOf(pid, cluster.dataFolder)) !== 'no') return;
  const draft = `${file}.${process.pid}`;
  await writeFile(draft, [String(0x7fffffff), ...lines.slice(1)].join('\n'), { flush: true });
  const { uid, gid } = await stat(file);
  await chown(draft, uid, gid);
  await rename(draft, file);
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
