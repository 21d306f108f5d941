// What is known of a file in the folder, and whether its process runs. That is known when it ran on this
// machine and in this PID namespace.
import { errorMessage } from '../error-text.js';
import type { ProcessIdentity } from '../process/process-identity.js';
import { claimantRuns, runs } from './claimant.js';
import { type Contents, parseContents, parseIdentity, type ThreadInFile } from './contents.js';
import { decodeFile, decodeFrame, FRAMES_AT } from './frames.js';
import type { RecordFolder, RecordName } from './record-folder.js';

/** Requests that were in flight for less are not reported, as far as the last write before the end tells. */
export const LEAST_MS = 500;
/** A request may have been in flight longer than the last write shows: up to the time between two writes. */
const UNSEEN_MS = 250;

export type Found =
  | { readonly kind: 'gone' }
  | { readonly kind: 'damaged'; readonly why: string }
  | {
      readonly kind: 'whole';
      readonly owner: ProcessIdentity;
      readonly sequence: number;
      /** undefined: the process has not written any. */
      readonly contents: Contents | undefined;
    };

export async function readFound(folder: RecordFolder, name: string): Promise<Found> {
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

/**
 * Whether the process that writes a file, or the one that reports it, is known to run. Reads the first part
 * of the file only.
 */
export async function isOfRunning(
  folder: RecordFolder,
  { name, claimant }: RecordName,
  self: ProcessIdentity,
): Promise<boolean> {
  if (claimant !== undefined) return claimantRuns(claimant, self) === true;
  // A file that cannot be read says nothing of its process; `readFound` tells why.
  const bytes = await folder.read(name, FRAMES_AT).catch(() => undefined);
  const identity = bytes && decodeFrame(bytes, 0)?.text;
  const owner = identity === undefined ? undefined : parseIdentity(identity);
  return owner !== undefined && runs(owner, self) === true;
}

/**
 * Whether the process runs that writes a file, or the one that reports it; undefined when this process cannot
 * know that.
 */
export function isInUse({ claimant }: RecordName, found: Found, self: ProcessIdentity): boolean | undefined {
  if (claimant !== undefined) return claimantRuns(claimant, self);
  return found.kind === 'whole' ? runs(found.owner, self) : undefined;
}

export interface LeftRequest {
  readonly worker: number;
  readonly generation: number;
  readonly method: string;
  readonly route: string | null;
  readonly requestId: string | null;
  readonly ageMs: number;
}

/**
 * The requests that were in flight for long enough, the oldest first: one that hangs is the first suspect.
 * There are none when the process has ended in order.
 */
export function leftRequests(contents: Contents | undefined): readonly LeftRequest[] {
  if (contents === undefined || contents.isClosed) return [];
  const { threads, now } = contents;
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

/**
 * Whether requests were in flight at the last write, however young. A process that runs notices that its file
 * is gone before it writes the first request after idleness, but only later while it has requests.
 */
export const showsRequests = (found: Found): boolean =>
  found.kind === 'whole' &&
  found.contents?.isClosed === false &&
  found.contents.threads.some(({ requests }) => requests.length > 0);
