// Messages about the configuration file name the line of the key, whatever the file looks like.
import { expect } from 'chai';
import { inFolder, refusal } from './loading.js';

const SERVICE = `const port = 1;
const shop = { name: 'shop', options: {
  port: 80,
} };
`;

const CASES: readonly (readonly [string, Record<string, string>, RegExp])[] = [
  [
    'a key of several lines, below another object that has it',
    {
      'multilane.config.mjs': `${SERVICE}
// port: 5,
export default {
  services: [shop],
  upstreams: {
    port: {},
  },
  port: 'x',
};`,
    },
    /multilane\.config\.mjs:12: port: "x" is not a whole number/,
  ],
  [
    'a key beside others in one line',
    { 'multilane.config.mjs': `${SERVICE}\nexport default { services: [shop], prot: 1 };` },
    /multilane\.config\.mjs:6: unknown key "prot", did you mean "port"\?/,
  ],
  [
    'a short form',
    { 'multilane.config.mjs': `const workers = 1.5;\nexport default {\n  workers,\n};` },
    /multilane\.config\.mjs:3: workers: 1\.5 is not a whole number/,
  ],
  [
    'a key of an object that is exported by name',
    { 'multilane.config.mjs': `const config = {\n  "workers": 1.5,\n};\nexport default config;` },
    /multilane\.config\.mjs:2: workers: /,
  ],
  [
    'a key that is no name, with characters of a pattern',
    { 'multilane.config.mjs': `export default {\n  workers: 1,\n  'a(b': 1,\n};` },
    /multilane\.config\.mjs:3: unknown key "a\(b"/,
  ],
  [
    'CommonJS',
    { 'multilane.config.js': `module.exports = {\n  // workers: 3,\n  workers: 'many',\n};` },
    /multilane\.config\.js:3: workers: /,
  ],
  [
    'JSON',
    { 'multilane.config.json': `{\n  "port": 1,\n  "zone": 5\n}` },
    /multilane\.config\.json:3: .*zone/,
  ],
  [
    'settings that are wrong together',
    {
      'multilane.config.mjs': `export default {\n  port: 9000,\n  adminPort: 9000,\n};`,
    },
    /multilane\.config\.mjs:3: adminPort: 9000 is already the port of the data plane/,
  ],
  [
    'a policy of the gateway',
    { 'multilane.config.mjs': `export default {\n  port: 9000,\n  gateway: { orders: { timeout: 5 } },\n};` },
    /multilane\.config\.mjs:3: gateway: orders: unknown option "timeout"/,
  ],
  [
    'services that are none',
    { 'multilane.config.mjs': `export default {\n  services: [\n    {},\n  ],\n};` },
    /multilane\.config\.mjs:2: services\[0\] is not a service/,
  ],
  [
    'a key that is computed, which no line has',
    { 'multilane.config.mjs': `const key = 'por' + 't';\nexport default { [key]: 'x' };` },
    /^78 multilane\.config\.mjs: port: "x" is not a whole number/,
  ],
];

describe('the line of a key in the configuration file', () => {
  for (const [what, files, message] of CASES) {
    it(`is named for ${what}`, () =>
      inFolder(files, async (cwd) => {
        expect(await refusal({ cwd })).to.match(message);
      }));
  }
});
