import { expect } from 'chai';
import { AllWorkers } from '#src/cluster/all-workers.js';
import type { Supervisor } from '#src/cluster/supervisor.js';

describe('the workers of all groups', () => {
  it('are watched until a test holds, and by nothing after that', async () => {
    const checks = [new Set<() => void>(), new Set<() => void>()];
    const groups = checks.map((set) => ({
      workers: [],
      watch(check: () => void) {
        set.add(check);
        return () => set.delete(check);
      },
    }));
    const all = new AllWorkers(groups as unknown as readonly Supervisor[]);
    let holds = false;
    const waits = all.until(() => holds);
    for (const set of checks) for (const check of set) check();
    expect(checks.map(({ size }) => size)).to.deep.equal([1, 1]);
    holds = true;
    for (const check of checks[1]!) check();
    await waits;
    expect(checks.map(({ size }) => size)).to.deep.equal([0, 0]);
    await all.until(() => true);
    expect(checks.map(({ size }) => size)).to.deep.equal([0, 0]);
  });
});
