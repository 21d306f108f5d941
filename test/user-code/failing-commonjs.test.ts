// A CommonJS application that fails while the configuration imports it. Up to Node.js 20 the failure of such
// a module is a rejection that nothing handles, beside that of the import.
import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { inFolder } from '#test/config/loading.js';

const CONFIG_FILE = new URL(import.meta.resolve('#src/config/config-file.js')).href;
const IMPORTS = "import app from './app.cjs';\nexport default { services: [app] };\n";

const FAILURES: Readonly<Record<string, readonly [app: string, message: RegExp]>> = {
  'it throws': ['module.exports = {};\nnope();', /^app\.cjs:2:1: ReferenceError: nope is not defined\n/],
  'a module that it requires throws': [
    "module.exports = require('./part.cjs');",
    /^part\.cjs:1:7: TypeError: no part\n.*part\.cjs:1:7.*\n.*app\.cjs:1:18/,
  ],
  'it throws what is no Error': [
    "throw 'a text';",
    /^multilane\.config\.mjs: 'a text' was thrown, which is no/,
  ],
  'it requires what does not exist': ["require('./gone.cjs');", /Cannot find module '\.\/gone\.cjs'/],
};

/** Prints the message of the failure, and exits with its code. */
const LOAD = `
  const { loadConfigFile } = await import(${JSON.stringify(CONFIG_FILE)});
  const { exitCode, message } = await loadConfigFile(process.cwd() + '/multilane.config.mjs').catch((error) => error);
  console.log(message);
  process.exitCode = exitCode;`;

describe('a CommonJS module that fails while the configuration imports it', () => {
  for (const [what, [app, message]] of Object.entries(FAILURES))
    it(`is reported once, and ends nothing by itself: ${what}`, () =>
      inFolder(
        { 'multilane.config.mjs': IMPORTS, 'app.cjs': app, 'part.cjs': "throw new TypeError('no part');" },
        async (cwd) => {
          const { status, stdout, stderr } = spawnSync(
            process.execPath,
            ['--conditions=multilane-unbundled', '--input-type=module', '-e', LOAD],
            { cwd, encoding: 'utf8' },
          );
          expect([status, stderr]).to.deep.equal([78, '']);
          expect(stdout).to.match(message);
        },
      ));
});
