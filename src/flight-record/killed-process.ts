// Reports what was in flight in processes that were killed, or whose native code has crashed: their files are
// still in the folder. A file of a process that runs is left alone.
//
// The lines of a report have the level `fatal`, because they are all that is known of the end of a process:
// every LOG_LEVEL but `silent` shows them.
//
// A file is claimed before its lines are logged, and it counts as reported when they are written. When the
// claimant dies in between, the next start reports the file again.
//
// Whether the process of a file runs is known when it ran on this machine and in this PID namespace. A
// container that is started again has another namespace, and a folder may be shared by machines. There the
// file decides: a process with requests in flight writes it at least once a second, and a claimant that runs
// does not keep a claim for long.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { counted } from '../counted.js';
import { errorMessage } from '../error-text.js';
import { thisProcess } from '../process/process-identity.js';
import { claimantOf } from './claimant.js';
import type { Contents } from './contents.js';
import {
  type Found,
  isInUse,
  isOfRunning,
  LEAST_MS,
  leftRequests,
  readFound,
  showsRequests,
} from './found-file.js';
import { KEPT, makeRoom, type RoomOptions } from './make-room.js';
import type { RecordName } from './record-folder.js';

/** A process that runs writes its file within this time, also on a busy machine. */
const WATCH_MS = 3_000;
/** Files of processes that may have ended, which are read. */
const MOST_FILES = 16;
/** Requests of one process that are logged, a line for each. */
const MOST_LINES = 64;

export interface ReportOptions extends RoomOptions {
  /** Aborts when this process ends. */
  readonly signal: AbortSignal;
  /** Resolves with whether all lines that were logged before this call are written. */
  readonly written: () => Promise<boolean>;
  /** @default 3000 */
  readonly watchMs?: number;
}

/** Files that may be of running processes, also those that are being made. */
type Unsure = readonly (readonly [record: RecordName, found: Found])[];

/**
 * Reports the processes that are known to have ended, and makes room for one more file: to be called before
 * this process makes its own. Where too many files with requests may be of running processes, they are
 * watched first. So the folder stays small where each start is killed, and no start removes what a running
 * process has in flight.
 */
export async function reportEndedProcesses(options: ReportOptions): Promise<void> {
  const unsure = await reportKnown(options);
  const areTooMany = unsure.filter(([, found]) => showsRequests(found)).length > KEPT;
  await makeRoom(options, areTooMany ? await watch(unsure, options) : undefined);
}

/** Reports all processes that have ended; those of which it is not known are watched first. */
export async function reportKilledProcesses(options: ReportOptions): Promise<void> {
  const unsure = await reportKnown(options);
  await makeRoom(options, await watch(unsure, options));
}

/** Watches files, and reports those that do not change. @returns the names of the others */
async function watch(unsure: Unsure, options: ReportOptions): Promise<ReadonlySet<string>> {
  if (unsure.length === 0) return new Set();
  const { signal, watchMs = WATCH_MS } = options;
  await delay(watchMs, undefined, { signal, ref: false });
  return reportUnchanged(unsure, options);
}

/** @returns the files of processes of which it is not known whether they run */
async function reportKnown(options: ReportOptions): Promise<Unsure> {
  const { folder, own, signal, self = thisProcess() } = options;
  const report = new Report(options);
  const unsure: (readonly [RecordName, Found])[] = [];
  let files = 0;
  for (const record of await folder.files()) {
    const { name, kind } = record;
    if (kind === 'ended' || name === own || (await isOfRunning(folder, record, self))) continue;
    if (++files > MOST_FILES || signal.aborted) break;
    const found = await readFound(folder, name);
    const isRunning = kind === 'new' ? undefined : isInUse(record, found, self);
    if (isRunning === undefined) unsure.push([record, found]);
    else if (!isRunning) await report.add(record, found);
  }
  await report.settle();
  return unsure;
}

/**
 * Reports the files that are as they were: their processes and claimants have ended.
 * @returns the names of the others
 */
async function reportUnchanged(unsure: Unsure, options: ReportOptions): Promise<ReadonlySet<string>> {
  const { folder, self = thisProcess() } = options;
  const report = new Report(options);
  const changed = new Set<string>();
  for (const [record, before] of unsure) {
    const now = await readFound(folder, record.name);
    const hasChanged = now.kind !== before.kind || sequenceOf(now) !== sequenceOf(before);
    if (hasChanged) changed.add(record.name);
    else if (record.kind === 'new') await folder.remove(record.name);
    else if (isInUse(record, now, self) !== true) await report.add(record, now);
  }
  await report.settle();
  return changed;
}

const sequenceOf = (found: Found): number => (found.kind === 'whole' ? found.sequence : -1);

/** The report of some files. */
class Report {
  readonly #options: ReportOptions;
  readonly #claimed: RecordName[] = [];

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  /** Logs what was in flight. A file for which that fails does not keep others from being reported. */
  async add(record: RecordName, found: Found): Promise<void> {
    try {
      await this.#claimAndLog(record, found);
    } catch (error) {
      this.#failed('fatal', record, error, 'reported');
    }
  }

  async #claimAndLog(record: RecordName, found: Found): Promise<void> {
    const { folder, log } = this.#options;
    if (found.kind === 'gone') return;
    if (found.kind === 'whole' && leftRequests(found.contents).length === 0)
      return folder.remove(record.name);
    const claim = await folder.claim(record, claimantOf(this.#options.self ?? thisProcess()));
    if (claim === undefined) return;
    this.#claimed.push(claim);
    if (found.kind === 'whole') logRequests(found.owner.pid, found.contents!, log);
    else
      log.fatal({ file: record.name }, `a flight record of an earlier process cannot be read: ${found.why}`);
  }

  /**
   * Marks the files as reported when their lines are written. While the reader of the log has stopped, they
   * are left for the next start, which logs them again.
   */
  async settle(): Promise<void> {
    const { folder, written } = this.#options;
    if (this.#claimed.length === 0 || !(await written())) return;
    for (const claim of this.#claimed) {
      try {
        await folder.settle(claim).catch(async (error: unknown) => {
          await folder.remove(claim.name);
          throw error;
        });
      } catch (error) {
        this.#failed('warn', claim, error, 'kept');
      }
    }
  }

  #failed(level: 'warn' | 'fatal', { name }: RecordName, error: unknown, what: string): void {
    this.#options.log[level](
      { err: error, file: name },
      `a flight record of an earlier process cannot be ${what}: ${errorMessage(error)}`,
    );
  }
}

function logRequests(pid: number, contents: Contents, log: Pick<Logger, 'fatal'>): void {
  const requests = leftRequests(contents);
  const listed = requests.slice(0, MOST_LINES);
  const leftOut = contents.threads.reduce((sum, thread) => sum + thread.leftOut, 0);
  const seenAt = new Date(contents.seenAt).toISOString();
  log.fatal(
    { endedPid: pid, seenAt, requests: requests.length, listed: listed.length, leftOut },
    `process ${pid} has ended without an orderly stop, last seen at ${seenAt}; in flight for ${LEAST_MS} ms or more: ${counted(requests.length, 'request')}`,
  );
  for (const request of listed) {
    const { worker, method, route, requestId, ageMs } = request;
    log.fatal(
      { endedPid: pid, ...request },
      `in flight when process ${pid} ended: ${method} ${route ?? '(no route)'}, request ${requestId ?? '(no id)'}, for ${ageMs} ms, on worker ${worker}`,
    );
  }
}
