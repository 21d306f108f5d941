// Reads `bench/peers/NAME/peer.json`, which declares another server for the comparison. bench/README.md
// documents it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROUTES, type Route } from '../shapes/shapes.js';
import type { NotMeasured } from './subject.js';

export interface Peer {
  readonly name: string;
  /** The folder of the peer, in which its commands run. */
  readonly folder: string;
  readonly shapes: readonly Route[];
  /** The command that starts it. The number of workers is appended. */
  readonly command: readonly string[];
  /** Programs that must be on PATH. */
  readonly needs: readonly string[];
  /** Debian packages that it takes: what a user may install when it could not be measured. */
  readonly packages: readonly string[];
  /** Fetches what the peer depends on. */
  readonly install: readonly string[] | undefined;
  /** Compiles the peer. */
  readonly build: readonly string[] | undefined;
  readonly why: string;
}

/** The sources of the peers: they are installed and built there, and not copied into the build. */
export const PEERS = fileURLToPath(new URL('../../../bench/peers', import.meta.url));

const MEMBERS = ['name', 'shapes', 'command', 'needs', 'packages', 'install', 'build', 'why'];

/**
 * All peers below a folder, by the names of their folders.
 * @throws Error that names the file and the member
 */
export function readPeers(below: string): readonly Peer[] {
  const files = readdirSync(below, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(below, entry.name))
    .toSorted();
  return files.flatMap((folder) => {
    const text = contentOf(join(folder, 'peer.json'));
    return text === undefined ? [] : [parsePeer(text, folder)];
  });
}

/** The peers that cannot be installed here at all, from `not-measured.json` in the folder of the peers. */
export function readAbsentPeers(below: string): readonly NotMeasured[] {
  const text = contentOf(join(below, 'not-measured.json')) ?? '[]';
  const rows = JSON.parse(text) as readonly { readonly name: string; readonly reason: string }[];
  return rows.map(({ name, reason }) => ({ server: name, reason }));
}

/** The text of a file; undefined when it cannot be read: raw-uws and multilane have no `peer.json`. */
export function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** @throws Error that names the file and what is wrong in it */
export function parsePeer(text: string, folder: string): Peer {
  const wrong = (what: string): never => {
    throw new Error(`${join(folder, 'peer.json')}: ${what}`);
  };
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch (error) {
    return wrong(`no JSON (${(error as Error).message})`);
  }
  if (typeof value !== 'object' || value === null) return wrong('an object is expected');
  const unknown = Object.keys(value).find((key) => !MEMBERS.includes(key));
  if (unknown !== undefined) wrong(`"${unknown}" is not one of ${MEMBERS.join(', ')}`);

  const string = (key: string): string => {
    const found = value[key];
    return typeof found === 'string' && found !== '' ? found : wrong(`"${key}" must be a text`);
  };
  const strings = (key: string): readonly string[] => {
    const found = value[key];
    const isList = Array.isArray(found) && found.every((entry) => typeof entry === 'string');
    return isList ? found : wrong(`"${key}" must be an array of strings`);
  };
  const command = (key: string): readonly string[] => {
    const words = strings(key);
    return words.length > 0 ? words : wrong(`"${key}" must name a program`);
  };
  // An empty command stands for none: peers that need no such step may leave it out or empty.
  const step = (key: string): readonly string[] | undefined =>
    value[key] === undefined || strings(key).length === 0 ? undefined : strings(key);
  const isRoute = (name: string): name is Route => (ROUTES as readonly string[]).includes(name);
  const shapes = strings('shapes').map((name) =>
    isRoute(name) ? name : wrong(`"shapes" has "${name}", which is not one of ${ROUTES.join(', ')}`),
  );
  return {
    name: string('name'),
    folder,
    shapes: shapes.length > 0 ? shapes : wrong('"shapes" must not be empty'),
    command: command('command'),
    needs: value.needs === undefined ? [] : strings('needs'),
    packages: value.packages === undefined ? [] : strings('packages'),
    install: step('install'),
    build: step('build'),
    why: string('why'),
  };
}
