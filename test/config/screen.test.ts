import { expect } from 'chai';
import { mayOpenBrowser, type Seat } from '#src/config/screen.js';

const SEAT: Seat = { env: { DISPLAY: ':0' }, platform: 'linux', isTerminal: true };

describe('a browser is opened by a command', () => {
  it('where a person is at a terminal of this machine that has a screen', () => {
    expect(mayOpenBrowser(SEAT)).to.equal(true);
    expect(mayOpenBrowser({ ...SEAT, env: { WAYLAND_DISPLAY: 'wayland-0', CI: 'false' } })).to.equal(true);
    expect(mayOpenBrowser({ ...SEAT, env: {}, platform: 'darwin' })).to.equal(true);
  });

  for (const [what, other] of Object.entries<Partial<Seat>>({
    'without a terminal': { isTerminal: false },
    'without a screen': { env: {} },
    'in CI': { env: { ...SEAT.env, CI: 'true' } },
    'in CI on a Mac': { env: { CI: '1' }, platform: 'darwin' },
    'over SSH': { env: { ...SEAT.env, SSH_CONNECTION: '127.0.0.1 50000 127.0.0.1 22' } },
  }))
    it(`but not ${what}`, () => {
      expect(mayOpenBrowser({ ...SEAT, ...other })).to.equal(false);
    });
});
