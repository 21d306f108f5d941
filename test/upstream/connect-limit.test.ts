// The limit of the time in which a connection must be made, in a thread that is stalled, or idle.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { UNWATCHED, type Watch } from '#src/resilience/loop-watch.js';
import { ConnectLimit } from '#src/upstream/connect-limit.js';

const LIMIT_MS = 200;
const STALL_MS = 2 * LIMIT_MS;
/** Longer than any test lasts. */
const FAR_MS = 20_000;

/** A thread that sends a message at once, and another one much later. */
const SLEEPER = `
const { parentPort, workerData } = require('node:worker_threads');
parentPort.postMessage('begun');
Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, workerData);
parentPort.postMessage('event');
`;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const block = (ms: number) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** An attempt to connect that is made after some turns of the loop, or ended by its limit. */
function attempt(ms = LIMIT_MS, watch?: Watch) {
  let end: (outcome: string) => void;
  const outcome = new Promise<string>((resolve) => {
    end = resolve;
  });
  const limit = new ConnectLimit(ms, () => end('late'), watch);
  const connect = async (): Promise<string> => {
    for (let turns = 0; turns < 10; turns++) await turn();
    limit.lift();
    end('connected');
    return outcome;
  };
  return { outcome, connect, limit };
}

describe('the limit of an attempt to connect', () => {
  const beginnings: Readonly<Record<string, () => Promise<void> | undefined>> = {
    'in the turn of the attempt': () => undefined,
    'in the turn behind it': turn,
    'some turns later': () => pause(3),
    'in its middle': () => pause(LIMIT_MS / 4),
  };
  for (const [when, until] of Object.entries(beginnings))
    it(`leaves turns of the loop to it when the thread was stalled ${when}`, async () => {
      const { connect } = attempt();
      await until();
      block(STALL_MS);
      expect(await connect()).to.equal('connected');
    });

  it('leaves turns of the loop to it after each of two stalls', async () => {
    const { connect } = attempt();
    for (let stalls = 0; stalls < 2; stalls++) {
      block(STALL_MS);
      await turn();
    }
    expect(await connect()).to.equal('connected');
  });

  it('does not count a stall before it', async () => {
    // Another attempt has begun before: the thread is watched already.
    const other = attempt(FAR_MS);
    block(STALL_MS);
    const { connect } = attempt();
    block(STALL_MS);
    expect(await connect()).to.equal('connected');
    other.limit.lift();
  });

  it('ends it when nothing has come, with and without a stall', async () => {
    expect(await attempt().outcome).to.equal('late');
    const { outcome } = attempt();
    block(STALL_MS);
    expect(await outcome).to.equal('late');
  });

  it('ends it in a loop in which nothing else happens', async () => {
    const other = new Worker(SLEEPER, { eval: true, workerData: FAR_MS / 4 });
    await once(other, 'message');
    const event = once(other, 'message').then(() => 'the next event');
    const { outcome } = attempt(10, UNWATCHED);
    expect(await Promise.race([outcome, event])).to.equal('late');
    await other.terminate();
  });

  it('watches the thread until it has ended, or was lifted', async () => {
    let watches = 0;
    const watch: Watch = { begin: () => watches++, missedSince: () => 0, end: () => void watches-- };
    const { outcome, limit } = attempt(1, watch);
    const { limit: lifted } = attempt(FAR_MS, watch);
    expect(watches).to.equal(2);
    lifted.lift();
    await outcome;
    expect(watches).to.equal(0);
    lifted.lift();
    limit.lift();
    expect(watches).to.equal(0);
  });
}).timeout(FAR_MS);
