// The account that runs the embedded PostgreSQL. PostgreSQL refuses to run as root, so if Multilane is
// started by root, PostgreSQL runs as `postgres`, or as the system's unprivileged account. That account
// must be able to reach PostgreSQL's files. Inside a private folder of root (a clone below /root, a folder of
// mktemp -d) it cannot, so there it gets one capability, CAP_DAC_READ_SEARCH, to pass through folders.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { StartError } from '../errors.js';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  /** The account gets the capability to pass through folders that are closed to it. */
  readonly passesFolders?: boolean;
}

/** Bits of capabilities(7): the one that is granted, and the one that is needed to grant it. */
const CAP_DAC_READ_SEARCH = 1n << 2n;
const CAP_SETPCAP = 1n << 8n;
const SETPRIV = ['/usr/bin/setpriv', '/bin/setpriv'];

/**
 * The account that must own the cluster; undefined when it is that of this process. An existing cluster keeps
 * its owner, because the same data may be started from container images with different accounts.
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
 * Returns the account with what it needs to reach all these paths: as it is, or with the capability to pass
 * through folders that are closed to it.
 * @throws StartError naming a folder that is closed to the account, when the capability cannot be granted
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
    if (!(error instanceof StartError) || !(await canGrantPassage())) throw error;
    log.warn(
      `the embedded PostgreSQL is in a folder that the account "${account.name}" cannot enter: granting it the ` +
        'capability to search and read every folder (a DATA_DIR and a clone outside of private folders avoid this)',
    );
    return { ...account, passesFolders: true };
  }
}

async function canGrantPassage(): Promise<boolean> {
  if (!SETPRIV.some((file) => existsSync(file))) return false;
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const needed = CAP_DAC_READ_SEARCH | CAP_SETPCAP;
  return (effective & needed) === needed;
}

/**
 * Checks that the account exists in this user namespace, which has only the ids that are mapped into it
 * (user_namespaces(7)). A namespace that has root alone (`unshare --map-root-user`) permits no other account
 * to own a file or to run a program.
 * @param mapOf the text of `/proc/self/uid_map` or `gid_map`
 * @throws StartError when the account does not exist in the namespace
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

/**
 * Whether an id is mapped. A line of the map has the first id inside, the first id outside, and the count.
 */
const hasId = (map: string, id: number): boolean =>
  map.split('\n').some((line) => {
    const [first = NaN, , count = NaN] = line.trim().split(/\s+/).map(Number);
    return id >= first && id < first + count;
  });

/** Starts a program as this account; undefined: as the account of this process. */
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
  // no_setuid_fixup: without it access(2), by which PostgreSQL looks for its own programs, ignores
  // capabilities.
  const granted = [
    '--inh-caps=+dac_read_search',
    '--ambient-caps=+dac_read_search',
    '--securebits=+no_setuid_fixup',
  ];
  return spawn(setpriv, [...identity, ...granted, '--', file, ...args], options);
}

/** @throws StartError naming the first folder on the way to `path` that the account may not pass through */
export async function requireReachable(path: string, account: Account | undefined): Promise<void> {
  if (account === undefined) return;
  for (const folder of ancestors(path)) {
    const { uid, gid, mode } = await stat(folder).catch(passableIfMissing);
    const execute = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & execute) === 0) {
      throw new StartError(
        `the account "${account.name}", which runs the embedded PostgreSQL, cannot enter ${folder} ` +
          `(try: chmod o+x ${folder}, or start as another account than root)`,
      );
    }
  }
}

/** A folder that is missing will be made so that the account can pass through it. */
function passableIfMissing(error: NodeJS.ErrnoException): { uid: number; gid: number; mode: number } {
  if (error.code === 'ENOENT') return { uid: 0, gid: 0, mode: 0o111 };
  throw error;
}

/** Folders above a path, from the root down. */
function ancestors(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [path] : [...ancestors(parent).filter((folder) => folder !== parent), parent];
}
