// What befalls a cluster. Each fault begins, lasts for a while, and is healed; after that all processes must
// know all instances again within its bound.
import type { Cluster } from './cluster.js';

export interface Fault {
  readonly name: string;
  /** Milliseconds after its end within which every process knows all instances. */
  readonly boundMs: number;
  /** The shortest and the longest duration, in milliseconds. */
  readonly lasts: readonly [number, number];
  /** @returns ends it */
  readonly begin: (cluster: Cluster) => () => void;
}

/** A refused connection is tried again after a second at most: docs/scaling.md has it. */
const SOON_MS = 2_000;
/** A request without a response was given up after 5 s. */
const AFTER_TIMEOUT_MS = 5_000 + SOON_MS;
/** Two faults at once may leave a watch behind that nobody ends: it is replaced after 30 s. */
export const OVERLAPPING_MS = 30_000 + AFTER_TIMEOUT_MS;

const onePlace = (cluster: Cluster): number => cluster.oneOf([...cluster.places.keys()]);
const somePlaces = (cluster: Cluster): readonly number[] => {
  const first = onePlace(cluster);
  return [...cluster.places.keys()].filter((place) => place === first || cluster.random.next() < 0.3);
};

/** Cuts some processes off. @returns heals that */
function cut(cluster: Cluster): () => void {
  const hosts = somePlaces(cluster).flatMap((place) => cluster.places[place]?.host ?? []);
  for (const host of hosts) host.cut();
  return () => {
    for (const host of hosts) cluster.network.heal(host);
  };
}

/** Ends the server. @param losesAll also what it has stored @returns starts another one */
function stopped({ network, server }: Cluster, losesAll: boolean): () => void {
  if (losesAll) server.wipe();
  if (network.state === 'stopped') return () => undefined;
  network.stop();
  return () => {
    if (network.state !== 'stopped') return;
    server.restarted();
    network.start();
  };
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'a process is killed, and started again',
    boundMs: SOON_MS,
    lasts: [500, 60_000],
    begin(cluster) {
      const place = onePlace(cluster);
      cluster.kill(place);
      return () => cluster.start(place);
    },
  },
  {
    name: 'a process ends, and another one starts at its place',
    boundMs: SOON_MS,
    lasts: [100, 30_000],
    begin(cluster) {
      const place = onePlace(cluster);
      cluster.leave(place);
      return () => cluster.start(place);
    },
  },
  { name: 'processes are cut off', boundMs: AFTER_TIMEOUT_MS, lasts: [500, 60_000], begin: cut },
  {
    name: 'the server is stopped',
    boundMs: SOON_MS,
    lasts: [500, 90_000],
    begin: (cluster) => stopped(cluster, false),
  },
  {
    name: 'the server loses everything',
    boundMs: SOON_MS,
    lasts: [500, 30_000],
    begin: (cluster) => stopped(cluster, true),
  },
  {
    name: 'the server hangs',
    boundMs: AFTER_TIMEOUT_MS,
    lasts: [500, 60_000],
    begin: ({ network }) => network.hang(),
  },
  {
    name: 'all streams break',
    boundMs: SOON_MS,
    lasts: [0, 0],
    begin({ network }) {
      network.breakStreams();
      return () => undefined;
    },
  },
  {
    name: 'a process is suspended',
    boundMs: SOON_MS,
    lasts: [500, 60_000],
    begin(cluster) {
      const host = cluster.places[onePlace(cluster)]?.host;
      host?.suspend();
      return () => host?.resume();
    },
  },
  {
    name: 'a process drains, and serves again',
    boundMs: SOON_MS,
    lasts: [100, 20_000],
    begin(cluster) {
      const registry = cluster.places[onePlace(cluster)]?.registry;
      registry?.setLocalState('orders', 'draining');
      return () => registry?.setLocalState('orders', 'healthy');
    },
  },
];
