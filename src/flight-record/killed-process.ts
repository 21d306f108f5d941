// Reports what was in flight in processes that were killed, or whose native code has crashed: their files are
// still in the folder. A file of a process that runs is left alone.
//
// Whether the process of a file runs is known when it ran on this machine and in this PID namespace. A
// container that is started again has another namespace, and a folder may be shared by machines. There the
// file decides: a process with requests in flight writes it at least once a second.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { errorMessage } from '../error-text.js';
import { thisProcess } from '../process/process-identity.js';
import type { Contents } from './contents.js';
import { type Found, isOfRunning, LEAST_MS, leftRequests, ownerRuns, readFound } from './found-file.js';
import { makeRoom, type RoomOptions } from './make-room.js';
import type { RecordFolder } from './record-folder.js';

/** A process that runs writes its file within this time, also on a busy machine. */
const WATCH_MS = 3_000;
/** Files of processes that may have ended, which are read. */
const MOST_FILES = 16;
/** Requests of one process that are logged, a line for each. */
const MOST_LINES = 64;

export interface ReportOptions extends RoomOptions {
  /** Aborts when this process ends. */
  readonly signal: AbortSignal;
  /** @default 3000 */
  readonly watchMs?: number;
}

type Unsure = readonly (readonly [name: string, found: Found])[];

/**
 * Reports the processes that are known to have ended, and makes room for one more file: to be called before
 * this process makes its own.
 */
export async function reportEndedProcesses(options: ReportOptions): Promise<void> {
  await reportKnown(options);
  await makeRoom(options);
}

/** Reports all processes that have ended; those of which it is not known are watched first. */
export async function reportKilledProcesses(options: ReportOptions): Promise<void> {
  const { folder, log, signal, self = thisProcess(), watchMs = WATCH_MS } = options;
  const unsure = await reportKnown(options);
  if (unsure.length > 0) {
    await delay(watchMs, undefined, { signal, ref: false });
    for (const [name, before] of unsure) {
      const now = await readFound(folder, name);
      const hasChanged = now.kind !== before.kind || sequenceOf(now) !== sequenceOf(before);
      if (!hasChanged && ownerRuns(now, self) !== true) await report(folder, name, now, log);
    }
  }
  await makeRoom(options);
}

const sequenceOf = (found: Found): number => (found.kind === 'whole' ? found.sequence : -1);

/** @returns the files of processes of which it is not known whether they run */
async function reportKnown(options: ReportOptions): Promise<Unsure> {
  const { folder, own, log, signal, self = thisProcess() } = options;
  const unsure: (readonly [string, Found])[] = [];
  let files = 0;
  for (const { name, isReported } of await folder.files()) {
    if (isReported || name === own || (await isOfRunning(folder, name, self))) continue;
    if (++files > MOST_FILES || signal.aborted) break;
    const found = await readFound(folder, name);
    const isRunning = ownerRuns(found, self);
    if (isRunning === undefined) unsure.push([name, found]);
    else if (!isRunning) await report(folder, name, found, log);
  }
  return unsure;
}

/** Logs what was in flight. A file for which that fails does not keep others from being reported. */
async function report(
  folder: RecordFolder,
  name: string,
  found: Found,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  try {
    await claimAndLog(folder, name, found, log);
  } catch (error) {
    log.warn(
      { err: error, file: name },
      `a flight record of an earlier process cannot be reported: ${errorMessage(error)}`,
    );
  }
}

/** Logs what was in flight, and sees to it that no process reports the file again. */
async function claimAndLog(
  folder: RecordFolder,
  name: string,
  found: Found,
  log: Pick<Logger, 'warn'>,
): Promise<void> {
  if (found.kind === 'gone') return;
  if (found.kind === 'damaged') {
    if (await folder.claim(name))
      log.warn({ file: name }, `a flight record of an earlier process cannot be read: ${found.why}`);
    return;
  }
  const { contents, owner } = found;
  if (contents === undefined || leftRequests(contents).length === 0) return folder.remove(name);
  if (await folder.claim(name)) logRequests(owner.pid, contents, log);
}

function logRequests(pid: number, contents: Contents, log: Pick<Logger, 'warn'>): void {
  const requests = leftRequests(contents);
  const listed = requests.slice(0, MOST_LINES);
  const leftOut = contents.threads.reduce((sum, thread) => sum + thread.leftOut, 0);
  const seenAt = new Date(contents.seenAt).toISOString();
  log.warn(
    { endedPid: pid, seenAt, requests: requests.length, listed: listed.length, leftOut },
    `process ${pid} has ended without an orderly stop, last seen at ${seenAt}; in flight for ${LEAST_MS} ms or more: ${requests.length} requests`,
  );
  for (const request of listed) {
    const { worker, method, route, requestId, ageMs } = request;
    log.warn(
      { endedPid: pid, ...request },
      `in flight when process ${pid} ended: ${method} ${route ?? '(no route)'}, request ${requestId ?? '(no id)'}, for ${ageMs} ms, on worker ${worker}`,
    );
  }
}
