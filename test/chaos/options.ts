import { parseArgs } from 'node:util';
import { newSeed } from '#test/support/random.js';
import type { ChaosOptions } from './chaos.js';

export const USAGE = `npm run chaos -- [--seconds N] [--seed S] [--workers N]

Starts the real process, puts it under load, and crashes, stalls, bloats and reloads its workers at random.
  --seconds N   how long faults happen, 1 to 86400 (60)
  --seed S      repeats the faults of an earlier run (drawn, and printed)
  --workers N   worker threads, 2 to 64 (3)
Exit 1 when a request failed that no fault explains, a worker did not come back, or the process ended.`;

/** @returns undefined for --help @throws Error with one line that names the option */
export function parseOptions(argv: readonly string[]): ChaosOptions | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      workers: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    seconds: whole('--seconds', values.seconds, 1, 86_400),
    seed: values.seed === undefined ? newSeed() : whole('--seed', values.seed, 0, 2 ** 32),
    workers: whole('--workers', values.workers, 2, 64),
  };
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < min || value > max) {
    throw new Error(`${name} must be a whole number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}
