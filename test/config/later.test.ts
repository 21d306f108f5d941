import { expect } from 'chai';
import { laterSetting } from '#src/config/later.js';
import { SETTINGS } from '#src/config/table.js';
import { ConfigError } from '#src/errors.js';

describe('a setting of a later version', () => {
  it('is taken with a warning where it changes nothing', () => {
    for (const [name, value] of [
      ['GRPC_PORT', '0'],
      ['GATEWAY', 'off'],
      ['RATE_LIMIT', ''],
    ] as const) {
      expect(laterSetting(name, `MULTILANE_${name}`, value)).to.include(`MULTILANE_${name}`);
    }
  });

  it('is refused, by name, where somebody would rely on it', () => {
    expect(() => laterSetting('RATE_LIMIT', 'MULTILANE_RATE_LIMIT', '100/second'))
      .to.throw(ConfigError)
      .with.property('message')
      .that.includes('MULTILANE_RATE_LIMIT');
  });

  it('is none that this version has, and none that no version has', () => {
    for (const name of Object.keys(SETTINGS)) expect(laterSetting(name, name, '')).to.equal(undefined);
    expect(laterSetting('toString', 'toString', '')).to.equal(undefined);
  });
});
