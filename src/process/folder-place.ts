// What tells a folder from its copies, and from another one that has taken its path.
import { stat } from 'node:fs/promises';

export interface FolderPlace {
  /** Number of the file system that it is on, as this process sees it. */
  readonly device: string;
  /** Its number there. */
  readonly inode: string;
}

/** @throws what stat(2) says */
export async function placeOf(folder: string): Promise<FolderPlace> {
  const { dev, ino } = await stat(folder, { bigint: true });
  return { device: String(dev), inode: String(ino) };
}

/** False when there is none any more. */
export async function isAt(folder: string, { device, inode }: FolderPlace): Promise<boolean> {
  const now = await placeOf(folder).catch(() => undefined);
  return now?.device === device && now.inode === inode;
}
