// The content of one file of a project, as far as `dev` has to know it: whether it has changed, and what its
// text refers to. A look at thousands of files reads only those that may have changed since the last one.
import { createHash } from 'node:crypto';
import { type BigIntStats, readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, sep } from 'node:path';
import { undefinedOnError } from '../../process/undefined-on-error.js';
import { loadingPart } from './package-targets.js';
import { protoImportsIn, type Reference, referencesIn } from './references.js';

/** The stamp of a file that does not exist. */
export const MISSING = 'missing';

/** The most bytes of a file that is read. A larger one, such as a video, changes with its size or time. */
const MOST_READ_BYTES = 16n << 20n;
/** File systems note times in steps of up to 2 s: two changes within a step may look like one. */
const TIME_STEP_MS = 2_000;
/** Files whose text may refer to others. */
const SEARCHED = /^\.([cm]?[jt]sx?|proto)$/;

export interface FileContent {
  /** Differs when the file may have changed; undefined where that does not show, so that it is read anew. */
  readonly version: string | undefined;
  /** Changes with the content. */
  readonly stamp: string;
  /** Undefined for a file whose text refers to no others. */
  readonly references: readonly Reference[] | undefined;
}

/**
 * Reads a file, unless it has not changed. For a folder, its content is the list of its names.
 * @param known what an earlier call has returned
 */
export function contentOf(path: string, known: FileContent | undefined): FileContent {
  const stats = undefinedOnError(() => statSync(path, { bigint: true, throwIfNoEntry: false }));
  if (stats === undefined) return { version: undefined, stamp: MISSING, references: undefined };
  if (stats.isDirectory()) {
    return { version: undefined, stamp: hashOf(namesIn(path).join('\n')), references: undefined };
  }
  const { size, mtimeNs, ctimeNs, ino } = stats;
  const version = `${size} ${mtimeNs} ${ctimeNs} ${ino}`;
  if (known?.version === version) return known;
  const content = size <= MOST_READ_BYTES && stats.isFile() ? textOf(path) : 'unreadable';
  if (content === undefined) return { version: undefined, stamp: MISSING, references: undefined };
  if (content === 'unreadable') return { version, stamp: `${size} ${mtimeNs}`, references: undefined };
  const stamp = stampOf(path, content);
  const references = stamp === known?.stamp ? known.references : referencesOf(extname(path), content);
  return { version: isSettled(stats) ? version : undefined, stamp, references };
}

/** @returns undefined for a file that has been removed meanwhile */
function textOf(path: string): Buffer | 'unreadable' | undefined {
  try {
    return readFileSync(path);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? undefined : 'unreadable';
  }
}

/** Whether a further change would show in the times of a file. */
const isSettled = ({ mtimeMs }: BigIntStats): boolean => Date.now() - Number(mtimeMs) > TIME_STEP_MS;

/** The stamp of a package.json changes only with what that says about modules. */
const stampOf = (path: string, content: Buffer): string =>
  hashOf(path.endsWith(`${sep}package.json`) ? loadingPart(String(content)) : content);

const hashOf = (content: Buffer | string): string => createHash('sha1').update(content).digest('base64');

/** The references of a text of a file with this extension. Those of a `.proto` file are paths beside it. */
function referencesOf(extension: string, content: Buffer): readonly Reference[] | undefined {
  if (!SEARCHED.test(extension)) return undefined;
  if (extension !== '.proto') return referencesIn(String(content));
  return protoImportsIn(String(content)).map((name) => ({ kind: 'file', text: name }));
}

/** The names in a folder; none where it cannot be read. */
export const namesIn = (folder: string): readonly string[] =>
  undefinedOnError(() => readdirSync(folder).sort()) ?? [];
