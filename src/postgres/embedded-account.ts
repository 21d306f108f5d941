// PostgreSQL refuses to run as root. Started by root, it runs as `postgres`, else as `nobody`; and that
// account must be able to reach its files. Inside a private folder of root (a clone below /root, a folder of
// mktemp -d) it cannot, so there it is lent the one capability to pass through folders, CAP_DAC_READ_SEARCH.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StartError } from '../errors.js';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** Set where it must be lent the way through folders that are closed to it. */
  readonly passesFolders?: boolean;
}

/** capabilities(7): what is lent, and what lending it takes. */
const CAP_DAC_READ_SEARCH = 1n << 2n;
const CAP_SETPCAP = 1n << 8n;
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'];

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

/**
 * The account as it can reach all these paths.
 * @throws StartError naming the folder that is closed to it, when we cannot lend it the way through
 */
export async function withPassage(
  account: Account | undefined,
  paths: readonly string[],
  log: { warn(message: string): void },
): Promise<Account | undefined> {
  if (account === undefined) return undefined;
  try {
    for (const path of paths) await requireReachable(path, account);
    return account;
  } catch (error) {
    if (!(error instanceof StartError) || !(await canLendPassage())) throw error;
    log.warn(
      `the embedded PostgreSQL lies in a folder that the account "${account.name}" cannot enter: it is lent the ` +
        'capability to search and read every folder (a DATA_DIR and a clone outside of private folders avoid this)',
    );
    return { ...account, passesFolders: true };
  }
}

async function canLendPassage(): Promise<boolean> {
  if (!SETPRIV.some((file) => existsSync(file))) return false;
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const needed = CAP_DAC_READ_SEARCH | CAP_SETPCAP;
  return (effective & needed) === needed;
}

/**
 * A user namespace has only the ids that are mapped into it, see user_namespaces(7): with root alone, as
 * `unshare --map-root-user` makes it, no file can be given to another account and no program can run as one.
 * @param mapOf the text of `/proc/self/uid_map` or `gid_map`
 * @throws StartError when the account does not exist here
 */
export async function requireMapped(
  account: Account | undefined,
  mapOf: (kind: 'uid' | 'gid') => Promise<string> = (kind) => readFile(`/proc/self/${kind}_map`, 'utf8'),
): Promise<void> {
  if (account === undefined) return;
  for (const kind of ['uid', 'gid'] as const) {
    const map = await mapOf(kind).catch(() => undefined);
    if (map === undefined || hasId(map, account[kind])) continue;
    throw new StartError(
      `the embedded PostgreSQL cannot run as "${account.name}": this user namespace has no ${kind} ${account[kind]}, and as ` +
        'root it refuses to run. Map a range of ids into the namespace (/etc/subuid, /etc/subgid), start as another ' +
        'account than root, or set DATABASE_URL',
    );
  }
}

/** Lines of: first id inside, first id outside, how many. */
const hasId = (map: string, id: number): boolean =>
  map.split('\n').some((line) => {
    const [first = NaN, , count = NaN] = line.trim().split(/\s+/).map(Number);
    return id >= first && id < first + count;
  });

/** Starts a program as this account; undefined: as ourselves. */
export function spawnAs(
  account: Account | undefined,
  file: string,
  args: readonly string[],
  options: SpawnOptions,
): ChildProcess {
  if (account === undefined) return spawn(file, args, options);
  const { uid, gid, passesFolders = false } = account;
  if (!passesFolders) return spawn(file, args, { ...options, uid, gid });
  const setpriv = SETPRIV.find((path) => existsSync(path))!;
  const identity = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  // no_setuid_fixup: access(2), by which PostgreSQL looks for its own programs, ignores capabilities
  // otherwise.
  const lent = [
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
    '--securebits=+no_setuid_fixup',
  ];
  return spawn(setpriv, [...identity, ...lent, '--', file, ...args], options);
}

/** @throws StartError naming the first folder on the way to `path` that the account may not pass through */
export async function requireReachable(path: string, account: Account | undefined): Promise<void> {
  if (account === undefined) return;
  for (const folder of ancestors(path)) {
    const { uid, gid, mode } = await stat(folder).catch(whenMissing);
    const execute = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & execute) === 0) {
      throw new StartError(
        `the account "${account.name}", which runs the embedded PostgreSQL, cannot enter ${folder} ` +
          `(try: chmod o+x ${folder}, or start as another account than root)`,
      );
    }
  }
}

/** What is not there yet is made by us, so that the account can pass. */
function whenMissing(error: NodeJS.ErrnoException): { uid: number; gid: number; mode: number } {
  if (error.code === 'ENOENT') return { uid: 0, gid: 0, mode: 0o111 };
  throw error;
}

/** From the root down, `path` itself left out. */
function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...ancestors(parent).filter((folder) => folder !== parent), parent];
}
