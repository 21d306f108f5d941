// The flags of `run.ts`, `compare.ts`, `observe.ts` and `growth.ts`. A preset gives the defaults, and every
// flag changes one of them.
import { parseArgs } from 'node:util';
import { SERIES_NAMES, type SeriesName, STEPS } from './growth/series.js';
import type { HttpToolName } from './load/choose.js';
import { FIELD_SETS, type FieldSet } from './shapes/fields.js';
import { SHAPES, type Shape, shapeNamed } from './shapes/shapes.js';
import type { Sharding } from './subjects/own.js';

export interface LoadOptions {
  /** Load generator of HTTP; undefined: wrk if it is installed, else autocannon. */
  readonly tool: HttpToolName | undefined;
  /** Seconds of load on one server in one round. */
  readonly duration: number;
  /** Number of times that every server is measured. */
  readonly rounds: number;
  /** Worker threads or processes of every server. */
  readonly workers: number;
  /** Connections of the generator. */
  readonly connections: number;
  readonly shapes: readonly Shape[];
  /** Sets of header fields that HTTP shapes are measured with. */
  readonly fields: readonly FieldSet[];
}

export interface BenchOptions extends LoadOptions {
  /** All peers and the whole shop as well. */
  readonly isFull: boolean;
  /** Parts of the names of servers that are measured beside the baseline and its double; empty: all. */
  readonly servers: readonly string[];
  /** Starts of every server; 0: starts and memory are not measured. */
  readonly starts: number;
  /** Idle connections whose memory is measured; 0: not. */
  readonly idle: number;
}

/** Load on one way of sharding, whose results are compared. */
export interface ShardedLoadOptions extends LoadOptions {
  readonly sharding: Sharding;
}

export interface CompareOptions extends ShardedLoadOptions {
  /** Two built checkouts, or two result files. */
  readonly a: string;
  readonly b: string;
  /** Starts of A, of A again and of B, whose time and memory are compared; 0: none. */
  readonly starts: number;
  /** The server that is compared in result files. */
  readonly server: string;
}

/** The load itself, whatever is measured with it. */
export type LoadSize = Pick<LoadOptions, 'duration' | 'rounds' | 'workers' | 'connections'>;

export interface GrowthOptions extends LoadSize {
  readonly sharding: Sharding;
  readonly series: readonly SeriesName[];
}

export const RUN_USAGE = `npm run bench -- [--full] [--tool wrk|autocannon] [--duration SECONDS] [--rounds N]
  [--workers N] [--connections N] [--shapes NAME,NAME…] [--fields bare,browser] [--servers PART,PART…]
  [--starts N] [--idle N]`;
export const COMPARE_USAGE = `npm run bench:compare -- A B [--sharding acceptor|reuseport] [--server NAME]
  [--duration SECONDS] [--rounds N] [--workers N] [--connections N] [--shapes NAME,NAME…]
  [--fields bare,browser] [--tool wrk|autocannon] [--starts N]
A and B are two built checkouts, or two result files (bench/results/…/result.json)`;

export const OBSERVE_USAGE = `npm run bench:observe -- [--sharding acceptor|reuseport] [--duration SECONDS] [--rounds N]
  [--workers N] [--connections N] [--shapes NAME,NAME…] [--fields bare,browser] [--tool wrk|autocannon]`;

export const GROWTH_USAGE = `npm run bench:growth -- [--series routes,static-routes,workers,connections,instances]
  [--sharding acceptor|reuseport] [--duration SECONDS] [--rounds N] [--workers N] [--connections N]`;

/**
 * With nine rounds a run of equal checkouts is judged worse in about 3 of 100 cases, with five in 20
 * (simulated).
 */
const COMPARE_ROUNDS = '9';
const QUICK = 'plaintext,json,param,echo,gateway';
const LOAD_FLAGS = {
  tool: { type: 'string' },
  duration: { type: 'string', default: '2' },
  rounds: { type: 'string', default: '5' },
  workers: { type: 'string', default: '2' },
  connections: { type: 'string', default: '64' },
  shapes: { type: 'string' },
  fields: { type: 'string', default: FIELD_SETS.join(',') },
} as const;

const COMPARED_FLAGS = {
  ...LOAD_FLAGS,
  rounds: { type: 'string', default: COMPARE_ROUNDS },
  sharding: { type: 'string', default: 'acceptor' },
} as const;

type LoadValues = { readonly [Name in keyof typeof LOAD_FLAGS]?: string | undefined };

/** @throws Error with one line that names the option */
export function parseRunOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      ...LOAD_FLAGS,
      full: { type: 'boolean', default: false },
      servers: { type: 'string', default: '' },
      starts: { type: 'string' },
      idle: { type: 'string' },
    },
  });
  const all = SHAPES.map(({ name }) => name).join(',');
  return {
    ...loadOptions({ ...values, shapes: values.shapes ?? (values.full ? all : QUICK) }),
    isFull: values.full,
    servers: list(values.servers),
    starts: whole('--starts', values.starts ?? (values.full ? '5' : '3'), 0, 50),
    idle: whole('--idle', values.idle ?? (values.full ? '10000' : '0'), 0, 20_000),
  };
}

/** @throws Error with one line that names the option */
export function parseCompareOptions(argv: readonly string[]): CompareOptions {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      ...COMPARED_FLAGS,
      starts: { type: 'string', default: COMPARE_ROUNDS },
      server: { type: 'string', default: 'multilane acceptor' },
    },
  });
  const [a, b, ...rest] = positionals;
  if (a === undefined || b === undefined || rest.length > 0)
    throw new Error('two things to compare are expected');
  return {
    ...shardedLoad(values),
    a,
    b,
    server: values.server,
    starts: whole('--starts', values.starts, 0, 50),
  };
}

/** @throws Error with one line that names the option */
export function parseObserveOptions(argv: readonly string[]): ShardedLoadOptions {
  return shardedLoad(parseArgs({ args: [...argv], options: COMPARED_FLAGS }).values);
}

const shardedLoad = (values: LoadValues & { readonly sharding: string }): ShardedLoadOptions => ({
  ...loadOptions({ ...values, shapes: values.shapes ?? QUICK }),
  sharding: shardingOf(values.sharding),
});

/** @throws Error with one line that names the option */
export function parseGrowthOptions(argv: readonly string[]): GrowthOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      duration: LOAD_FLAGS.duration,
      rounds: LOAD_FLAGS.rounds,
      workers: { type: 'string' },
      connections: { type: 'string' },
      sharding: { type: 'string', default: 'reuseport' },
      series: { type: 'string', default: SERIES_NAMES.join(',') },
    },
  });
  const series = list(values.series).map(seriesNamed);
  if (series.length === 0) throw new Error('--series names no series');
  for (const name of ['workers', 'connections'] as const) {
    if (values[name] !== undefined && series.includes(name)) {
      const steps = STEPS[name].join(', ');
      throw new Error(`--${name} contradicts the series ${name} (${steps}): choose others by --series`);
    }
  }
  const { duration, rounds, workers, connections } = loadOptions({
    ...values,
    workers: values.workers ?? LOAD_FLAGS.workers.default,
    connections: values.connections ?? LOAD_FLAGS.connections.default,
  });
  return { duration, rounds, workers, connections, sharding: shardingOf(values.sharding), series };
}

function seriesNamed(name: string): SeriesName {
  const found = SERIES_NAMES.find((one) => one === name);
  if (found === undefined) throw new Error(`--series must be of ${SERIES_NAMES.join(', ')}, not "${name}"`);
  return found;
}

function shardingOf(text: string): Sharding {
  if (text === 'acceptor' || text === 'reuseport') return text;
  throw new Error(`--sharding must be acceptor or reuseport, not "${text}"`);
}

function loadOptions(values: LoadValues): LoadOptions {
  const { tool } = values;
  if (tool !== undefined && tool !== 'wrk' && tool !== 'autocannon') {
    throw new Error(`--tool must be wrk or autocannon, not "${tool}"`);
  }
  return {
    tool,
    duration: whole('--duration', values.duration, 1, 60),
    rounds: whole('--rounds', values.rounds, 1, 50),
    workers: whole('--workers', values.workers, 1, 256),
    connections: whole('--connections', values.connections, 1, 10_000),
    shapes: list(values.shapes ?? '').map(shapeNamed),
    fields: list(values.fields ?? '').map(fieldSet),
  };
}

const list = (text: string): readonly string[] =>
  text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');

function fieldSet(name: string): FieldSet {
  const found = FIELD_SETS.find((set) => set === name);
  if (found === undefined) throw new Error(`--fields must be of ${FIELD_SETS.join(', ')}, not "${name}"`);
  return found;
}

function whole(name: string, text: string | undefined, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${name} must be a whole number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}
