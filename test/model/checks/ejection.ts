// Ejected endpoints (ejection-cells.ts). Nothing is recovered: a turn that a dead
// thread has begun is finished by other threads.
import type { Check } from '../check.js';
import { law, model, type Thread } from '../model.js';
import type { MemoryModules } from '../small-memory.js';
import type { World } from '../world.js';

type Nothing = Record<string, number>;

function cellsOf(modules: MemoryModules, world: World, now: () => number) {
  const block = world.block(modules, 1);
  const rule = { failures: 1, ejectedMs: () => 1000, remembered: (times: number) => times, slowStartMs: 100 };
  const cells = () => new modules['ejection-cells'].EjectionCells(block, rule, now);
  const isOut = (slot: number): boolean => (block.words('endpointEjection', slot)[0]! & (1 << 4)) !== 0;
  return { cells, isOut };
}

type Cells = ReturnType<ReturnType<typeof cellsOf>['cells']>;

const FREE = [0, 1];
/** At most one of two endpoints may be ejected. */
const hasRoom = (cells: Cells) => (): boolean => !FREE.some((slot) => cells.isEjected(slot));

const caller = (cells: Cells, slot: number): Thread<Nothing> => ({
  name: `caller of ${slot}`,
  self: {},
  mayDie: true,
  calls: {
    fail() {
      if (cells.failed(slot)) cells.eject(slot, hasRoom(cells));
    },
  },
});

export const half: Check = {
  title: 'ejection: of two failing endpoints exactly one is ejected',
  interruptions: 2,
  deepInterruptions: 3,
  build: (modules) => (world) => {
    const { cells, isOut } = cellsOf(modules, world, () => 1000);
    return model<Nothing>({
      threads: [caller(cells(), 0), caller(cells(), 1), caller(cells(), 0)],
      always: () => law(!(isOut(0) && isOut(1)), 'both endpoints are out'),
      finally: ({ dead }) => {
        if (dead === undefined) law(isOut(0) || isOut(1), 'none is out');
        const fresh = cells();
        fresh.help();
        const out = FREE.filter(isOut).length;
        law(out <= 1, 'both endpoints are ejected when a turn is finished');
        fresh.failed(0);
        fresh.eject(0, () => FREE.filter(isOut).length < 1);
        law(FREE.some(isOut), 'no endpoint can be ejected any more');
      },
    });
  },
};

export const comeback: Check = {
  title:
    'ejection: an endpoint whose time is over returns while another is ejected, and never are both ejected',
  interruptions: 2,
  deepInterruptions: 3,
  build: (modules) => (world) => {
    const clock = world.clock(1000);
    const { cells, isOut } = cellsOf(modules, world, clock.now);
    const before = cells();
    before.failed(0);
    before.eject(0, () => true);
    clock.set(2001);
    const looker = cells();
    return model<Nothing>({
      threads: [
        caller(cells(), 1),
        { name: 'looker', self: {}, mayDie: true, calls: { look: () => void looker.isEjected(0) } },
        caller(cells(), 0),
      ],
      always: () => law(!(isOut(0) && isOut(1)), 'both endpoints are out'),
      finally: () => {
        cells().help();
        law(!(isOut(0) && isOut(1)), 'both endpoints are ejected when a turn is finished');
      },
    });
  },
};

export const pastTurn: Check = {
  title:
    'ejection: a thread that is late for its turn ejects nothing, since another endpoint may be ejected meanwhile',
  interruptions: 2,
  build: (modules) => (world) => {
    const { cells, isOut } = cellsOf(modules, world, () => 1000);
    const other = cells();
    return model<Nothing>({
      threads: [
        caller(cells(), 0),
        {
          name: 'other caller of 0',
          self: {},
          calls: { succeed: () => other.succeeded(0), fail: () => void other.failed(0) },
        },
        caller(cells(), 1),
      ],
      always: () => law(!(isOut(0) && isOut(1)), 'both endpoints are out'),
    });
  },
};
