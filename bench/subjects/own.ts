// The subjects of this repository: raw uWebSockets.js, which is the baseline of every ratio, its double (A/A:
// the distance of its ratio from 1 shows the noise of the machine), and Multilane.
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { register } from '../process/register.js';
import type { ServerCommand } from '../process/server.js';
import { ROUTES, type Route } from '../shapes/shapes.js';
import { PEERS } from './peer-file.js';
import type { Subject } from './subject.js';
import { packageVersion } from './versions.js';

export type Sharding = 'acceptor' | 'reuseport';

/** How the servers of one run are started. */
export interface Surroundings {
  readonly workers: number;
  /** An empty folder of the run, for the working directories and the data of our servers. */
  readonly scratch: string;
  /** URL of the server that is called by the routes behind which another process is called. */
  readonly upstream: string;
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const RAW = here('../peers/raw-uws/primary.js');
const PROJECT = here('../peers/multilane');
const FILE = here('../peers/file.html');
/** The checkout that this harness is part of. */
export const THIS_CHECKOUT = here('../../..');

const CORE = 'uWebSockets.js';

const ownVersions = (checkout: string): readonly string[] => [
  ...packageVersion(checkout),
  ...packageVersion(checkout, CORE),
];

export function rawUws(name: string, sharding: Sharding, { workers, upstream }: Surroundings): Subject {
  return {
    name,
    why: 'the HTTP core with the same threads and the same responses, and nothing else',
    versions: packageVersion(THIS_CHECKOUT, CORE),
    command: process.execPath,
    args: [RAW, sharding, `${workers}`],
    env: { UPSTREAM: upstream },
    routes: ROUTES,
  };
}

/**
 * The bench project of Multilane, run by the build of a checkout. The project is copied into the scratch
 * folder, where `multilane` is a link to that checkout, so every checkout runs the same project.
 */
export function multilane(
  name: string,
  sharding: Sharding,
  surroundings: Surroundings,
  checkout = THIS_CHECKOUT,
): Subject {
  return {
    ...projectOf(name, 'multilane.config.js', sharding, surroundings, checkout),
    why: 'this package with its defaults: admission, deadlines, metrics, trace contexts, checks of framing; no export of traces',
    versions: ownVersions(checkout),
    routes: ROUTES,
    prepare: (server) =>
      register(server, [
        { service: 'upstream', id: 'bench', url: surroundings.upstream, healthCheckUrl: '/health' },
      ]),
  };
}

/** The same on the HTTP core of Node.js, whose workers share the port where Node.js can do that. */
export function onNodeCore(name: string, surroundings: Surroundings): Subject {
  const subject = multilane(name, 'reuseport', surroundings);
  return {
    ...subject,
    why: 'this package with its defaults on the HTTP core of Node.js',
    versions: packageVersion(THIS_CHECKOUT),
    env: { ...subject.env, ...NODE_CORE },
  };
}

const NODE_CORE = { HTTP_CORE: 'node' } as const;

/** What the application of Fastify serves that needs no plugin. */
const OF_FASTIFY: readonly Route[] = ['plaintext', 'json', 'param', 'query', 'echo'];

/** The routes of the peer "Fastify", mounted in this package with the objects of Node.js. */
export function mountedFastify(name: string, surroundings: Surroundings): Subject {
  const project = projectOf(name, 'fastify.config.js', 'reuseport', surroundings, THIS_CHECKOUT);
  linkPackages(project.cwd, ['fastify']);
  return {
    ...project,
    why: 'this package with its defaults on the HTTP core of Node.js, and the routes of "Fastify", mounted',
    versions: [...packageVersion(THIS_CHECKOUT), ...packageVersion(THIS_CHECKOUT, 'fastify')],
    env: {
      ...project.env,
      ...NODE_CORE,
      FASTIFY_ROUTES: pathToFileURL(join(PEERS, 'fastify/routes.js')).href,
    },
    routes: OF_FASTIFY,
  };
}

function linkPackages(folder: string, packages: readonly string[]): void {
  for (const each of packages)
    symlinkSync(join(THIS_CHECKOUT, 'node_modules', each), join(folder, 'node_modules', each));
}

/** What the application of Hono serves, with the routes beside it. */
const OF_HONO: readonly Route[] = ['plaintext', 'json', 'param', 'query', 'echo', 'file', 'sse', 'ws'];
/** Packages that its file imports. */
const PACKAGES_OF_HONO = ['hono', 'ajv'];

/** The application of the peer "Hono on Node", mounted in this package. */
export function mountedHono(name: string, sharding: Sharding, surroundings: Surroundings): Subject {
  const project = projectOf(name, 'hono.config.js', sharding, surroundings, THIS_CHECKOUT);
  linkPackages(project.cwd, PACKAGES_OF_HONO);
  return {
    ...project,
    why: 'this package with its defaults and the application of "Hono on Node", mounted',
    versions: [
      ...ownVersions(THIS_CHECKOUT),
      ...PACKAGES_OF_HONO.flatMap((each) => packageVersion(THIS_CHECKOUT, each)),
    ],
    routes: OF_HONO,
  };
}

/** @param config one of the files of bench/peers/multilane */
function projectOf(
  name: string,
  config: string,
  sharding: Sharding,
  surroundings: Surroundings,
  checkout: string,
): ServerCommand & { readonly cwd: string } {
  const folder = join(surroundings.scratch, name.replace(/\W+/g, '-'));
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  cpSync(PROJECT, folder, { recursive: true });
  cpSync(FILE, join(folder, 'file.html'));
  symlinkSync(checkout, join(folder, 'node_modules/multilane'));
  return {
    name,
    command: process.execPath,
    args: [join(checkout, 'dist/primary.js'), '--config', join(folder, config)],
    env: { ...settings(surroundings), SHARDING: sharding, DATA_DIR: join(folder, 'data') },
    cwd: folder,
  };
}

/**
 * The reference shop with its embedded PostgreSQL. It serves `/health` only, of the routes that are measured.
 */
export function shop(surroundings: Surroundings): Subject {
  const routes: readonly Route[] = ['health'];
  return {
    name: 'multilane, whole shop',
    why: 'four services with an embedded PostgreSQL',
    versions: ownVersions(THIS_CHECKOUT),
    command: process.execPath,
    args: [join(THIS_CHECKOUT, 'dist/primary.js'), '--demo'],
    env: { ...settings(surroundings), DATA_DIR: join(surroundings.scratch, 'shop') },
    cwd: surroundings.scratch,
    routes,
  };
}

/** All other settings have their defaults, as for a user. */
const settings = ({ workers }: Surroundings): Record<string, string> => ({
  HOST: '127.0.0.1',
  PORT: '0',
  ADMIN_PORT: '0',
  GRPC_PORT: '0',
  WORKERS: `${workers}`,
});
