// Finds where a load tool saturates: from how many connections on its own core is used up, so that more of
// them bring no more requests. The server is the baseline, which could do more.
import { autocannon } from './load/autocannon.js';
import { isWrkInstalled } from './load/choose.js';
import type { LoadTool } from './load/load.js';
import { wrk } from './load/wrk.js';
import { startServer } from './process/server.js';
import { CpuWindow } from './process/window.js';
import { table } from './report/markdown.js';
import { shapeNamed } from './shapes/shapes.js';
import type { Subject } from './subjects/subject.js';

const CONNECTIONS = [1, 4, 16, 64, 256];
const SECONDS = 2;
/** From this part of a core on, a tool is saturated. */
const USED_UP = 0.9;
/** Steps with this part of the highest requests/s have reached them. */
const MOST = 0.95;

export interface Step {
  readonly tool: string;
  readonly connections: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  /** Parts of one core. */
  readonly toolShare: number;
  readonly serverShare: number;
}

/** Loads the server by each installed tool with more and more connections. */
export async function measureSaturation(subject: Subject, signal: AbortSignal): Promise<readonly Step[]> {
  const server = await startServer(subject);
  const steps: Step[] = [];
  try {
    for (const tool of isWrkInstalled() ? [autocannon, wrk] : [autocannon]) {
      for (const connections of CONNECTIONS) steps.push(await step(tool, server, connections, signal));
    }
  } finally {
    await server.stop();
  }
  return steps;
}

async function step(
  tool: LoadTool,
  server: { readonly pid: number; readonly url: string },
  connections: number,
  signal: AbortSignal,
): Promise<Step> {
  const window = new CpuWindow(server.pid);
  const { perSecond, p50Ms } = await tool.run({
    url: server.url,
    shape: shapeNamed('plaintext'),
    fields: {},
    connections,
    seconds: SECONDS,
    signal,
    window,
  });
  const { cpuUs, us, generatorShare } = window.usage();
  return {
    tool: tool.name,
    connections,
    perSecond,
    p50Ms,
    toolShare: generatorShare,
    serverShare: cpuUs / us,
  };
}

/**
 * A sentence for each tool: how many requests/s it reaches at most, from where on, and whether it is the
 * limit.
 */
export function saturationOf(steps: readonly Step[]): readonly string[] {
  return [...new Set(steps.map(({ tool }) => tool))].map((tool) => {
    const own = steps.filter((one) => one.tool === tool);
    const most = Math.max(...own.map(({ perSecond }) => perSecond));
    const { connections, toolShare } = own.find(({ perSecond }) => perSecond >= MOST * most)!;
    const core = `${(100 * toolShare).toFixed(0)} % of a core`;
    const reached = `${most.toFixed(0)} requests/s, from ${connections} connections on`;
    return toolShare >= USED_UP
      ? `${tool} saturates at ${reached}: it uses ${core}.`
      : `${tool} reached ${reached}, with ${core}: the server or other processes were the limit.`;
  });
}

export function saturationTable(steps: readonly Step[]): string {
  const head = ['load tool', 'connections', 'requests/s', 'p50 ms', 'its core, %', 'server, % of a core'];
  const body = steps.map(({ tool, connections, perSecond, p50Ms, toolShare, serverShare }) => [
    tool,
    `${connections}`,
    perSecond.toFixed(0),
    p50Ms.toFixed(2),
    (100 * toolShare).toFixed(0),
    (100 * serverShare).toFixed(0),
  ]);
  return [...saturationOf(steps), '', table(head, body)].join('\n');
}
