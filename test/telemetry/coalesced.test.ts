import { expect } from 'chai';
import { coalescedAfresh } from '#src/telemetry/coalesced.js';

/** Work of which the test ends each run. */
function setUp() {
  const runs: { readonly resolve: (result: string) => void; readonly reject: (error: Error) => void }[] = [];
  const call = coalescedAfresh(
    () => new Promise<string>((resolve, reject) => runs.push({ resolve, reject })),
  );
  return { runs, call };
}

describe('coalesced work that is done afresh', () => {
  it('begins after each call, never twice at a time, and is shared by calls that wait for it', async () => {
    const { runs, call } = setUp();
    const first = call();
    const [second, third] = [call(), call()];
    expect(runs).to.have.length(1);
    runs[0]!.resolve('one');
    expect(await first).to.equal('one');
    expect(runs).to.have.length(2);
    const fourth = call();
    runs[1]!.resolve('two');
    expect(await Promise.all([second, third])).to.deep.equal(['two', 'two']);
    expect(runs).to.have.length(3);
    runs[2]!.resolve('three');
    expect(await fourth).to.equal('three');
    void call();
    expect(runs).to.have.length(4);
  });

  it('goes on after a failure, which is that of its own callers', async () => {
    const { runs, call } = setUp();
    const first = call().catch((error: unknown) => (error as Error).message);
    const second = call();
    runs[0]!.reject(new Error('torn'));
    expect(await first).to.equal('torn');
    runs[1]!.resolve('two');
    expect(await second).to.equal('two');
  });
});
