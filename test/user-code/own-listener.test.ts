// A configuration whose modules listen on a port while they are loaded, as an application that was written
// for a process of its own.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const MODULE = import.meta.resolve('#src/user-code/module.js');

/** A port that is free: one that the kernel has chosen. */
const FREE = `import { createServer } from 'node:net';
import { once } from 'node:events';
const probe = createServer().listen(0);
await once(probe, 'listening');
const { port } = probe.address();
await once(probe.close(), 'close');
`;

describe('a module that listens while it is loaded', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'multilane-')));
  after(() => rmSync(folder, { recursive: true }));

  /** @returns the exit code and the message of the error, or `loaded` */
  const loading = (text: string): string => {
    writeFileSync(join(folder, 'app.mjs'), text);
    writeFileSync(join(folder, 'multilane.config.mjs'), "import './app.mjs';\nexport default {};\n");
    const path = JSON.stringify(join(folder, 'multilane.config.mjs'));
    const load = `
      const { importConfigModule } = await import(${JSON.stringify(MODULE)});
      console.log(await importConfigModule(${path}).then(() => 'loaded', (error) => error.exitCode + ' ' + error.message));
      process.exit();`;
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--conditions=multilane-unbundled', '--input-type=module', '-e', load],
      { cwd: folder, encoding: 'utf8' },
    );
    return stdout.trim() || stderr;
  };

  for (const [what, call, place] of [
    ['a fixed port', 'createServer().listen(port);', ':7:16'],
    [
      'a fixed port of a host',
      "await once(createServer().listen({ port, host: '127.0.0.1' }), 'listening');",
      ':7:27',
    ],
    ['a fixed port that is a string', 'createServer().listen(String(port), () => {});', ':7:16'],
    ['a fixed port soon after', 'setImmediate(() => createServer().listen(port));', ':7:35'],
  ] as const)
    it(`is refused with its line and the next step: ${what}`, () => {
      const message = loading(FREE + call);
      expect(message).to.match(new RegExp(`^78 app\\.mjs${place}: it listens on port \\d+ by itself`));
      expect(message).to.include('Remove the call of `listen`: the process listens by itself');
    });

  for (const [what, call] of [
    ['a port that the kernel chooses', 'createServer().listen(0);'],
    ['a socket of the file system', "createServer().listen('./a.sock');"],
  ] as const)
    it(`is loaded: ${what}`, () => {
      expect(loading(FREE + call)).to.equal('loaded');
    });
});
