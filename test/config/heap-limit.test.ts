import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import fc from 'fast-check';
import { defaultWorkerHeapMb, oldGenerationIn, oldGenerationLimit } from '#src/config/heap-limit.js';
import { inFolder, settings } from './loading.js';

const MIB = 1024 * 1024;

describe('the default of WORKER_HEAP_MB', () => {
  const facts = fc.record({
    memoryBytes: fc.integer({ min: 64, max: 2 ** 20 }).map((mib) => mib * MIB),
    oldGenerationBytes: fc.integer({ min: 16, max: 2 ** 14 }).map((mib) => mib * MIB),
    workers: fc.integer({ min: 1, max: 256 }),
    grpcWorkers: fc.integer({ min: 1, max: 256 }),
    mayServeGrpc: fc.boolean(),
  });

  it("leaves half of V8's limit for the time of a replacement", () => {
    fc.assert(
      fc.property(facts, (machine) => {
        const limit = defaultWorkerHeapMb(machine);
        expect(limit).to.be.within(1, 1024);
        expect(limit * MIB).to.be.at.most(machine.oldGenerationBytes / 2);
        expect(Number.isInteger(limit)).to.equal(true);
      }),
    );
  });

  it('allows all workers together half of the memory, but never less than 96 MiB per worker', () => {
    fc.assert(
      fc.property(facts, (machine) => {
        const limit = defaultWorkerHeapMb({ ...machine, oldGenerationBytes: Number.MAX_SAFE_INTEGER });
        const { memoryBytes, workers, grpcWorkers, mayServeGrpc } = machine;
        const share = memoryBytes / 2 / (workers + (mayServeGrpc ? grpcWorkers : 0)) / MIB;
        expect(limit).to.equal(Math.floor(Math.min(1024, Math.max(96, share))));
      }),
    );
  });

  it("follows the configured workers, the memory of the container, and V8's limit", async () => {
    const container = { memoryBytes: 1024 * MIB, oldGenerationBytes: 4096 * MIB };
    const limit = async (argv: string[], more = {}): Promise<number> =>
      (await settings({ ...container, ...more, argv })).workerHeapMb;
    expect(await limit(['--workers', '2'])).to.equal(170);
    expect(await limit(['--workers', '3', '--grpc-workers', '2'])).to.equal(102);
    expect(await limit(['--workers', '4'], { oldGenerationBytes: 128 * MIB })).to.equal(64);
    expect(await limit(['--workers', '1'], { memoryBytes: 65_536 * MIB })).to.equal(1024);
    expect(await limit(['--workers', '4', '--worker-heap-mb', '0'])).to.equal(0);
    expect(await limit(['--workers', '4', '--worker-heap-mb', '300'])).to.equal(300);
  });

  it('counts gRPC workers only where a service may declare gRPC', async () => {
    const service = (member: string) => `export default { services: [{ name: 'a', routes() {}${member} }] };`;
    const limitOf = (member: string): Promise<number> =>
      inFolder({ 'multilane.config.mjs': service(member) }, async (cwd) => {
        const machine = { memoryBytes: 1024 * MIB, oldGenerationBytes: 4096 * MIB };
        return (await settings({ ...machine, cwd, argv: ['--workers', '2'] })).workerHeapMb;
      });
    expect(await limitOf('')).to.equal(256);
    expect(await limitOf(', grpc: {}')).to.equal(170);
  });
});

describe("V8's limit for old objects", () => {
  it('is its heap limit without the part for young objects', () => {
    const program = `import { oldGenerationLimit } from '${import.meta.resolve('#src/config/heap-limit.js')}';
      process.stdout.write(String(oldGenerationLimit()));`;
    for (const mib of [128, 1_000, 4_096]) {
      const args = [`--max-old-space-size=${mib}`, '--input-type=module', '-e', program];
      const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' });
      expect(Number(stdout) / MIB).to.equal(mib);
    }
    expect(oldGenerationIn(40 * MIB)).to.equal(10 * MIB);
    expect(oldGenerationLimit()).to.be.greaterThan(16 * MIB);
  });
});
