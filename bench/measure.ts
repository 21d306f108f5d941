// Measures in rounds. In each round every server is loaded once. The order shifts by one from round to round,
// so that a drift of the machine affects all servers alike.
import { errorMessage } from '#src/error-text.js';
import { toolFor } from './load/choose.js';
import type { LoadTool } from './load/load.js';
import { pssMiB } from './process/proc.js';
import type { Server } from './process/server.js';
import { CpuWindow } from './process/window.js';
import { checkServer } from './shapes/check.js';
import { type FieldSet, fieldsOf } from './shapes/fields.js';
import type { Shape } from './shapes/shapes.js';

/** Time of load before the first round, in which the server compiles what it needs. */
const WARM_UP_SECONDS = 2;

export interface Sample {
  /** CPU time of the server (all its processes) per completed request, user and system. */
  readonly cpuUs: number;
  /** The part of the CPU time outside the kernel: that of its code and of its runtime. */
  readonly userUs: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly completed: number;
  readonly failed: number;
  /** Memory of the server right after the load. */
  readonly pssMiB: number;
  /** Part of one core that the load tool used. */
  readonly generatorShare: number;
  /** Part of one core that other processes used, the other servers included. */
  readonly foreignShare: number;
}

/** One shape with one set of header fields, measured on all servers that serve it. */
export interface Cell {
  readonly shape: Shape;
  readonly fields: FieldSet;
}

export interface Measured {
  readonly server: string;
  /** One sample per round. */
  readonly samples: readonly Sample[];
}

export interface Plan {
  readonly tool: LoadTool;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  /** The connections to one server, where they differ. */
  readonly connectionsOf?: (server: Server) => number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  /** Called for a server that does not serve the shape as all must, or that fails under its load. */
  readonly exclude: (server: string, reason: string) => void;
}

/** Measures one cell. Servers that fail are excluded, and the rest is measured without them. */
export async function measure(cell: Cell, servers: readonly Server[], plan: Plan): Promise<Measured[]> {
  let left = [];
  for (const server of servers)
    if (await isFit(cell, server, plan)) left.push({ server, samples: [] as Sample[] });
  for (let round = 0; round < plan.rounds; round += 1) {
    for (let turn = 0; turn < left.length; turn += 1) {
      const one = left[(turn + round) % left.length]!;
      if (one.samples.length < round) continue; // it has failed before
      const sample = await attempt(cell, one.server, plan);
      if (sample === undefined) continue;
      one.samples.push(sample);
      plan.progress(`${label(cell)} ${round + 1}/${plan.rounds} ${one.server.name}: ${describe(sample)}`);
    }
    left = left.filter(({ samples }) => samples.length > round);
  }
  return left.map(({ server, samples }) => ({ server: server.name, samples }));
}

export const label = ({ shape, fields }: Cell): string => `${shape.name} (${fields})`;

const describe = ({ cpuUs, perSecond }: Sample): string =>
  `${cpuUs.toFixed(2)} us/request, ${perSecond.toFixed(0)}/s`;

/** Checks the responses, then warms the server up. */
async function isFit(cell: Cell, server: Server, plan: Plan): Promise<boolean> {
  try {
    const fault = await checkServer(cell.shape, server.url, plan.signal);
    if (fault !== undefined) {
      plan.exclude(server.name, `${label(cell)}: ${fault}`);
      return false;
    }
  } catch (error) {
    plan.signal.throwIfAborted();
    plan.exclude(server.name, `${label(cell)}: ${errorMessage(error)}`);
    return false;
  }
  return (await attempt(cell, server, { ...plan, seconds: WARM_UP_SECONDS })) !== undefined;
}

async function attempt(cell: Cell, server: Server, plan: Plan): Promise<Sample | undefined> {
  try {
    return await load(cell, server, plan);
  } catch (error) {
    plan.signal.throwIfAborted();
    plan.exclude(server.name, `${label(cell)}: ${errorMessage(error)}`);
    return undefined;
  }
}

async function load({ shape, fields }: Cell, server: Server, plan: Plan): Promise<Sample> {
  const { seconds, signal } = plan;
  const window = new CpuWindow(server.pid);
  const { completed, perSecond, p50Ms, p99Ms, failed } = await toolFor(shape, plan.tool).run({
    url: server.url,
    shape,
    fields: fieldsOf(fields, shape.isShort === true ? { Connection: 'close' } : {}),
    connections: shape.connections ?? plan.connectionsOf?.(server) ?? plan.connections,
    seconds,
    signal,
    window,
  });
  if (completed === 0) throw new Error(`completed nothing, ${failed} failed`);
  const { cpuUs, userUs, generatorShare, foreignShare } = window.usage();
  return {
    cpuUs: cpuUs / completed,
    userUs: userUs / completed,
    perSecond,
    p50Ms,
    p99Ms,
    completed,
    failed,
    pssMiB: pssMiB(server.pid),
    generatorShare,
    foreignShare,
  };
}
