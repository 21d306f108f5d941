// Measures in rounds. In each round every server is loaded once. The order shifts by one from round to round,
// so that a drift of the machine affects all servers alike. Ratios are computed within a round, and then
// their median.
import type { LoadTool } from './load/load.js';
import { cpuTime } from './process/proc.js';
import type { Server } from './process/server.js';
import type { Scenario } from './scenarios/scenarios.js';
import { type Spread, spread } from './statistics.js';

export interface Sample {
  /** CPU time of the server process per completed request, user and system, all threads. */
  readonly cpuUs: number;
  /** The part of the CPU time outside the kernel: that of our code and of Node.js. */
  readonly userUs: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

export interface Result {
  readonly scenario: Scenario['name'];
  readonly server: string;
  readonly cpuUs: Spread;
  readonly userUs: Spread;
  /** CPU time per request in relation to the first server, computed for each round. */
  readonly ratio: Spread;
  readonly perSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  readonly failed: number;
  readonly samples: readonly Sample[];
}

export interface Plan {
  readonly tool: LoadTool;
  readonly rounds: number;
  readonly seconds: number;
  readonly connections: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

/** Measures one scenario on all servers. The first server is the baseline. */
export async function measure(scenario: Scenario, servers: readonly Server[], plan: Plan): Promise<Result[]> {
  for (const server of servers) {
    await sayHello(scenario, server, plan.signal);
    await load(scenario, server, { ...plan, seconds: 1 });
  }
  const samples = servers.map((): Sample[] => []);
  for (let round = 0; round < plan.rounds; round += 1) {
    for (let turn = 0; turn < servers.length; turn += 1) {
      const index = (turn + round) % servers.length;
      const server = servers[index]!;
      const sample = await load(scenario, server, plan);
      samples[index]!.push(sample);
      plan.progress(
        `${scenario.name} ${round + 1}/${plan.rounds} ${server.name}: ${sample.cpuUs.toFixed(2)} us/request`,
      );
    }
  }
  const baseline = samples[0]!;
  return servers.map((server, index) => summarize(scenario, server, samples[index]!, baseline));
}

async function sayHello(scenario: Scenario, server: Server, signal: AbortSignal): Promise<void> {
  const response = await fetch(server.url + scenario.path, { signal });
  if (response.status !== 200)
    throw new Error(`${server.name} responded with ${response.status} to ${scenario.path}`);
  scenario.check(await response.json());
}

async function load(scenario: Scenario, server: Server, plan: Plan): Promise<Sample> {
  const { connections, seconds, signal } = plan;
  const before = cpuTime(server.pid);
  const result = await plan.tool.run({ url: server.url + scenario.path, connections, seconds, signal });
  const after = cpuTime(server.pid);
  if (result.completed === 0) throw new Error(`${server.name} completed no request of ${scenario.name}`);
  const { perSecond, p50Ms, p99Ms, failed } = result;
  const userUs = (after.user - before.user) / result.completed;
  const cpuUs = userUs + (after.system - before.system) / result.completed;
  return { cpuUs, userUs, perSecond, p50Ms, p99Ms, failed };
}

function summarize(
  scenario: Scenario,
  server: Server,
  samples: readonly Sample[],
  baseline: readonly Sample[],
): Result {
  return {
    scenario: scenario.name,
    server: server.name,
    cpuUs: spread(samples.map((sample) => sample.cpuUs)),
    userUs: spread(samples.map((sample) => sample.userUs)),
    ratio: spread(samples.map((sample, round) => sample.cpuUs / baseline[round]!.cpuUs)),
    perSecond: spread(samples.map((sample) => sample.perSecond)),
    p50Ms: spread(samples.map((sample) => sample.p50Ms)),
    p99Ms: spread(samples.map((sample) => sample.p99Ms)),
    failed: samples.reduce((sum, sample) => sum + sample.failed, 0),
    samples,
  };
}
