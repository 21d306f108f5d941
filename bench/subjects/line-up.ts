// Who takes part in a run.
import type { BenchOptions } from '../options.js';
import type { Route } from '../shapes/shapes.js';
import type { Roles } from '../summarize.js';
import { haproxyGateway } from './haproxy.js';
import {
  mountedFastify,
  mountedHono,
  multilane,
  onNodeCore,
  rawUws,
  type Surroundings,
  shop,
} from './own.js';
import { PEERS, readAbsentPeers, readPeers } from './peer-file.js';
import { preparePeer } from './prepare-peer.js';
import type { NotMeasured, Subject } from './subject.js';

export const ROLES: Roles = { baseline: 'raw uWebSockets.js', double: 'raw again (A/A)' };

export interface LineUp {
  readonly subjects: readonly Subject[];
  readonly notMeasured: readonly NotMeasured[];
}

/**
 * Prepares the peers of a full run, and those that a short one names: that may install packages and compile.
 */
export async function lineUp(
  { isFull, servers, workers, shapes }: Pick<BenchOptions, 'isFull' | 'servers' | 'workers' | 'shapes'>,
  surroundings: Surroundings,
  progress: (line: string) => void,
): Promise<LineUp> {
  const isWanted = (name: string): boolean =>
    servers.length === 0 || servers.some((part) => name.toLowerCase().includes(part.toLowerCase()));
  const controls = [
    rawUws(ROLES.baseline, 'acceptor', surroundings),
    rawUws(ROLES.double, 'acceptor', surroundings),
  ];
  const others: Subject[] = [
    ...(isFull ? [rawUws('raw reuseport', 'reuseport', surroundings)] : []),
    multilane('multilane acceptor', 'acceptor', surroundings),
    multilane('multilane reuseport', 'reuseport', surroundings),
    mountedHono('multilane, Hono mounted', 'acceptor', surroundings),
    onNodeCore('multilane, node core', surroundings),
    mountedFastify('multilane, Fastify mounted', surroundings),
    ...(isFull ? [shop(surroundings)] : []),
  ];
  const isMeasured = (route: Route): boolean => shapes.some((shape) => shape.route === route);
  if (isMeasured('gateway') || isMeasured('gateway-echo')) others.push(await haproxyGateway(surroundings));
  const peers = [];
  for (const peer of isFull || servers.length > 0 ? readPeers(PEERS) : []) {
    if (isWanted(peer.name)) peers.push(await preparePeer(peer, workers, progress));
  }
  return {
    subjects: [...controls, ...others.filter(({ name }) => isWanted(name)), ...peers.filter(isSubject)],
    notMeasured: [
      ...peers.filter((peer): peer is NotMeasured => !isSubject(peer)),
      ...(isFull ? readAbsentPeers(PEERS) : []),
    ],
  };
}

const isSubject = (peer: Subject | NotMeasured): peer is Subject => 'command' in peer;
