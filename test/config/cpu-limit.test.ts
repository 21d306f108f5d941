import { expect } from 'chai';
import { type ProcessorFacts, parallelism, parallelismIn } from '#src/config/cpu-limit.js';

/** @param files contents of files by their paths below /sys/fs/cgroup */
const facts = (
  files: Readonly<Record<string, string>> = {},
  cgroups: string | undefined = '0::/kubepods/pod1/container\n',
): ProcessorFacts => ({
  processors: 16,
  cgroups,
  read: (path) => files[path.replace('/sys/fs/cgroup/', '')],
});

describe('the number of threads that can run at once', () => {
  it('is the number of processors without a quota', () => {
    for (const none of ['max 100000\n', '', '\n', '0 100000\n', '100000\n', '-1 100000\n', 'x y']) {
      expect(parallelismIn(facts({ 'cpu.max': none })), JSON.stringify(none)).to.equal(16);
    }
    expect(parallelismIn(facts())).to.equal(16);
    expect(parallelismIn({ processors: 16, cgroups: undefined, read: () => undefined })).to.equal(16);
  });

  it('is the smallest quota of all groups up to the root, rounded up', () => {
    const paths = ['kubepods/pod1/container/', 'kubepods/pod1/', 'kubepods/', ''];
    for (const path of paths) {
      const files = Object.fromEntries(
        paths.map((one) => [`${one}cpu.max`, one === path ? '250000 100000\n' : '800000 100000\n']),
      );
      expect(parallelismIn(facts(files)), path).to.equal(3);
    }
    expect(parallelismIn(facts({ 'cpu.max': '10000 100000\n' }))).to.equal(1);
    expect(parallelismIn(facts({ 'cpu.max': '3200000 100000\n' }))).to.equal(16);
  });

  it('is the same in version 1 of control groups', () => {
    const cgroups = '5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n';
    const quota = (text: string) => ({
      'cpu/docker/abc/cpu.cfs_quota_us': text,
      'cpu/docker/abc/cpu.cfs_period_us': '50000\n',
    });
    expect(parallelismIn(facts(quota('75000\n'), cgroups))).to.equal(2);
    expect(parallelismIn(facts(quota('-1\n'), cgroups))).to.equal(16);
  });

  it('is known on every machine', () => {
    expect(parallelism()).to.be.within(1, 65_536);
  });
});
