import { expect } from 'chai';
import { handOverAdminPlane } from '#src/primary/hand-over.js';
import { silentLog } from '#test/support/silent-log.js';

describe('a process that drains', () => {
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

  it('leaves its admin plane to a successor, and only to one', async () => {
    expect(await handedOver(async () => true)).to.equal(1);
    expect(await handedOver(async () => false)).to.equal(0);
  });

  it('goes on when nothing tells whether there is a successor', async () => {
    expect(await handedOver(never)).to.equal(0);
  });

  it('goes on when its admin plane does not close', async () => {
    expect(await handedOver(async () => true, never)).to.equal(1);
  });

  it('has nothing to leave before it serves, or without a slot', async () => {
    await handOverAdminPlane(undefined, { isShared: never }, silentLog);
    await handOverAdminPlane({ close: never }, undefined, silentLog);
  });
});
