// Commands of operators in a project whose configuration file does not load.
import { createServer } from 'node:http';
import { expect } from 'chai';
import type { AdminRoute } from '#src/admin/admin-route.js';
import { createProgram } from '#src/cli/program.js';
import { closePlanes, plane } from '#test/admin/admin-fixture.js';
import { multilane, Project } from '#test/support/cli.js';
import { runCommand } from '#test/support/in-process-command.js';
import { planeCommandsOf } from '#test/support/plane-commands.js';
import { itWhere } from '#test/support/where.js';

const WORKERS: AdminRoute = { method: 'GET', path: '/workers', handler: () => ({ status: 200, json: [] }) };
const runsTypeScript = 'typescript' in process.features && process.features.typescript !== false;

/** Configurations with which no process starts: file name, its text, and the reason that is reported. */
const BROKEN: readonly (readonly [what: string, file: string, text: string, reason: RegExp | undefined])[] = [
  ['a syntax error', 'a.js', 'export default {;\n', /a\.js:1: SyntaxError/],
  ['an error that it throws', 'b.js', '\nthrow new Error("no disk");\n', /b\.js:2:\d+: Error: no disk/],
  ['an import of nothing', 'c.js', 'import "./nowhere.js";\n', /c\.js:1: .*nowhere/],
  ['no default export', 'd.js', 'export const a = 1;\n', /d\.js: there is no default export/],
  [
    'a list of services that is empty',
    'e.js',
    'export default { services: [] };\n',
    /e\.js(:\d+)*: "services"/,
  ],
  ['damaged JSON', 'f.json', '{\n', /f\.json:\d+: cannot be loaded/],
  ['a syntax error, in TypeScript', 'g.ts', 'export default {;\n', /g\.ts/],
  ['an unknown setting', 'h.js', 'export default { wrokers: 2 };\n', undefined],
  ['a wrong value of another setting', 'i.js', 'export default { workers: "many" };\n', undefined],
];

describe('a command for operators, where the configuration does not load', () => {
  const project = new Project({ 'package.json': '{ "type": "module" }' });
  let port: number;
  const outer = process.env.ADMIN_PORT;
  before(async () => {
    port = (await plane([WORKERS])).port;
    process.env.ADMIN_PORT = String(port);
  });
  after(async () => {
    if (outer === undefined) delete process.env.ADMIN_PORT;
    else process.env.ADMIN_PORT = outer;
    project.remove();
    await closePlanes();
  });

  for (const [what, file, text, reason] of BROKEN) {
    it(`reaches the admin plane of the environment: ${what}`, async () => {
      project.write(file, text);
      const run = await runCommand(['ps', '--json', '--config', `${project.folder}/${file}`]);
      expect(run).to.include({ code: 0, stdout: '[]\n' });
      if (reason === undefined) expect(run.stderr).to.equal('');
      else {
        expect(run.stderr)
          .to.match(reason)
          .and.match(/^multilane: warning: [^\n]*environment[^\n]*--admin URL\n$/)
          .and.include(`http://127.0.0.1:${port}`);
      }
    });
  }

  it('is any command that connects to an admin plane', async () => {
    project.write('broken.js', 'throw new Error("no disk");\n');
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url!);
      response.writeHead(404).end('{"code":"OF_THE_TEST"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    process.env.ADMIN_PORT = String((server.address() as { port: number }).port);
    try {
      for (const command of planeCommandsOf(createProgram())) {
        const before = asked.length;
        const run = await runCommand([...command, '--config', `${project.folder}/broken.js`]);
        expect(run.code, run.stderr).to.equal(1);
        expect(run.stderr).to.include('OF_THE_TEST');
        expect(asked.length, command.join(' ')).to.be.above(before);
      }
    } finally {
      process.env.ADMIN_PORT = String(port);
      server.close();
    }
  });

  it('reads what a build of TypeScript has left', async () => {
    const built = new Project({
      'package.json': '{ "type": "module" }',
      // No version of Node.js loads it.
      'multilane.config.ts': 'enum Color { Red }\nexport default { adminPort: Color.Red };\n',
      'dist/multilane.config.js': `export default { adminPort: ${port} };\n`,
    });
    try {
      const run = await multilane(['ps', '--json'], { cwd: built.folder });
      expect(run).to.include({ code: 0, stdout: '[]\n' });
      expect(run.stderr).to.match(
        /^multilane: .*multilane\.config\.ts.* that of dist\/multilane\.config\.js\n$/,
      );
    } finally {
      built.remove();
    }
  });

  itWhere(!runsTypeScript)('says that Node.js does not run TypeScript where nothing is built', async () => {
    project.write('good.ts', 'export default { adminPort: 1 };\n');
    const run = await runCommand(['ps', '--json', '--config', `${project.folder}/good.ts`]);
    expect(run).to.include({ code: 0, stdout: '[]\n' });
    expect(run.stderr).to.include(`Node.js ${process.versions.node} does not run good.ts; `);
  });

  it('is refused for a wrong value of ADMIN_PORT, and for a file that does not exist', async () => {
    project.write('wrong.json', '{ "adminPort": "many" }');
    expect(await runCommand(['ps', '--config', `${project.folder}/absent.js`])).to.include({ code: 78 });
    expect(await runCommand(['ps', '--config', `${project.folder}/wrong.json`])).to.include({ code: 0 });
    delete process.env.ADMIN_PORT;
    const run = await runCommand(['ps', '--config', `${project.folder}/wrong.json`]);
    process.env.ADMIN_PORT = String(port);
    expect(run).to.include({ code: 78 });
    expect(run.stderr).to.match(/wrong\.json(:\d+)*: adminPort: "many" is not/);
  });
});
