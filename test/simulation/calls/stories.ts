// What happens to the instances of a service, and what must hold at the end. The rules of call-log.ts hold in
// all stories.
import type { Mesh, MeshOptions } from './mesh.js';
import type { Mode, Server } from './server.js';

export interface Story extends Omit<MeshOptions, 'seed' | 'parts'> {
  readonly name: string;
  readonly seconds: number;
  /** Instances are broken from this second on; undefined: never. */
  readonly breaksAt?: number;
  readonly play?: (mesh: Mesh) => void;
  readonly check?: (mesh: Mesh) => void;
}

const at = (mesh: Mesh, second: number, fn: () => void): void => mesh.time.quietly(second * 1000, fn);
const breakTo = (servers: readonly Server[], mode: Mode) => () => {
  for (const server of servers) server.mode = mode;
};

export const steady: Story = { name: 'twenty equal instances', instances: 20, load: 0.7, seconds: 14 };

const slowed = (name: string, instances: number, slow: number, load: number, seconds: number): Story => ({
  name,
  instances,
  load,
  seconds,
  threads: 1,
  timeoutMs: 5_000,
  play(mesh) {
    for (const server of mesh.servers.slice(0, slow)) server.slowness = 4;
  },
});

export const slowPair = slowed('two of six four times slower', 6, 2, 0.5, 30);
export const slowHalf = slowed('half of twenty four times slower', 20, 10, 0.5, 14);
export const thousands: Story = {
  ...slowed('a tenth of 2,000 four times slower', 2_000, 200, 0.5, 6),
  threads: 2,
};

const BREAKS_AT = 5;
const HEALS_AT = 25;
/** An ejection lasts for 30 s, and the slow start after it for ten. */
const END_AT = 65;
const LAST = 10;

/** One of three instances is broken for a while. @param mostMs until all processes have ejected it */
const broken = (mode: Mode, mostMs: number): Story => ({
  name: `one of three ${mode}`,
  instances: 3,
  load: 0.3,
  seconds: END_AT,
  breaksAt: BREAKS_AT,
  play(mesh) {
    const [one] = mesh.servers;
    at(mesh, BREAKS_AT, breakTo([one!], mode));
    at(mesh, HEALS_AT, breakTo([one!], 'well'));
  },
  check(mesh) {
    const { trace, log } = mesh;
    const ejectedMs = timeToEject(mesh, BREAKS_AT);
    trace.expect(
      ejectedMs <= mostMs,
      'ejected in time',
      () => `${mode}: all processes have ejected it after ${ejectedMs} ms`,
    );
    const after = Math.ceil(BREAKS_AT + mostMs / 1000);
    const failed = log.failedBetween(after, END_AT);
    trace.expect(
      failed < 0.01,
      'few errors',
      () => `${mode}: ${failed} of the calls fail after the ejection`,
    );
    expectShare(mesh, mesh.servers[0]!, END_AT - LAST, 0.5);
  },
});

/** Milliseconds until every process has ejected the first instance; Infinity: one has not. */
export function timeToEject({ log, processes, servers }: Mesh, brokenAt: number): number {
  const times = processes.map(({ name }) => {
    const first = log.ejections.find(
      ({ process, id, change }) => process === name && id === servers[0]!.id && change === 'ejected',
    );
    return (first?.at ?? Number.POSITIVE_INFINITY) - brokenAt * 1000;
  });
  return Math.max(...times);
}

/** An instance gets at least a share of what an instance gets on average, from a second on to the end. */
function expectShare({ trace, log, members, time }: Mesh, { id }: Server, from: number, least: number): void {
  const to = Math.floor(time.now / 1000);
  const gets = (one: string): number => log.attempts.of(one).between(from, to);
  const all = [...members].reduce((sum, one) => sum + gets(one.id), 0);
  const share = (gets(id) / all) * members.size;
  trace.expect(share >= least, 'comes back', () => `${id} gets ${share} of an even share at the end`);
}

export const BROKEN: readonly Story[] = [
  // The slowest of three processes, of 60 seeds: 3,694 ms. Each call to it takes a second to fail.
  broken('hung', 4_000),
  broken('resetting', 1_000),
  broken('refusing', 1_000),
  broken('failing', 2_000),
];

const total = (mode: Mode): Story => ({
  name: `all six ${mode}`,
  instances: 6,
  load: 0.7,
  seconds: 12,
  play(mesh) {
    at(mesh, 3, breakTo(mesh.servers, mode));
  },
  check({ trace, log }) {
    const most = 0.2 * log.calls + 3 * 10 * 12;
    trace.expect(log.retries <= most, 'budget', () => `${log.retries} retries of ${log.calls} calls`);
  },
});

/** Half of the instances and one more are broken: no more than half may be ejected. */
const mostBroken: Story = {
  name: 'four of six resetting',
  instances: 6,
  load: 0.2,
  seconds: 60,
  play(mesh) {
    at(mesh, 3, breakTo(mesh.servers.slice(0, 4), 'resetting'));
    at(mesh, 10, breakTo(mesh.servers.slice(0, 4), 'well'));
  },
  check(mesh) {
    for (const server of mesh.servers) expectShare(mesh, server, 50, 0.5);
  },
};

const leaving: Story = {
  name: 'three of ten leave',
  instances: 10,
  load: 0.1,
  seconds: 10,
  play(mesh) {
    for (const n of [0, 1, 2]) at(mesh, 3 + n, () => mesh.leave(mesh.servers[n]!));
  },
  check({ trace, log }) {
    const failed = log.failedBetween(0, 10);
    trace.expect(failed < 0.001, 'few errors', () => `${failed} of the calls fail when instances leave`);
  },
};

const UP_AT = 12;

/** Two instances, and six more that take a while to come up. */
const scaledUp: Story = {
  name: 'from two to eight',
  instances: 2,
  load: 0.6,
  seconds: 45,
  play(mesh) {
    at(mesh, 3, () => {
      for (let n = 0; n < 6; n += 1) {
        const server = mesh.addServer();
        server.mode = 'refusing';
        mesh.log.unborn.add(server);
        mesh.enter(server, { healthCheckUrl: '/health' });
      }
    });
    at(mesh, UP_AT, () => {
      breakTo(mesh.servers, 'well')();
      mesh.log.unborn.clear();
    });
  },
  check(mesh) {
    for (const server of mesh.servers) expectShare(mesh, server, 35, 0.5);
  },
};

const JOINS_AT = 12;

/** An instance joins nine others: it must not get more than its share while it is cold. */
const newcomer: Story = {
  name: 'one joins nine',
  instances: 9,
  load: 0.6,
  seconds: 16,
  play(mesh) {
    at(mesh, JOINS_AT, () => mesh.enter(mesh.addServer()));
  },
  check(mesh) {
    const { trace, log, members, servers } = mesh;
    const [from, to] = [JOINS_AT + 1, JOINS_AT + 3];
    const all = [...members].reduce((sum, { id }) => sum + log.attempts.of(id).between(from, to), 0);
    const share = (log.attempts.of(servers[9]!.id).between(from, to) / all) * members.size;
    trace.expect(share < 0.5, 'slow start', () => `the new instance gets ${share} of an even share at first`);
  },
};

const KEYS = 200;

/** Calls with keys: when an instance leaves, only its keys may move, and those that its load keeps away. */
const keyed: Story = {
  name: 'keys, and one of ten leaves',
  instances: 10,
  load: 0.08,
  seconds: 25,
  keys: KEYS,
  play(mesh) {
    let before: ReadonlyMap<string, string>;
    at(mesh, 12, () => {
      before = new Map(mesh.log.owners);
      mesh.leave(mesh.servers[0]!);
    });
    at(mesh, 24, () => {
      const { trace, log, servers } = mesh;
      const stayed = [...before].filter(([, id]) => id !== servers[0]!.id);
      const moved = stayed.filter(([key, id]) => log.owners.get(key) !== id).length / stayed.length;
      trace.expect(moved < 0.1, 'keys stay', () => `${moved} of the keys of other instances have moved`);
    });
  },
};

const hotKey: Story = {
  name: 'half of the calls have one key',
  instances: 10,
  load: 0.5,
  seconds: 12,
  keys: KEYS,
  hotShare: 0.5,
};

/** The stories of which all rules are checked. */
export const STORIES: readonly Story[] = [
  ...BROKEN,
  total('overloaded'),
  total('failing'),
  mostBroken,
  leaving,
  scaledUp,
  newcomer,
  keyed,
  hotKey,
];
