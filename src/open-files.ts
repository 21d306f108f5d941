// File descriptors, when the process or the machine has none left: how an error says so, and whether there
// are some.
import { closeSync, openSync } from 'node:fs';
import { UnavailableError } from './errors.js';

const OUT_OF_FILES: ReadonlySet<unknown> = new Set(['EMFILE', 'ENFILE']);

/** What a request gets that needs a file or a socket: nothing of it has left this process. */
export class OutOfFilesError extends UnavailableError {
  constructor(cause?: unknown) {
    super('OVERLOADED', 'The process has too many files and connections open.', 1, cause);
  }
}

/** Whether an error says that no file or socket could be opened, because too many are open. */
export const isOutOfFiles = (error: unknown): boolean =>
  error instanceof OutOfFilesError ||
  (error instanceof Error && OUT_OF_FILES.has((error as NodeJS.ErrnoException).code));

/** Whether so many files can be opened now. It opens them and closes them again: a few microseconds each. */
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
