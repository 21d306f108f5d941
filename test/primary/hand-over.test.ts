import { expect } from 'chai';
import { handOverAdminPlane } from '#src/primary/hand-over.js';
import { silentLog } from '#test/support/silent-log.js';

describe('the hand-over of the admin plane', () => {
  async function handedOver(isShared: () => Promise<boolean>, close = async (): Promise<void> => {}) {
    let closes = 0;
    const admin = {
      close: () => {
        closes += 1;
        return close();
      },
    };
    await handOverAdminPlane(admin, { isShared }, silentLog);
    return closes;
  }
  const never = (): Promise<never> => new Promise(() => undefined);

  it('closes the admin plane of a draining process when there is a successor, and only then', async () => {
    expect(await handedOver(async () => true)).to.equal(1);
    expect(await handedOver(async () => false)).to.equal(0);
  });

  it('ends when the owner files do not tell in time whether there is a successor', async () => {
    expect(await handedOver(never)).to.equal(0);
  });

  it('ends when the admin plane does not close in time', async () => {
    expect(await handedOver(async () => true, never)).to.equal(1);
  });

  it('does nothing before the process serves, or without a slot of pm2', async () => {
    await handOverAdminPlane(undefined, { isShared: never }, silentLog);
    await handOverAdminPlane({ close: never }, undefined, silentLog);
  });
});
