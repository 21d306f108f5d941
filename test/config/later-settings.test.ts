import { expect } from 'chai';
import { laterSetting } from '#src/config/later-settings.js';
import { SETTINGS } from '#src/config/table.js';
import { ConfigError } from '#src/errors.js';

describe('a setting of a later version', () => {
  it('is accepted with a warning when its value changes nothing', () => {
    for (const [name, value] of [
      ['GATEWAY', 'off'],
      ['GATEWAY', ''],
    ] as const) {
      expect(laterSetting(name, `MULTILANE_${name}`, value)).to.include(`MULTILANE_${name}`);
    }
  });

  it('is refused by name when its value would have to be applied', () => {
    expect(() => laterSetting('GATEWAY', 'MULTILANE_GATEWAY', 'users'))
      .to.throw(ConfigError)
      .with.property('message')
      .that.includes('MULTILANE_GATEWAY');
  });

  it('is neither a setting of this version nor an unknown one', () => {
    for (const name of Object.keys(SETTINGS)) expect(laterSetting(name, name, '')).to.equal(undefined);
    expect(laterSetting('toString', 'toString', '')).to.equal(undefined);
  });
});
