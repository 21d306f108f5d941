// Reads files that may be missing. Only the error ENOENT says that a file is missing; any other one, such as
// a shortage of file descriptors, says nothing about it and must not be taken for an absence.

/**
 * @param access access to a file that is under way
 * @returns its result, or undefined when the file does not exist
 * @throws every error but ENOENT
 */
export async function ifExists<T>(access: Promise<T>): Promise<T | undefined> {
  try {
    return await access;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
