// A project that ends its process by itself: the line about it says what to do.
import { expect } from 'chai';
import { multilane, Project } from '#test/support/cli.js';

const CONFIG = `import { defineConfig, defineService } from 'multilane';
process.on('SIGTERM', () => process.exit(3));
const hello = defineService({ name: 'hello', routes(app) { app.get('/', () => 'hello'); } });
export default defineConfig({ services: [hello], workers: 1 });
`;

describe('a project that calls process.exit in a handler of a signal', () => {
  let project: Project;
  before(() => {
    project = new Project({ 'package.json': '{ "type": "module" }', 'multilane.config.js': CONFIG });
    project.install();
  });
  after(() => project.remove());

  it('learns the line, and that the handler is not needed', async () => {
    const { code, stderr } = await multilane(['start'], {
      cwd: project.folder,
      env: { PORT: '0', ADMIN_PORT: '0', LOG_LEVEL: 'info' },
      meanwhile(child) {
        let shown = '';
        const look = (chunk: Buffer): void => {
          if (/"msg":"ready"/.test(shown)) return;
          shown += String(chunk);
          if (/"msg":"ready"/.test(shown)) child.kill('SIGTERM');
        };
        child.stdout?.on('data', look);
        child.stderr?.on('data', look);
      },
    });
    expect(code, stderr).to.equal(3);
    expect(stderr).to.include('multilane.config.js:2:37: process.exit(3) has ended the whole process');
    expect(stderr).to.include('Remove the call, or the handler of a signal that makes it');
  });
});
