import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { inFolder } from '#test/config/loading.js';

const MODULE = new URL(import.meta.resolve('#src/user-code/module.js')).href;

/** The map of a file of one line, which was the third line of `rules.ts`. */
const MAP = JSON.stringify({ version: 3, sources: ['../rules.ts'], names: [], mappings: 'AAEA' });

describe('an error in a module that was compiled', () => {
  /** What the import of a module fails with, in a process of its own: maps stay switched on. */
  const failureOf = (file: string, text: string): Promise<string> =>
    inFolder({ 'rules.ts': '', 'rules.js.map': MAP, [file]: text }, async (cwd) => {
      const load = `
        const { importUserModule } = await import(${JSON.stringify(MODULE)});
        await importUserModule(${JSON.stringify(`${cwd}/${file}`)}).catch(({ message }) => console.log(message));`;
      const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', load], {
        cwd,
        encoding: 'utf8',
      });
      return stdout + stderr;
    });

  it('names the line of its source', async () => {
    const text = 'throw new Error("wrong");\n//# sourceMappingURL=rules.js.map\n';
    expect(await failureOf('rules.mjs', text)).to.match(/rules\.ts:3:1: Error: wrong/);
  });

  it('names the line of the module itself when there is no map', async () => {
    expect(await failureOf('rules.mjs', 'throw new Error("wrong");\n')).to.match(
      /^rules\.mjs:1:7: Error: wrong/,
    );
  });
});
