import { expect } from 'chai';
import { defineConfig } from '#src/api/define-config.js';
import { inFolder, refusal, settings } from './loading.js';

const file = (text: string): Record<string, string> => ({ 'multilane.config.json': text });

describe('how called services are balanced, in the configuration file', () => {
  it('is read with the settings, from JSON as from a module', async () => {
    const upstreams = {
      orders: { picker: 'prequal', canary: { version: '2', share: 0.05 }, connections: 256 },
      users: {},
    };
    await inFolder(file(JSON.stringify({ upstreams, zone: 'north' })), async (cwd) => {
      expect(await settings({ cwd })).to.deep.include({ upstreams, zone: 'north' });
    });
    await inFolder(file('{}'), async (cwd) => {
      expect(await settings({ cwd })).to.deep.include({ upstreams: {}, zone: null });
    });
  });

  const cases: readonly (readonly [what: string, content: object, message: string])[] = [
    [
      'a picker that is misspelt',
      { upstreams: { orders: { picker: 'preqal' } } },
      'upstreams: orders: unknown picker "preqal", did you mean "prequal"? known are auto, p2c, prequal, round-robin',
    ],
    [
      'a picker that does not exist',
      { upstreams: { orders: { picker: 'ring' } } },
      'upstreams: orders: unknown picker "ring"; known are auto, p2c, prequal, round-robin',
    ],
    [
      'a picker that is no text',
      { upstreams: { orders: { picker: 2 } } },
      'upstreams: orders: picker must be',
    ],
    [
      'an unknown option',
      { upstreams: { orders: { pickr: 'p2c' } } },
      'upstreams: orders: unknown option "pickr", did you mean "picker"?',
    ],
    ['no options', { upstreams: { orders: 'p2c' } }, 'upstreams: orders: options must be an object such as'],
    ['no object', { upstreams: ['orders'] }, 'upstreams must be an object such as'],
    ['no name of a service', { upstreams: { Orders: {} } }, 'upstreams: "Orders" is not a service name'],
    [
      'a canary without a version',
      { upstreams: { orders: { canary: { share: 0.1 } } } },
      'upstreams: orders: canary: version must be',
    ],
    [
      'a canary with a share in per cent',
      { upstreams: { orders: { canary: { version: '2', share: 5 } } } },
      'upstreams: orders: canary: share must be a number from 0 to 1, not 5',
    ],
    [
      'a zone that cannot be registered',
      { zone: 'nörth' },
      'zone must be 1 to 128 printable ASCII characters',
    ],
    [
      'no number of connections',
      { upstreams: { orders: { connections: 0 } } },
      'upstreams: orders: connections must be a whole number from 1 to 65535, not 0',
    ],
    ['a misspelt key', { upstream: {} }, 'unknown key "upstream", did you mean "upstreams"?'],
  ];
  for (const [what, content, message] of cases) {
    it(`ends the start for ${what}`, async () => {
      await inFolder(file(JSON.stringify(content)), async (cwd) => {
        const told = await refusal({ cwd });
        expect(told).to.match(/multilane\.config\.json:1: /);
        expect(told).to.include(message);
      });
    });
  }

  it('is checked where it is declared', () => {
    const wrong = { upstreams: { orders: { picker: 'p3c' } } } as object;
    expect(() => defineConfig(wrong)).to.throw('unknown picker "p3c", did you mean "p2c"?');
  });
});
