import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Kind } from './stuck-process.js';

const PROGRAM = fileURLToPath(new URL('./stuck-process.js', import.meta.url));

const run = (kind: Kind, code: number) => {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, kind, String(code)]);
  return { status, signal, stdout: String(stdout), stderr: String(stderr) };
};

describe('the end of a process', () => {
  for (const kind of ['none', 'idle', 'loop', 'garbage', 'hash', 'wait'] as const) {
    it(`has the code that was asked for, and writes what waits, with threads of the kind ${kind}`, function () {
      this.timeout(60_000);
      for (let time = 0; time < 2; time += 1) {
        expect(run(kind, 70)).to.deep.equal({ status: 70, signal: null, stdout: 'ended 70', stderr: '' });
      }
    });
  }

  it('can have every code that a process may have', function () {
    this.timeout(60_000);
    for (const code of [0, 1, 63, 64, 255]) {
      expect(run('loop', code)).to.include({ status: code, stdout: `ended ${code}` });
    }
  });
});
