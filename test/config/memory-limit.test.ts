import { expect } from 'chai';
import { type MemoryFacts, memoryIn, memoryLimit } from '#src/config/memory-limit.js';

const MIB = 1024 * 1024;
const NO_LIMIT_V1 = '9223372036854771712\n';
const NO_LIMIT_NODE = 18446744073709552000;

/** @param files contents of files by their paths below /sys/fs/cgroup */
function facts(given: Partial<MemoryFacts>, files: Readonly<Record<string, string>> = {}): MemoryFacts {
  return {
    machineBytes: 8192 * MIB,
    constrainedBytes: NO_LIMIT_NODE,
    cgroups: '0::/\n',
    read: (path) => files[path.replace('/sys/fs/cgroup/', '')],
    ...given,
  };
}

const text = (mib: number): string => `${mib * MIB}\n`;

describe('the memory that the process may use', () => {
  it('is that of the machine without a limit', () => {
    const free = { 'memory.max': 'max\n', 'memory/memory.limit_in_bytes': NO_LIMIT_V1 };
    expect(memoryIn(facts({}))).to.equal(8192 * MIB);
    expect(memoryIn(facts({}, free))).to.equal(8192 * MIB);
    expect(memoryIn(facts({ cgroups: '4:memory:/\n' }, free))).to.equal(8192 * MIB);
    for (const constrainedBytes of [0, undefined, NO_LIMIT_NODE]) {
      expect(memoryIn(facts({ constrainedBytes, cgroups: undefined }))).to.equal(8192 * MIB);
    }
  });

  it('is the limit of the container, in both versions of control groups', () => {
    expect(memoryIn(facts({}, { 'memory.max': text(512) }))).to.equal(512 * MIB);
    const version1 = { 'memory/memory.limit_in_bytes': text(256) };
    expect(memoryIn(facts({ cgroups: '5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n' }, version1))).to.equal(
      256 * MIB,
    );
    expect(memoryIn(facts({ constrainedBytes: 300 * MIB }))).to.equal(300 * MIB);
  });

  it('is the smallest limit of all groups up to the root', () => {
    const cgroups = '0::/kubepods/pod1/container\n';
    const paths = ['kubepods/pod1/container/', 'kubepods/pod1/', 'kubepods/', ''];
    for (const path of paths) {
      const files = Object.fromEntries(
        paths.map((one) => [`${one}memory.max`, text(one === path ? 100 : 200)]),
      );
      expect(memoryIn(facts({ cgroups }, files)), path).to.equal(100 * MIB);
    }
  });

  it('ignores an empty file, zero, and limits above the memory of the machine', () => {
    for (const limit of ['', '\n', '0\n', 'max', text(9000)]) {
      expect(memoryIn(facts({}, { 'memory.max': limit })), JSON.stringify(limit)).to.equal(8192 * MIB);
    }
  });

  it('is known on every machine', () => {
    expect(memoryLimit()).to.be.within(64 * MIB, Number.MAX_SAFE_INTEGER);
  });
});
