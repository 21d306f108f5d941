// Runs the commands of docs/cli.md that write something, and reads the messages of the CLI that pages show.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { createProgram } from '#src/cli/program.js';
import { multilane, Project } from '#test/support/cli.js';
import { CLI, cleanEnvironment } from '#test/support/cluster.js';
import { itWhere } from '#test/support/where.js';
import { blockOf } from './blocks.js';
import { commandsIn } from './command-lines.js';

const CONFIG = `import { defineConfig } from 'multilane';
import { hello } from './services/hello/service.js';
export default defineConfig({ services: [hello] });
`;
const HELLO = `import { defineService } from 'multilane';
import { greeting } from './greeting.js';
export const hello = defineService({ name: 'hello', routes(app) { app.get('/hello', () => greeting()); } });
`;

describe('the commands of docs/cli.md', () => {
  let project: Project;
  beforeEach(() => {
    project = new Project({
      'package.json': '{"name":"shop","type":"module"}',
      'multilane.config.js': CONFIG,
      'services/hello/service.js': HELLO,
      'services/hello/greeting.js': "export const greeting = () => 'hello';\n",
    });
    project.install();
  });
  afterEach(() => project.remove());

  /** Runs a script of bash that finds only the programs of this folder. */
  async function bash(script: string): Promise<string> {
    const bin = join(project.folder, 'bin');
    mkdirSync(bin);
    for (const [name, command] of [
      ['multilane', `exec "${process.execPath}" "${CLI}" "$@"`],
      ['npx', 'while [ "$1" != multilane ]; do shift; done; exec "$@"'],
    ] as const)
      writeFileSync(join(bin, name), `#!/bin/sh\n${command}\n`, { mode: 0o755 });
    symlinkSync('/bin/sh', join(bin, 'sh'));
    const { stdout } = await promisify(execFile)('/bin/bash', ['-ec', script], {
      cwd: project.folder,
      env: cleanEnvironment({ PATH: `${bin}:${dirname(process.execPath)}`, HOME: project.folder }),
    });
    return stdout;
  }

  it('write the parts that their comments name', async () => {
    for (const words of commandsIn(blockOf('docs/cli.md', 'npx multilane generate'))) {
      const run = await multilane(words.slice(2), { cwd: project.folder });
      expect(run, run.stderr).to.include({ code: 0, stderr: '' });
    }
    const { stdout } = await multilane(['routes'], { cwd: project.folder });
    for (const path of ['/invoices', '/invoices/report'])
      expect(stdout).to.match(new RegExp(`^GET +${path} `, 'm'));
    const migration = join(project.folder, 'services/invoices/migrations/0001_create_invoices.sql');
    expect(existsSync(migration)).to.equal(true);
  });

  it('complete words in bash, also without a global installation', async () => {
    const [global = ''] = blockOf('docs/cli.md', 'source <(').split('\n');
    const local = blockOf('docs/cli.md', 'npx multilane completion bash');
    for (const script of [global, local]) {
      const shown = await bash(
        `${script}\nCOMP_WORDS=(multilane re) COMP_CWORD=1; _multilane; echo "$COMPREPLY"`,
      );
      expect(shown.trim()).to.equal('reload');
      project.remove();
      mkdirSync(project.folder);
    }
  });

  it('report a module that cannot be loaded as the page shows', async () => {
    const lines = "\n\n\n\n\n\nconst word = { de: 'Hallo', };}\n";
    project.write('services/hello/greeting.js', lines);
    const { code, stderr } = await multilane(['routes'], { cwd: project.folder });
    expect({ code, stderr }).to.deep.equal({
      code: 78,
      stderr: blockOf('docs/cli.md', 'multilane: services/hello/greeting.js'),
    });
  });

  itWhere('typescript' in process.features)('report an enum as docs/typescript.md shows', async () => {
    const { folder } = project;
    project.remove();
    const service = HELLO.replace(/greeting\.js/, 'greeting.ts');
    project.write('package.json', '{"type":"module"}');
    project.write('multilane.config.ts', CONFIG.replace(/service\.js/, 'service.ts'));
    project.write('services/hello/service.ts', `\n\n\nenum Color { Red, Green }\n${service}`);
    project.install();
    const { code, stderr } = await multilane(['routes'], { cwd: folder });
    expect({ code, stderr }).to.deep.equal({
      code: 78,
      stderr: blockOf('docs/typescript.md', 'multilane: services/hello/service.ts'),
    });
  });
});

describe('the options of bench on docs/cli.md', () => {
  it('have the defaults of the command', () => {
    const [, section = ''] = readFileSync('docs/cli.md', 'utf8').split('\n## bench\n');
    const [, line = ''] = /Options: (.+?)\./s.exec(section) ?? [];
    const shown = [...line.matchAll(/`(--\w+)`[^`(]*\((\d+)\)/g)].map(([, name, value]) => [
      name,
      Number(value),
    ]);
    const bench = createProgram().commands.find((command) => command.name() === 'bench')!;
    const numbers = bench.options
      .filter((option) => typeof option.defaultValue === 'number')
      .map((option) => [option.long, option.defaultValue as number]);
    expect(shown).to.deep.equal(numbers);
  });
});
