import { expect } from 'chai';
import { infoReport } from '#src/cli/info-report.js';
import { version } from '#src/config/print.js';
import { multilane, Project } from '#test/support/cli.js';

const SECRET = 'hunter2hunter2hunter2hunter2hunter2';

describe('multilane info', () => {
  let project: Project;
  before(() => {
    project = new Project({
      'multilane.config.js': `import { defineConfig, defineService } from 'multilane';
        const notes = defineService({ name: 'notes', routes() {}, migrations: new URL('./m/', import.meta.url) });
        export default defineConfig({ services: [notes], port: 1234, adminToken: '${SECRET}' });`,
      'package.json': '{"type":"module"}',
      'node_modules/typescript/package.json': '{"version":"5.9.1"}',
    });
    project.install();
  });
  after(() => project.remove());

  it('prints versions, machine, services and changed settings with their source, and no secret', async () => {
    const run = await multilane(['info'], {
      cwd: project.folder,
      env: { DATABASE_URL: `postgres://app:${SECRET}@db/x`, WORKERS: '3' },
    });
    expect(run).to.include({ code: 0, stderr: '' });
    expect(run.stdout)
      .to.match(new RegExp(`^  Multilane +${version().replaceAll('.', '\\.')}$`, 'm'))
      .and.match(/^ {2}Node.js +v\d+\.\d+/m)
      .and.match(/^ {2}uWebSockets.js +\d+\.\d+/m)
      .and.match(/^ {2}TypeScript of the project +5\.9\.1$/m)
      .and.match(/^ {2}usable processors \(affinity, quota\) +\d+$/m)
      .and.match(/^ {2}open files \(limit\) +\d+$/m)
      .and.match(/^ {2}HTTP core +(uws|node) \(.+\)$/m)
      .and.match(/^ {2}notes +routes, migrations$/m)
      .and.match(/^ {2}PORT +1234 +# multilane.config.js: port$/m)
      .and.match(/^ {2}WORKERS +3 +# WORKERS$/m)
      .and.match(/^ {2}ADMIN_TOKEN +\*\*\* +# multilane.config.js: adminToken$/m)
      .and.not.match(/^ {2}HOST /m)
      .and.not.include('hunter2');
  });

  it('reports a part that cannot be read beside the others', async () => {
    project.write('broken.config.js', 'export default {{');
    project.write('node_modules/typescript/package.json', '{');
    const {
      versions,
      machine,
      project: facts,
    } = await infoReport(project.folder, ['--config=broken.config.js'], false);
    expect(facts.fault).to.match(/^cannot be read: .*broken.config.js:1: SyntaxError/);
    expect(versions.typescript).to.match(/^cannot be read: /);
    expect(versions.node).to.equal(process.version);
    expect(machine.openFiles).to.be.greaterThan(0);
  });

  it('lists the services of the reference shop with --demo', async () => {
    const { stdout } = await multilane(['info', '--demo', '--json']);
    const { project: facts } = JSON.parse(stdout) as Awaited<ReturnType<typeof infoReport>>;
    expect(facts.services.map(({ name }) => name)).to.deep.equal(['users', 'orders', 'payments', 'checkout']);
    for (const { name, parts } of facts.services) expect(parts, name).to.include('routes');
  });

  it('works without a project, also as JSON', async () => {
    const run = await multilane(['info', '--json']);
    expect(run.code).to.equal(0);
    expect(JSON.parse(run.stdout)).to.containSubset({ versions: { node: process.version } });
    expect((JSON.parse(run.stdout) as { project: { fault: string } }).project.fault).to.match(
      /^cannot be read: no configuration file/,
    );
  });
});
