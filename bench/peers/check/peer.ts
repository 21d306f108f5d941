// The folders of the peers: what they say of themselves in `peer.json`, and how they are installed and built.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The sources, seen from this file's place below `build`. */
export const FOLDER = fileURLToPath(new URL('../../../../bench/peers/', import.meta.url));

export interface Peer {
  readonly folder: string;
  readonly name: string;
  /** The shapes that the peer serves. */
  readonly shapes: readonly string[];
  /** Started in the peer's folder, with the number of workers as one more argument. */
  readonly command: readonly string[];
  /** Programs that must be on PATH. */
  readonly needs: readonly string[];
  /** Debian's packages that bring these programs and the libraries. */
  readonly packages?: readonly string[];
  readonly install?: readonly string[];
  readonly build?: readonly string[];
  /** One sentence: which mode and settings, and why they are the best of this peer. */
  readonly why: string;
}

/**
 * @param names names of folders; none: all of them
 * @throws Error when a folder has no `peer.json`
 */
export function readPeers(names: readonly string[]): readonly Peer[] {
  const all = readdirSync(FOLDER).filter((name) => existsSync(join(FOLDER, name, 'peer.json')));
  return (names.length === 0 ? all : names).map((name) => {
    const folder = join(FOLDER, name);
    return {
      ...(JSON.parse(readFileSync(join(folder, 'peer.json'), 'utf8')) as Omit<Peer, 'folder'>),
      folder,
    };
  });
}

/** Installs and builds a peer. @throws Error that says which program is missing, or what a command printed */
export function prepare(peer: Peer): void {
  const missing = peer.needs.filter((program) => !isOnPath(program));
  if (missing.length > 0) {
    const packages = peer.packages === undefined ? '' : ` (apt-get install ${peer.packages.join(' ')})`;
    throw new Error(`needs ${missing.join(', ')} on PATH${packages}`);
  }
  for (const step of [peer.install, peer.build]) {
    const [program, ...args] = step ?? [];
    if (program !== undefined)
      execFileSync(program, args, { cwd: peer.folder, stdio: ['ignore', 'ignore', 'pipe'] });
  }
}

const isOnPath = (program: string): boolean =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
