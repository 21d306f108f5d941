// The files of the embedded PostgreSQL below DATA_DIR/pg. They are made once, and a start that is killed
// halfway leaves nothing that a later start would take for a whole cluster.
//
//   data/           the cluster, owned by the account that runs PostgreSQL
//   socket/         mode 0700
//   password        of the superuser; owned by the account of Multilane, mode 0600
//   postgres.log    PostgreSQL's own log
//   alive.sock      see postgres-presence

import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  open,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { errorMessage } from '../error-text.js';
import { StartError } from '../errors.js';
import { ifExists } from '../process/if-exists.js';
import { makeFolder } from '../process/make-folder.js';
import { signalIfAlive } from '../process/process-identity.js';
import { type Account, spawnAs } from './embedded-account.js';
import type { Binaries } from './embedded-binaries.js';

/** Superuser of the cluster, and the role that Multilane connects as. */
export const ROLE = 'multilane';
/**
 * Environment of PostgreSQL. It inherits nothing: PG* variables of the operator would change what it does.
 */
export const ENVIRONMENT = { PATH: '/usr/bin:/bin', TZ: 'UTC', LC_ALL: 'C' };

/** Path of the cluster's data folder below DATA_DIR. */
export const DATA_FOLDER = 'pg/data';
/** Prefix of files and folders below DATA_DIR/pg that are not complete yet. */
export const DRAFT = 'new-';

/** Removal is retried: an `initdb` whose parent was killed goes on writing into the folder for a moment. */
const REMOVAL = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 };

export interface Cluster {
  readonly folder: string;
  readonly dataFolder: string;
  readonly logFile: string;
  readonly password: string;
}

/** Opens `DATA_DIR/pg`, and makes it if it is missing. @throws StartError when a folder cannot be made */
export async function openFolder(dataDir: string): Promise<Omit<Cluster, 'password'>> {
  try {
    const created = await makeFolder(dataDir);
    // If this process is root's, the cluster belongs to another account, which must be able to pass through.
    if (created) await chmod(dataDir, process.getuid?.() === 0 ? 0o711 : 0o700);
    const path = join(dataDir, 'pg');
    await makeFolder(path);
    await chmod(path, process.getuid?.() === 0 ? 0o711 : 0o700);
    // The folder may be a link to another disk, and so may the data in it; the kernel shows real paths.
    const folder = await realpath(path);
    const dataFolder = join(folder, 'data');
    return {
      folder,
      dataFolder: (await ifExists(realpath(dataFolder))) ?? dataFolder,
      logFile: join(folder, 'postgres.log'),
    };
  } catch (error) {
    throw new StartError(`cannot use DATA_DIR ${dataDir}: ${errorMessage(error)}`);
  }
}

/** Whether `initdb` has run to its end. */
export async function hasCluster({ folder }: Omit<Cluster, 'password'>): Promise<boolean> {
  return (await readdir(folder)).includes('data');
}

/**
 * Runs `initdb` if there is no cluster yet.
 * @param signal kills `initdb`
 * @throws StartError when `initdb` fails, or the password of an existing cluster is lost
 */
export async function ensureCluster(
  files: Omit<Cluster, 'password'>,
  binaries: Binaries,
  account: Account | undefined,
  signal: AbortSignal,
): Promise<Cluster> {
  const passwordFile = join(files.folder, 'password');
  const entries = await readdir(files.folder);
  const stored = await readPassword(passwordFile);
  if (entries.includes('data')) {
    if (stored !== '') return { ...files, password: stored };
    throw new StartError(`${passwordFile} is missing: restore it, or remove ${files.folder} to start empty`);
  }
  await removeDrafts(files.folder);
  const password = stored === '' ? randomBytes(32).toString('base64url') : stored;
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600, flush: true });
  await initialise(files, binaries, account, password, signal);
  return { ...files, password };
}

/** Removes what a start that was killed has left: an incomplete cluster, or a socket. */
export async function removeDrafts(folder: string): Promise<void> {
  const drafts = (await readdir(folder)).filter((name) => name.startsWith(DRAFT));
  await Promise.all(drafts.map((name) => rm(join(folder, name), REMOVAL)));
}

async function readPassword(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new StartError(`cannot read ${file}: ${errorMessage(error)}`);
  }
}

async function initialise(
  files: Omit<Cluster, 'password'>,
  binaries: Binaries,
  account: Account | undefined,
  password: string,
  signal: AbortSignal,
): Promise<void> {
  const work = join(files.folder, `${DRAFT}${randomBytes(6).toString('hex')}`);
  try {
    await mkdir(work, { mode: 0o700 });
    const passwordCopy = join(work, 'password');
    await writeFile(passwordCopy, `${password}\n`, { mode: 0o600 });
    if (account !== undefined) {
      await Promise.all([work, passwordCopy].map((path) => chown(path, account.uid, account.gid)));
    }
    const data = join(work, 'data');
    const args = [
      ...['-D', data, '-U', ROLE, `--pwfile=${passwordCopy}`, '--auth=scram-sha-256', '--no-instructions'],
      // The rules of lower() and upper() come from PostgreSQL itself (Unicode). With those of the C library,
      // an update of the machine could change them under an existing index.
      ...['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    ];
    await run(binaries.initdb, account, args, signal);
    await rename(data, files.dataFolder);
    const parent = await open(files.folder);
    await parent.sync();
    await parent.close();
  } finally {
    await rm(work, REMOVAL);
  }
}

function run(
  file: string,
  account: Account | undefined,
  args: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const child = spawnAs(account, file, args, {
      cwd: '/',
      env: ENVIRONMENT,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let errorText = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      errorText = (errorText + text).slice(-4096);
    });
    const kill = (): void => {
      // The processes that `initdb` has started read from it, and end when there is nothing more to read.
      if (child.pid !== undefined) signalIfAlive(child.pid, 'SIGKILL');
    };
    signal.addEventListener('abort', kill, { once: true });
    child.once('close', () => signal.removeEventListener('abort', kill));
    child.once('error', (error) => reject(new StartError(`cannot run ${file}: ${errorMessage(error)}`)));
    child.once('close', (code, killedBy) => {
      if (code === 0) return resolve();
      if (signal.aborted) return reject(signal.reason);
      const line = errorText.split('\n').find((text) => /error|fatal|could not/i.test(text));
      reject(new StartError(`initdb failed (${killedBy ?? code}): ${line ?? errorText.trim()}`));
    });
  });
}
