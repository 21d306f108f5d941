// Which folder is it? A path does not say: the folder may be moved away and another one put in its place, and
// a copy has the same content. The numbers of the file system and of the folder on it tell folders apart.
import { stat } from 'node:fs/promises';

export interface FolderIdentity {
  /** Number of the file system that the folder is on, as this process sees it. */
  readonly device: string;
  /** Number of the folder on that file system. */
  readonly inode: string;
}

/** @throws Error as stat(2) does */
export async function folderIdentityOf(path: string): Promise<FolderIdentity> {
  const { dev, ino } = await stat(path, { bigint: true });
  return { device: String(dev), inode: String(ino) };
}

/** Whether this folder is at the path; false when nothing can be read there. */
export async function hasIdentity(path: string, { device, inode }: FolderIdentity): Promise<boolean> {
  const found = await folderIdentityOf(path).catch(() => undefined);
  return found?.device === device && found.inode === inode;
}
