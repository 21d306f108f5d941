// The folder of the embedded PostgreSQL's socket, which follows from DATA_DIR.
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../config.js';
import { fitsSocket } from '../unix-socket.js';
import type { Environment } from './environment.js';

const SOCKET_FILE = '.s.PGSQL.5432';

const fits = (folder: string): boolean => fitsSocket(join(folder, SOCKET_FILE));

/**
 * `DATA_DIR/pg/socket`. When that path is too long for a socket, it is a folder in the run-time directory, or
 * else in `/tmp`, that is the same for every start with this DATA_DIR. Its parent folder may be writable for
 * all users, so the code that creates it must check that it belongs to this user.
 */
export function socketDirectory(
  { dataDir }: Pick<Settings, 'dataDir'>,
  env: Environment = process.env,
  uid: number | undefined = process.getuid?.(),
): string {
  const inDataDir = join(dataDir, 'pg', 'socket');
  if (fits(inDataDir)) return inDataDir;
  const name = `multilane-${createHash('sha256').update(dataDir).digest('hex').slice(0, 16)}`;
  // Root starts PostgreSQL under another account, which cannot enter root's XDG_RUNTIME_DIR.
  const candidates = uid === 0 ? ['/run'] : [env.XDG_RUNTIME_DIR ?? `/run/user/${uid}`];
  const usable = candidates.find(
    (folder) => folder.startsWith('/') && existsSync(folder) && fits(join(folder, name)),
  );
  return join(usable ?? '/tmp', name);
}
