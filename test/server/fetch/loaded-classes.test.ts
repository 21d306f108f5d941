// When the classes of the fetch standard are loaded: with an application, before its worker is ready, and
// never for a service that has none.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);

/**
 * A process that prints for two test apps whether undici is loaded before the first request, and whether
 * `node:http` alone loads it, as that of Node.js 22 and later does.
 */
const SCRIPT = `
  import 'node:http';
  const isLoaded = () => process.moduleLoadList.includes('NativeModule internal/deps/undici/undici');
  const loaded = { http: isLoaded() };
  const { createTestApp } = await import('#src/testing.js');
  const { defineService } = await import('#src/index.js');
  for (const [name, routes] of [
    ['native', (app) => void app.get('/native', () => ({}))],
    ['mounted', (app) => void app.mount('/mounted', () => new Response('hi'))],
  ]) {
    const app = await createTestApp({ services: [defineService({ name, routes })] });
    loaded[name] = isLoaded();
    await app.close();
  }
  process.stdout.write(JSON.stringify(loaded));
`;

describe('the classes of the fetch standard', () => {
  it('are loaded before the first request of a mounted application, and not without one', async () => {
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', SCRIPT]);
    const { http, ...loaded } = JSON.parse(stdout) as Readonly<Record<string, boolean>>;
    expect(loaded).to.deep.equal({ native: http, mounted: true });
    if (process.versions.node.startsWith('20.')) expect(http).to.equal(false);
  });
});
