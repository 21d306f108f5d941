// PostgreSQL refuses to run as root. Started by root, it runs as `postgres`, else as `nobody`; and that account
// must be able to reach its files, which inside a 0700 folder of root it cannot.
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StartError } from '../errors.js';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account that must own the cluster, undefined when it is our own. An existing cluster keeps its owner:
 * the same data may be started from images that know different accounts.
 */
export async function chooseAccount(
  cluster: string,
  log: { warn(message: string): void },
  passwdFile = '/etc/passwd',
): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = parsePasswd(await readFile(passwdFile, 'utf8').catch(() => ''));
  const owner = await stat(cluster).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) {
    const name = accounts.find(({ uid }) => uid === owner.uid)?.name ?? String(owner.uid);
    return { name, uid: owner.uid, gid: owner.gid };
  }
  const postgres = accounts.find(({ name }) => name === 'postgres');
  if (postgres !== undefined) return postgres;
  log.warn('no account "postgres" on this machine: the embedded PostgreSQL runs as "nobody"');
  return accounts.find(({ name }) => name === 'nobody') ?? { name: 'nobody', uid: 65534, gid: 65534 };
}

function parsePasswd(text: string): Account[] {
  return text
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name = '', , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }));
}

/** @throws StartError naming the first folder on the way to `path` that the account may not pass through */
export async function requireReachable(path: string, account: Account | undefined): Promise<void> {
  if (account === undefined) return;
  for (const folder of ancestors(path)) {
    const { uid, gid, mode } = await stat(folder);
    const execute = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & execute) === 0) {
      throw new StartError(
        `the account "${account.name}", which runs the embedded PostgreSQL, cannot enter ${folder} ` +
          `(try: chmod o+x ${folder}, or start as another account than root)`,
      );
    }
  }
}

/** From the root down, `path` itself left out. */
function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...ancestors(parent).filter((folder) => folder !== parent), parent];
}
