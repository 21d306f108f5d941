// Reports what was in flight in processes that were killed, or whose native code has crashed: their files are
// still in the folder. A file of a process that runs is left alone.
//
// Whether the process of a file runs is known when it ran on this machine and in this PID namespace. A
// container that is started again has another namespace, and a folder may be shared by machines. There the
// file decides: a process with requests in flight writes it at least once a second.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { errorMessage } from '../error-text.js';
import { type ProcessIdentity, startTimeOf, thisProcess } from '../process/process-identity.js';
import { type Contents, parseContents, parseIdentity, type ThreadInFile } from './contents.js';
import { decodeFile } from './frames.js';
import type { RecordFolder } from './record-folder.js';

/** Requests that were in flight for less are not reported, as far as the last write before the end tells. */
const LEAST_MS = 500;
/** A request may have been in flight longer than the last write shows: up to the time between two writes. */
const UNSEEN_MS = 250;
/** A process that runs writes its file within this time, also on a busy machine. */
const WATCH_MS = 3_000;
/** Files of other processes that are read. */
const MOST_FILES = 16;
/** Requests of one process that are logged, a line for each. */
const MOST_LINES = 64;

export interface ReportOptions {
  readonly folder: RecordFolder;
  /** Name of the file of this process. */
  readonly own: string;
  readonly log: Pick<Logger, 'warn'>;
  /** Aborts when this process ends. */
  readonly signal: AbortSignal;
  /** @default this process */
  readonly self?: ProcessIdentity;
  /** @default 3000 */
  readonly watchMs?: number;
}

/** What is known of a file. */
type Found =
  | { readonly kind: 'gone' }
  | { readonly kind: 'damaged'; readonly why: string }
  | {
      readonly kind: 'whole';
      readonly owner: ProcessIdentity;
      readonly sequence: number;
      /** undefined: the process has not written any. */
      readonly contents: Contents | undefined;
    };

export async function reportKilledProcesses(options: ReportOptions): Promise<void> {
  const { folder, own, log, signal, self = thisProcess(), watchMs = WATCH_MS } = options;
  const names = (await folder.unreported()).filter((name) => name !== own).slice(0, MOST_FILES);
  const unsure: (readonly [name: string, found: Found])[] = [];
  for (const name of names) {
    const found = await read(folder, name);
    const isRunning = found.kind === 'whole' ? runs(found.owner, self) : undefined;
    if (isRunning === undefined) unsure.push([name, found]);
    else if (!isRunning) await report(folder, name, found, log);
  }
  if (unsure.length > 0) {
    await delay(watchMs, undefined, { signal, ref: false });
    for (const [name, before] of unsure) {
      const now = await read(folder, name);
      const hasChanged = now.kind !== before.kind || sequenceOf(now) !== sequenceOf(before);
      if (!hasChanged) await report(folder, name, now, log);
    }
  }
  await folder.prune();
}

const sequenceOf = (found: Found): number => (found.kind === 'whole' ? found.sequence : -1);

async function read(folder: RecordFolder, name: string): Promise<Found> {
  try {
    const bytes = await folder.read(name);
    return bytes === undefined ? { kind: 'gone' } : foundIn(bytes);
  } catch (error) {
    return { kind: 'damaged', why: errorMessage(error) };
  }
}

function foundIn(bytes: Buffer): Found {
  const file = decodeFile(bytes);
  const owner = file && parseIdentity(file.identity);
  if (owner === undefined) return { kind: 'damaged', why: 'its first part is not whole' };
  for (const { sequence, text } of file!.frames) {
    const contents = parseContents(text);
    if (contents !== undefined) return { kind: 'whole', owner, sequence, contents };
  }
  if (file!.frames.length > 0) return { kind: 'damaged', why: 'its text is not valid' };
  return { kind: 'whole', owner, sequence: 0, contents: undefined };
}

/** Whether a process runs; undefined when this process cannot know that. */
function runs(owner: ProcessIdentity, self: ProcessIdentity): boolean | undefined {
  if (self.bootId === '?' || self.pidNamespace === '?') return undefined;
  if (owner.bootId !== self.bootId || owner.pidNamespace !== self.pidNamespace) return undefined;
  const startTime = startTimeOf(owner.pid);
  if (startTime === undefined) return false;
  return startTime === '?' || owner.startTime === '?' ? undefined : startTime === owner.startTime;
}

/** Logs what was in flight, and sees to it that no process reports the file again. */
async function report(
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
  if (contents === undefined || contents.isClosed || inFlight(contents).length === 0)
    return folder.remove(name);
  if (await folder.claim(name)) logRequests(owner.pid, contents, log);
}

interface LeftRequest {
  readonly worker: number;
  readonly generation: number;
  readonly method: string;
  readonly route: string | null;
  readonly requestId: string | null;
  readonly ageMs: number;
}

/** The requests that were in flight for long enough, the oldest first: one that hangs is the first suspect. */
function inFlight({ threads, now }: Contents): readonly LeftRequest[] {
  const ofThread = ({ worker, generation, requests }: ThreadInFile): LeftRequest[] =>
    requests.map(([method, route, id, startedAt]) => ({
      ...{ worker, generation, method },
      route: route === '' ? null : route,
      requestId: id === '' ? null : id,
      ageMs: Math.max(0, Math.round(now - startedAt)),
    }));
  return threads
    .flatMap(ofThread)
    .filter(({ ageMs }) => ageMs + UNSEEN_MS >= LEAST_MS)
    .sort((a, b) => b.ageMs - a.ageMs);
}

function logRequests(pid: number, contents: Contents, log: Pick<Logger, 'warn'>): void {
  const requests = inFlight(contents);
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
