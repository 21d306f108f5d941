// The reader of the process's output, or the program that started it, may have ended: then the output is
// lost, and nothing else fails.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect } from 'chai';
import { cleanEnvironment, isolated, newDataDir, PRIMARY } from '#test/support/cluster.js';
import { HAZARDS } from './fixtures/paths.js';

describe('a process whose stdout or stderr is closed', () => {
  for (const [what, closed] of [
    ['stdout', [1]],
    ['stderr', [2]],
    ['both', [1, 2]],
    ['its channel', [3]],
  ] as const) {
    it(`serves, and ends in order: ${what}`, async function () {
      this.timeout(60_000);
      const dataDir = newDataDir();
      const child = spawn(process.execPath, [PRIMARY, '--config', HAZARDS], {
        cwd: dataDir,
        env: cleanEnvironment(isolated(dataDir)),
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      });
      try {
        for (const fd of closed) {
          if (fd === 3) child.disconnect();
          else child.stdio[fd]!.destroy();
        }
        // One of the three signs of readiness remains.
        const line = async (output: NodeJS.ReadableStream, text: string): Promise<void> => {
          for await (const line of createInterface({ input: output })) if (line.includes(text)) return;
          throw new Error('it ended before it was ready');
        };
        const open = ([1, 2, 3] as const).find((fd) => !(closed as readonly number[]).includes(fd));
        if (open === 3) await once(child, 'message');
        else
          await line(
            open === 1 ? child.stdout! : child.stderr!,
            open === 1 ? '"msg":"ready"' : 'multilane ready',
          );
        child.stdout!.resume();
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        expect(await exited).to.deep.equal([0, null]);
      } finally {
        child.kill('SIGKILL');
        rmSync(dataDir, { recursive: true, force: true });
      }
    });
  }
});
