// Makes a peer ready to start: its programs are looked up, then it is installed and built in its folder,
// unless that has been done for the same files.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { contentOf, type Peer } from './peer-file.js';
import type { NotMeasured, Subject } from './subject.js';
import { versionsOf } from './versions.js';

/** Longest time of an install or a build. Compilers with many dependencies need minutes. */
const STEP_MS = 15 * 60_000;
/** Folders that an install or a build makes. They are not sources, and git ignores them. */
const OUTPUTS = ['build', 'node_modules', 'target', '.venv', '__pycache__'];

/** The peer as a subject, or the reason for which it cannot be measured here. */
export async function preparePeer(
  peer: Peer,
  workers: number,
  progress: (line: string) => void,
): Promise<Subject | NotMeasured> {
  const missing = peer.needs.filter((program) => !isOnPath(program));
  if (missing.length > 0) return absent(peer, `${missing.join(', ')} not installed`);
  const stamp = join(peer.folder, 'build/.prepared');
  const sources = hashOf(peer.folder);
  if (contentOf(stamp) !== sources) {
    for (const step of ['install', 'build'] as const) {
      const command = peer[step];
      if (command === undefined) continue;
      progress(`${peer.name}: ${command.join(' ')}`);
      const failure = await runStep(command, peer.folder);
      if (failure !== undefined) return absent(peer, `${step} failed: ${failure}`);
    }
    mkdirSync(join(peer.folder, 'build'), { recursive: true });
    // The install may have changed a file of its own, such as a lock.
    writeFileSync(stamp, hashOf(peer.folder));
  }
  return subjectOf(peer, workers);
}

const absent = ({ name, packages }: Peer, reason: string): NotMeasured => ({
  server: name,
  reason: packages.length === 0 ? reason : `${reason} (Debian packages: ${packages.join(' ')})`,
});

export function subjectOf(peer: Peer, workers: number): Subject {
  const [program, ...args] = peer.command;
  return {
    name: peer.name,
    why: peer.why,
    versions: versionsOf(peer),
    command: programIn(program!, peer.folder),
    args: [...args, `${workers}`],
    cwd: peer.folder,
    routes: peer.shapes,
  };
}

/** `node` is the one that runs the harness; a relative path is one in the folder of the peer. */
function programIn(program: string, folder: string): string {
  if (program === 'node') return process.execPath;
  return program.includes('/') ? resolve(folder, program) : program;
}

export function isOnPath(program: string, path = process.env.PATH ?? ''): boolean {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A hash of all source files of a peer, with their names. */
function hashOf(folder: string): string {
  const hash = createHash('sha256');
  const add = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (OUTPUTS.includes(entry.name)) continue;
      const inner = join(path, entry.name);
      if (entry.isDirectory()) add(inner);
      else hash.update(`${inner.slice(folder.length)}\0`).update(readFileSync(inner));
    }
  };
  add(folder);
  return hash.digest('hex');
}

/** @returns the end of what a command that failed has printed; undefined when it succeeded */
function runStep(command: readonly string[], folder: string): Promise<string | undefined> {
  const [program, ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(programIn(program!, folder), args, {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: STEP_MS,
    });
    let output = '';
    const keep = (text: Buffer): void => {
      output = `${output}${text.toString()}`.slice(-4000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => {
      const last = output.trim().split('\n').slice(-3).join(' / ');
      resolve(code === 0 ? undefined : last || `ended with ${code ?? signal}`);
    });
  });
}
