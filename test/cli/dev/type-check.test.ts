// The check of types beside `multilane dev`, with the real compiler.
import { expect } from 'chai';
import { flagsOfBuild } from '#src/cli/dev/development-build.js';
import { TypeCheck } from '#src/cli/dev/type-check.js';
import { Project } from '#test/support/cli.js';

describe('the types beside `multilane dev`', () => {
  const project = new Project({
    'package.json': '{"type":"module"}',
    'tsconfig.json': '{"compilerOptions":{"module":"nodenext","target":"es2023","types":[],"noEmit":true}}',
  });
  after(() => project.remove());

  it('are reported with their place, also when they are right again; a missing compiler is reported once', async function () {
    this.timeout(60_000);
    const lines: string[] = [];
    const check = new TypeCheck({ folder: project.folder, report: (line) => lines.push(line) });
    const reported = async (): Promise<readonly string[]> => {
      await check.run();
      return lines.splice(0);
    };
    const [missing, ...more] = await reported();
    expect(missing).to.match(/^types: not checked: TypeScript is not installed in .*: run npm install/);
    expect([...more, ...(await reported())]).to.deep.equal([]);
    project.installTypeScript();
    project.write('a.ts', 'export const a: number = 1;');
    expect(await reported(), 'nothing is wrong, and nothing was').to.deep.equal([]);
    project.write('a.ts', '\nexport const a: number = "1";');
    const [wrong] = await reported();
    expect(wrong).to.match(/^types: a\.ts:2:14: error TS2322: Type 'string' is not assignable/);
    project.write('a.ts', 'export const a: number = 2;');
    expect(await reported()).to.deep.equal(['types: no errors']);
    expect(await reported()).to.deep.equal([]);
  });

  it('suggest the name of a file that runs for an import without its extension', async function () {
    this.timeout(60_000);
    const lines: string[] = [];
    const check = new TypeCheck({ folder: project.folder, report: (line) => lines.push(line) });
    project.write('a.ts', 'export const a: number = 1;');
    project.write('c.js', 'export const c = 1;');
    project.write('parts/b.ts', "export { a } from '../a';\nexport { c } from '../c';\n");
    await check.run();
    project.write('parts/b.ts', '');
    expect(lines).to.have.length(2);
    expect(lines[0]).to.match(/^types: parts\/b\.ts:1:19: error TS2835: .* Did you mean '\.\.\/a\.ts'\?$/);
    expect(lines[1]).to.match(/^types: parts\/b\.ts:2:19: .*(TS2834|TS7016|'\.\.\/c\.js'\?)/);
  });

  it('are not those of a check that a later one has replaced', async function () {
    this.timeout(60_000);
    const lines: string[] = [];
    const check = new TypeCheck({ folder: project.folder, report: (line) => lines.push(line) });
    project.write('a.ts', 'export const a: number = "1";');
    const first = check.run();
    await Promise.all([first, check.run()]);
    expect(lines.filter((line) => line.includes('TS2322'))).to.have.length(1);
    const last = check.run();
    check.close();
    await last;
    expect(lines).to.have.length(1);
  });
});

describe('the flags of a project that is built first', () => {
  for (const [given, others] of [
    [
      ['--port', '0'],
      ['--port', '0'],
    ],
    [
      ['--config', 'multilane.config.ts', '--port', '0'],
      ['--port', '0'],
    ],
    [['--config=multilane.config.ts', '--demo-flag'], ['--demo-flag']],
  ] as const) {
    it(`name the result: ${given.join(' ')}`, () => {
      expect(flagsOfBuild(given, '/p/multilane.config.ts', '/p')).to.deep.equal([
        ...others,
        ...['--config', '/p/dist/multilane.config.js'],
      ]);
    });
  }
});
