// What tells a folder from its copies, and from another one that has taken its path.
import { stat } from 'node:fs/promises';

export interface FolderIdentity {
  /** Number of the file system that it is on, as this process sees it. */
  readonly device: string;
  /** Its number there. */
  readonly inode: string;
}

/** @throws what stat(2) says */
export async function folderIdentityOf(folder: string): Promise<FolderIdentity> {
  const { dev, ino } = await stat(folder, { bigint: true });
  return { device: String(dev), inode: String(ino) };
}

/** False when there is none any more. */
export async function hasIdentity(folder: string, { device, inode }: FolderIdentity): Promise<boolean> {
  const now = await folderIdentityOf(folder).catch(() => undefined);
  return now?.device === device && now.inode === inode;
}
