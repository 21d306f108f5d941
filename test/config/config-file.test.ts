import { join } from 'node:path';
import { expect } from 'chai';
import { inFolder, refusal, running, settings } from './loading.js';

describe('the configuration file', () => {
  it('provides settings and services as a module', () =>
    inFolder(
      { 'multilane.config.mjs': `export default { maxInFlight: 7, services: [{ name: 'demo' }] }` },
      async (cwd) => {
        const loaded = await running({ cwd });
        expect(loaded.services).to.deep.equal([{ name: 'demo' }]);
        expect(loaded.settings).to.include({ maxInFlight: 7, configFile: join(cwd, 'multilane.config.mjs') });
      },
    ));

  it('may be a CommonJS module', () =>
    inFolder({ 'multilane.config.js': `module.exports = { port: 1234 }` }, async (cwd) => {
      expect((await settings({ cwd })).port).to.equal(1234);
    }));

  it('mounts the reference shop when it declares no services', () =>
    inFolder({ 'multilane.config.json': '{}' }, async (cwd) => {
      const loaded = await running({ cwd, argv: ['--services', 'users'] });
      expect(loaded.services).to.equal(undefined);
      expect(loaded.settings).to.deep.include({ configFile: undefined, services: ['users'] });
      expect(loaded.warnings).to.deep.equal([
        'multilane.config.json declares no services: the reference shop is mounted and gets databases of its own; ' +
          'add services: [defineService(…)], or start with --demo if the shop is meant',
      ]);
    }));

  it('is not read with --demo, which mounts the reference shop', () =>
    inFolder({ 'multilane.config.mjs': 'throw new Error();' }, async (cwd) => {
      const loaded = await running({ cwd, argv: ['--demo', '--services', 'users'] });
      expect(loaded.services).to.equal(undefined);
      expect(loaded.settings).to.deep.include({ configFile: undefined, services: ['users'] });
      expect(loaded.warnings).to.deep.equal([]);
    }));

  it('may be selected with --config', () =>
    inFolder({ 'other.json': '{ "port": 9 }', 'multilane.config.json': '{ "port": 8 }' }, async (cwd) => {
      expect((await settings({ cwd, argv: ['--config', 'other.json'] })).port).to.equal(9);
    }));

  it('accepts lists, switches and pairs as JavaScript values and as strings', () =>
    inFolder(
      {
        'natural.json': `{ "trustedProxies": ["10.0.0.0/8", "::1"], "databasePrepare": false,
          "otelResourceAttributes": { "team": "a,b" }, "otelTracesSamplerArg": 0.5 }`,
        'text.json': `{ "trustedProxies": "10.0.0.0/8, ::1", "databasePrepare": "off",
          "otelResourceAttributes": "team=a%2Cb", "otelTracesSamplerArg": "0.5" }`,
      },
      async (cwd) => {
        const natural = await settings({ cwd, argv: ['--config', 'natural.json'] });
        expect(natural).to.deep.include({
          trustedProxies: ['10.0.0.0/8', '::1/128'],
          databasePrepare: false,
        });
        expect(natural.otel).to.deep.include({ resourceAttributes: { team: 'a,b' }, samplerArg: 0.5 });
        expect(await settings({ cwd, argv: ['--config', 'text.json'] })).to.deep.equal(natural);
      },
    ));

  const refused: readonly [string, Record<string, string>, RegExp][] = [
    [
      'an unknown key',
      { 'multilane.config.json': '{"prot":1}' },
      /config.json:1: unknown key "prot", did you mean "port"\?/,
    ],
    [
      'a bad value',
      { 'multilane.config.json': '{"port":"x"}' },
      /config.json:1: port: "x" is not a whole number/,
    ],
    [
      'a value of the wrong type',
      { 'multilane.config.json': '{"port":[80]}' },
      /config.json:1: port: \[80\] is not/,
    ],
    ['a fraction', { 'multilane.config.json': '{"workers":1.5}' }, /workers: 1.5 is not a whole number/],
    ['broken JSON', { 'multilane.config.json': '{' }, /config.json:1: cannot be loaded: SyntaxError/],
    ['a list instead of an object', { 'multilane.config.json': '[]' }, /config.json: must contain an object/],
    ['services in JSON', { 'multilane.config.json': '{"services":["users"]}' }, /"services" needs a .js/],
    [
      'no services in the list',
      { 'multilane.config.mjs': 'export default { services: [] }' },
      /at least one/,
    ],
    [
      'an item that is no service',
      { 'multilane.config.mjs': 'export default { services: [1] }' },
      /services\[0\]/,
    ],
    [
      'two files',
      { 'multilane.config.mjs': '', 'multilane.config.json': '{}' },
      /multilane.config.mjs and multilane/,
    ],
  ];
  for (const [what, files, message] of refused) {
    it(`is refused when it has ${what}`, () =>
      inFolder(files, async (cwd) => {
        const told = await refusal({ cwd });
        expect(told).to.match(/^78 /).and.to.match(message);
        expect(told).to.not.include('\n');
      }));
  }

  it('is refused when it does not exist, and when its extension is unknown', () =>
    inFolder({ 'settings.yaml': '' }, async (cwd) => {
      expect(await refusal({ cwd, argv: ['--config', 'none.json'] })).to.equal(
        '78 --config: there is no file none.json',
      );
      expect(await refusal({ cwd, argv: ['--config=settings.yaml'] })).to.match(/^78 --config: .*neither/);
      expect(await refusal({ cwd, argv: ['--config'] })).to.equal('78 --config: the file is missing');
      expect(await refusal({ cwd, argv: ['--config', 'a.json', '--demo'] })).to.match(
        /^78 --demo runs without/,
      );
      expect(await refusal({ cwd, argv: ['--demo=1'] })).to.equal('78 --demo: takes no value');
    }));

  for (const argv of [[], ['--check']]) {
    it(`is required: without it, [${argv.join(' ')}] reports the names and the folder that were searched`, () =>
      inFolder({ 'config.json': '{}' }, async (cwd) => {
        const told = await refusal({ cwd, argv, bare: true });
        expect(told)
          .to.match(/^78 no configuration file: looked for /)
          .and.include(` in ${cwd};`)
          .and.include('--demo');
        for (const kind of ['ts', 'js', 'mjs', 'json']) expect(told).to.include(`multilane.config.${kind}`);
      }));
  }
});
