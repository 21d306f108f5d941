import { expect } from 'chai';
import { slotName } from '#src/process/pm2-slot.js';

describe('a slot of pm2', () => {
  const pidFile = '/home/ada/.pm2/pids/shop-3.pid';
  const daemon = { PM2_HOME: '/home/ada/.pm2', pm_pid_path: pidFile };

  it('has the same name for all processes that one daemon starts under one id', () => {
    for (const env of [daemon, { pm_pid_path: pidFile }, {}])
      expect(slotName('3', env, 7)).to.equal(slotName('3', { ...env, PORT: '1' }, 7));
  });

  it('has another name for each id of each daemon', () => {
    const slots = [
      slotName('3', daemon, undefined),
      slotName('4', daemon, undefined),
      slotName('3', daemon, 7),
      slotName('3', daemon, 8),
      slotName('3', { ...daemon, PM2_HOME: '/home/bob/.pm2' }, undefined),
      slotName('3', { pm_pid_path: pidFile }, undefined),
      slotName('3', { pm_pid_path: '/home/bob/.pm2/pids/shop-3.pid' }, undefined),
      slotName('3', {}, undefined),
    ];
    expect(new Set(slots).size).to.equal(slots.length);
  });
});
