// When the classes of the fetch standard are loaded: with an application, before its worker is ready, and never
// for a service that has none.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);

/** A process that prints for two test apps whether undici is loaded before the first request. */
const SCRIPT = `
  import { createTestApp } from '#src/testing.js';
  import { defineService } from '#src/index.js';
  const loaded = {};
  for (const [name, routes] of [
    ['native', (app) => void app.get('/native', () => ({}))],
    ['mounted', (app) => void app.mount('/mounted', () => new Response('hi'))],
  ]) {
    const app = await createTestApp({ services: [defineService({ name, routes })] });
    loaded[name] = process.moduleLoadList.includes('NativeModule internal/deps/undici/undici');
    await app.close();
  }
  process.stdout.write(JSON.stringify(loaded));
`;

describe('the classes of the fetch standard', () => {
  it('are loaded before the first request of a mounted application, and not without one', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', SCRIPT]);
    expect(JSON.parse(stdout)).to.deep.equal({ native: false, mounted: true });
  });
});
