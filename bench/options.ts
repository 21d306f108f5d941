import { parseArgs } from 'node:util';
import type { LoadTool } from './load/load.js';

export interface BenchOptions {
  /** Load generator; undefined: wrk if it is installed, else autocannon. */
  readonly tool: LoadTool['name'] | undefined;
  /** Seconds of load on one server in one round. */
  readonly duration: number;
  /** Number of times that every server is measured. */
  readonly rounds: number;
  /** Worker threads of every server. */
  readonly workers: number;
  /** Keep-alive connections of the generator. */
  readonly connections: number;
}

export const USAGE = `npm run bench -- [--tool wrk|autocannon] [--duration SECONDS] [--rounds N] [--workers N] [--connections N]`;

/** @throws Error with one line that names the option */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      tool: { type: 'string' },
      duration: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '5' },
      workers: { type: 'string', default: '2' },
      connections: { type: 'string', default: '64' },
    },
  });
  const { tool } = values;
  if (tool !== undefined && tool !== 'wrk' && tool !== 'autocannon') {
    throw new Error(`--tool must be wrk or autocannon, not "${tool}"`);
  }
  return {
    tool,
    duration: whole('--duration', values.duration, 1, 60),
    rounds: whole('--rounds', values.rounds, 1, 50),
    workers: whole('--workers', values.workers, 1, 256),
    connections: whole('--connections', values.connections, 1, 1000),
  };
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${name} must be a whole number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}
