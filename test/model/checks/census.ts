// Connections by client address (connection-shares.ts): workers count opened ones, the primary all open ones.
import type { Check } from '../check.js';
import { law, model, sumOf, type Thread } from '../model.js';

interface Party extends Record<string, number> {
  waits: number;
  opened: number;
}

export const census: Check = {
  title: 'connection census: an address never counts for fewer connections than it has opened',
  build: (modules) => (world) => {
    const block = world.block(modules, 2);
    const { ConnectionCensus, ConnectionShares } = modules['connection-shares'];
    const key = modules['address-cells'].addressKeys(block)('10.0.0.1');
    const kernel = new Int32Array(new SharedArrayBuffer(8));
    world.name(kernel.buffer as SharedArrayBuffer, { kernel: { offset: 0, stride: 8, rows: 1 } });
    const worker = (slot: number): Thread<Party> => {
      const shares = new ConnectionShares(block, slot);
      return {
        name: `worker ${slot}`,
        self: { waits: 0, opened: 0 },
        calls: {
          open(self) {
            Atomics.add(kernel, 0, 1);
            shares.opened(key);
            self.opened = 1;
          },
        },
      };
    };
    return model<Party>({
      threads: [
        worker(1),
        worker(2),
        {
          name: 'primary',
          self: { waits: 0, opened: 0 },
          calls: {
            count() {
              const all = new ConnectionCensus(block);
              all.begin();
              all.publish([[key, Atomics.load(kernel, 0)]]);
            },
          },
        },
      ],
      always: ({ selves }) => {
        const [counted, opened] = [new ConnectionShares(block, 1).of(key), sumOf(selves, 'opened')];
        law(counted >= opened, `${opened} have been opened, ${counted} count`);
      },
    });
  },
};

export const asked: Check = {
  title: 'connection census: the primary never sleeps when a worker has requested a count',
  build: (modules) => (world) => {
    const block = world.block(modules, 2);
    const { ConnectionCensus, ConnectionShares, countAskedFor } = modules['connection-shares'];
    const worker = (slot: number): Thread<Party> => {
      const shares = new ConnectionShares(block, slot);
      return {
        name: `worker ${slot}`,
        self: { waits: 0, opened: 0 },
        calls: { ask: () => shares.askForCount() },
      };
    };
    const all = new ConnectionCensus(block);
    const turn = (self: Party): void => {
      all.begin();
      countAskedFor(block).catch(() => {});
      self.waits = 1;
    };
    return model<Party>({
      threads: [
        worker(1),
        worker(2),
        {
          name: 'primary',
          self: { waits: 0, opened: 0 },
          mayWait: true,
          calls: { count: turn, 'count again': turn, 'count once more': turn },
        },
      ],
      finally: ({ asleep }) => {
        const isAsked = block.words('connectionCensusAsked')[0] === 1;
        law(!(isAsked && asleep.length > 0), 'the primary sleeps though a worker has requested a count');
      },
    });
  },
};
