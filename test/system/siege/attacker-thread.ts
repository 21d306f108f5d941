// A thread that runs attacks until it gets a message to stop.
import { setMaxListeners } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { attacks, type Target } from './attacks.js';

export interface AttackOrder {
  readonly target: Target;
  readonly carelessPerSecond: number;
  /** Names of the attacks. Default: all. */
  readonly names?: readonly string[] | undefined;
}

const { target, carelessPerSecond, names } = workerData as AttackOrder;
const stop = new AbortController();
setMaxListeners(0, stop.signal);
parentPort!.once('message', () => stop.abort());
const chosen = Object.entries(attacks(carelessPerSecond)).filter(([name]) => names?.includes(name) ?? true);
await Promise.all(chosen.map(([, attack]) => attack(target, stop.signal)));
