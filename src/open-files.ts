// Detects that the process or the machine has no free file descriptor, from an error or by trying.
import { closeSync, openSync } from 'node:fs';
import { UnavailableError } from './errors.js';

const OUT_OF_FILES: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE']);

/** The error of a request that needs a file or a socket. Nothing of the request has left this process. */
export class OutOfFilesError extends UnavailableError {
  constructor(cause?: unknown) {
    super('OVERLOADED', 'The process has too many files and connections open.', 1, cause);
  }
}

/** True for an error that means: no file or socket could be opened because too many are open. */
export const isOutOfFiles = (error: unknown): boolean =>
  error instanceof OutOfFilesError ||
  (error instanceof Error && OUT_OF_FILES.has((error as NodeJS.ErrnoException).code));

/** True when this many files can be opened now. It opens and closes them, which takes microseconds each. */
export function canOpen(files: number): boolean {
  const opened: number[] = [];
  try {
    while (opened.length < files) opened.push(openSync('/dev/null', 'r'));
    return true;
  } catch (error) {
    return !isOutOfFiles(error);
  } finally {
    for (const file of opened) closeSync(file);
  }
}
