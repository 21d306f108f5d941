import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);

/** A process that prints for two test apps which parts of undici are loaded before the first request. */
const SCRIPT = `
  import { createRequire } from 'node:module';
  import { createTestApp } from '#src/testing.js';
  import { defineService } from '#src/index.js';
  const { cache } = createRequire(process.cwd() + '/package.json');
  const isLoaded = (module) => Object.keys(cache).some((file) => file.replaceAll('\\\\', '/').endsWith(module));
  const loaded = {};
  for (const [name, routes] of [
    ['alone', (app) => void app.get('/alone', () => ({}))],
    ['calling', (app, { call }) => void app.get('/calling', () => call('other').get('/'))],
  ]) {
    const app = await createTestApp({ services: [defineService({ name, routes })] });
    loaded[name] = ['/undici/lib/dispatcher/pool.js', '/undici/index.js'].map(isLoaded);
    await app.close();
  }
  process.stdout.write(JSON.stringify(loaded));
`;

describe('the HTTP client', () => {
  it('is loaded in part before the first request where a service takes `call`, and not elsewhere', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', SCRIPT]);
    expect(JSON.parse(stdout)).to.deep.equal({ alone: [false, false], calling: [true, false] });
  });
});
