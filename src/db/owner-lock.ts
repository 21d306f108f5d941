// One process owns a DATA_DIR. The lock says who: pid, start time and boot, because a pid alone is reused.
//
// A lock file that is stale cannot simply be removed and made anew: of two starters that both find it stale, the
// slower one would remove the lock of the quicker. So every owner gets a file of its own,
// `owner-<generation>.json`; the highest generation counts and is never deleted, only marked as released.
// Whoever wants to own makes the next one, by link(2), which succeeds for one of several and shows a file whole
// or not at all. It then looks again: if somebody was even further, it was late and withdraws.
import { link, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StartError } from '../errors.js';
import { bootId, startTimeOf } from './process-identity.js';

export interface Owner {
  readonly pid: number;
  /** See process-identity. */
  readonly startTime: string;
  readonly bootId: string;
  /** The process slot of pm2, null outside it; a successor in the same slot may take over. */
  readonly pmId: string | null;
  /** Grows by one with every owner of this folder. */
  readonly generation: number;
  /** Set when the owner has left in order. */
  readonly released: boolean;
}

export interface OwnerLock {
  readonly owner: Owner;
  readonly release: () => Promise<void>;
}

const FILE = /^owner-(\d+)\.json$/;

/**
 * @param dataDir exists
 * @throws StartError naming pid and folder when a living process owns it
 */
export async function acquireOwnerLock(dataDir: string, pmId: string | null = null): Promise<OwnerLock> {
  try {
    return await acquire(dataDir, pmId);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw new StartError(`cannot lock DATA_DIR ${dataDir}: ${(error as Error).message}`);
  }
}

async function acquire(dataDir: string, pmId: string | null): Promise<OwnerLock> {
  for (;;) {
    const generations = await list(dataDir);
    const highest = generations.at(-1) ?? 0;
    const last = highest === 0 ? undefined : await read(pathOf(dataDir, highest));
    if (last !== undefined && isHeld(last)) {
      throw new StartError(`another multilane (pid ${last.pid}) owns DATA_DIR ${dataDir}`);
    }
    const owner = ownOwner(highest + 1, pmId);
    if (!(await create(dataDir, owner))) continue;
    const after = await list(dataDir);
    if (after.at(-1) !== owner.generation) {
      await rm(pathOf(dataDir, owner.generation), { force: true });
      continue;
    }
    const passed = after.filter((generation) => generation < owner.generation);
    await Promise.all(passed.map((generation) => rm(pathOf(dataDir, generation), { force: true })));
    return { owner, release: () => replace(dataDir, { ...owner, released: true }) };
  }
}

/** False when the recorded process has ended, its pid is another's by now, or the machine was restarted. */
export function isHeld(owner: Owner): boolean {
  return !owner.released && owner.bootId === bootId() && startTimeOf(owner.pid) === owner.startTime;
}

function ownOwner(generation: number, pmId: string | null): Owner {
  const startTime = startTimeOf(process.pid) ?? '?';
  return { pid: process.pid, startTime, bootId: bootId(), pmId, generation, released: false };
}

async function list(dataDir: string): Promise<number[]> {
  const generations = (await readdir(dataDir)).flatMap((name) => FILE.exec(name)?.[1] ?? []);
  return generations.map(Number).sort((a, b) => a - b);
}

/** Undefined when it is gone (another starter has tidied up) or not ours to understand. */
async function read(path: string): Promise<Owner | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Owner;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** False when another starter has made this generation first. */
async function create(dataDir: string, owner: Owner): Promise<boolean> {
  const draft = await writeDraft(dataDir, owner);
  try {
    await link(draft, pathOf(dataDir, owner.generation));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function replace(dataDir: string, owner: Owner): Promise<void> {
  await rename(await writeDraft(dataDir, owner), pathOf(dataDir, owner.generation));
}

async function writeDraft(dataDir: string, owner: Owner): Promise<string> {
  const draft = join(dataDir, `.owner-${owner.pid}-${owner.generation}`);
  await writeFile(draft, `${JSON.stringify(owner)}\n`, { mode: 0o600, flush: true });
  return draft;
}

function pathOf(dataDir: string, generation: number): string {
  return join(dataDir, `owner-${generation}.json`);
}
