// What may be missing. Only ENOENT says that it is: any other error, such as a shortage of file descriptors,
// says nothing about it.

/**
 * @param access of a file, under way
 * @returns undefined when the file does not exist
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
