// The worker that makes a call for which others wait (call-claims.ts).
import type { Check } from '../check.js';
import { law, model, sumOf, type Thread } from '../model.js';

interface Caller extends Record<string, number> {
  fetches: number;
}

export const singleFlight: Check = {
  title: 'call claims: one worker makes a call at a time, and the claim of a lost worker is free again',
  build: (modules) => (world) => {
    const block = world.block(modules, 3);
    const { CallClaims, MINE, reclaimCalls } = modules['call-claims'];
    const caller = (slot: number): Thread<Caller> => {
      const claims = new CallClaims(block, slot);
      return {
        name: `worker ${slot}`,
        self: { fetches: 0 },
        calls: {
          claim(self) {
            self.fetches = claims.claim('key') === MINE ? 1 : 0;
          },
          release(self) {
            if (self.fetches === 0) return;
            self.fetches = 0;
            claims.release('key');
          },
          'claim again'(self) {
            self.fetches = claims.claim('key') === MINE ? 1 : 0;
          },
        },
      };
    };
    return model<Caller>({
      threads: [caller(1), caller(2), caller(3)],
      recovery: (dead) => ({ reclaim: () => reclaimCalls(block, dead + 1) }),
      always: ({ living }) => law(sumOf(living, 'fetches') <= 1, 'two workers make the call'),
      finally: ({ living }) => {
        for (const [index, { fetches }] of living.entries()) {
          const slot = [1, 2, 3].filter((one) => new CallClaims(block, one).isHeld('key', one));
          if (fetches === 1)
            law(slot.length === 1, `what living thread ${index} makes is held by ${slot.length}`);
        }
        if (sumOf(living, 'fetches') > 0) return;
        law(new CallClaims(block, 0).claim('key') === MINE, 'a call that no worker makes is claimed');
      },
    });
  },
};
