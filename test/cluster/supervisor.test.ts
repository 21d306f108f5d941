import { expect } from 'chai';
import { RESTART_LIMITS } from '#src/cluster/restarts.js';
import { rowsFor } from '#src/cluster/slots.js';
import { Supervisor } from '#src/cluster/supervisor.js';
import { loadSettings } from '#src/config/load.js';
import { Block } from '#src/memory/block.js';
import { createLogger } from '#src/telemetry/log.js';

describe('the supervisor', () => {
  it('gives up with 70 when the threads of a worker end again and again before they can serve', async () => {
    const env = { WORKERS: '1', LOG_LEVEL: 'silent' };
    const loaded = await loadSettings({ argv: [], cwd: import.meta.dirname, isTTY: false, shop: [], env });
    if (loaded.kind !== 'run') throw new Error('not settings');
    const { settings } = loaded;
    let given: Supervisor | undefined;
    const restarts: string[] = [];
    const end = await new Promise<{ message: string; exitCode: number }>((resolve) => {
      given = new Supervisor({
        entry: new URL('./ending-thread.js', import.meta.url),
        settings,
        block: Block.create({ workers: rowsFor(settings.workers) }),
        sharding: { add() {}, pause() {}, remove() {}, workerPort: undefined },
        instanceId: 'test',
        log: createLogger(settings),
        attachCpu: (port) => port.close(),
        reclaim() {},
        dumpFlights() {},
        restarted: (reason) => restarts.push(reason),
        fatal: (message, exitCode) => resolve({ message, exitCode }),
        exhausted: (message) => resolve({ message, exitCode: 0 }),
        // The rule with its own number takes 16 s of backoff.
        limits: { ...RESTART_LIMITS, giveUpAfter: 2 },
      });
      given.start();
    });
    expect(end).to.deep.equal({ message: 'worker 1 ended 2 times before it could serve', exitCode: 70 });
    expect(restarts).to.have.length(3);
    await given?.stop(0);
  });
});
