// Rows that are found by name (name-table.ts), and slots that threads take by themselves (part.ts).
import type { Check } from '../check.js';
import { law, model, type Thread } from '../model.js';
import { runsAs } from '../small-memory.js';

const NONE = -1;

interface Naming extends Record<string, number> {
  row: number;
  agreed: number;
}

export const names: Check = {
  title: 'names: threads that use the same name have the same row, and other names have another',
  build: (modules) => (world) => {
    const block = world.block(modules, 1);
    const { NameTable } = modules['name-table'];
    const said = ['ab', 'ab', 'cd'];
    const thread = (name: string, index: number): Thread<Naming> => {
      const table = new NameTable(block, 'rate');
      return {
        name: `thread ${index + 1}`,
        self: { row: NONE, agreed: NONE },
        mayDie: true,
        calls: {
          row(self) {
            self.row = table.rowOf(name);
          },
        },
      };
    };
    return model<Naming>({
      threads: said.map(thread),
      finally: ({ selves, dead }) => {
        const [one, two, other] = selves.map(({ row }) => row);
        if (one !== NONE && two !== NONE) law(one === two, 'one name has two rows');
        if (one !== NONE && other !== NONE) law(one !== other, 'two names share a row');
        const table = new NameTable(block, 'rate');
        for (const name of new Set(said)) {
          if (dead !== undefined && name === said[dead]) continue;
          const row = table.rowOf(name);
          law(table.nameOf(row) === name, `the row of ${name} is called ${table.nameOf(row)}`);
        }
      },
    });
  },
};

/** @param one has the same hash as the other */
const ofOneHash = (title: string, one: string, other: string): Check => ({
  title,
  build: (modules) => (world) => {
    const block = world.block(modules, 1);
    const { NameTable } = modules['name-table'];
    const said = [one, other, one];
    return model<Naming>({
      threads: said.map((name, index) => ({
        name: `thread ${index + 1}`,
        self: { row: NONE, agreed: NONE },
        mayDie: true,
        calls: {
          row(self: Naming) {
            self.row = new NameTable(block, 'rate').rowOf(name);
          },
        },
      })),
      always: ({ selves }) => {
        const [first, second, third] = selves.map(({ row }) => row);
        law(first === NONE || first !== second, `both names are row ${first}`);
        law(third === NONE || third !== second, `both names are row ${third}`);
        law(first === NONE || third === NONE || first === third, 'one name has two rows');
      },
      finally: ({ selves }) => {
        const table = new NameTable(block, 'rate');
        for (const [index, { row }] of selves.entries()) {
          if (row === NONE) continue;
          law(table.nameOf(row) === said[index], `row ${row} is called ${table.nameOf(row)}`);
          law(table.rowOf(said[index]!) === row, `later ${said[index]} is another row`);
        }
      },
    });
  },
});

export const twins = ofOneHash(
  'names: two names with the same hash have two rows, each of them the same for all threads',
  'costarring',
  'liquid',
);

export const prefixes = ofOneHash(
  'names: so have two with the same hash of which one is how the other begins',
  'aabl',
  'aablbysoi',
);

export const nameAfterDeath: Check = {
  title: 'names: a name whose first thread died while it wrote it is listed once another thread has used it',
  build: (modules) => (world) => {
    const block = world.block(modules, 1);
    const { NameTable } = modules['name-table'];
    return model<Naming>({
      threads: [1, 2].map((number) => ({
        name: `thread ${number}`,
        self: { row: NONE, agreed: NONE },
        mayDie: true,
        calls: {
          row(self: Naming) {
            self.row = new NameTable(block, 'rate').rowOf('ab');
          },
        },
      })),
      finally: ({ living }) => {
        if (!living.some(({ row }) => row !== NONE)) return;
        const listed = new NameTable(block, 'rate').list().map(({ name }) => name);
        law(listed.join() === 'ab', `listed are: ${listed.join() || 'none'}`);
      },
    });
  },
};

export const terms: Check = {
  title: 'names: at most one of two threads with different numbers is told that all threads agree',
  build: (modules) => (world) => {
    const block = world.block(modules, 1);
    const { NameTable } = modules['name-table'];
    const row = new NameTable(block, 'rate').rowOf('ab');
    const said = [
      [1, 2, 3],
      [1, 2, 4],
      [4, 2, 3],
    ];
    return model<Naming>({
      threads: said.map((numbers, index) => ({
        name: `thread ${index + 1}`,
        self: { row, agreed: NONE },
        calls: {
          agree(self: Naming) {
            self.agreed = new NameTable(block, 'rate').agree(row, numbers, false) ? 1 : 0;
          },
        },
      })),
      finally: ({ selves }) => {
        law(
          selves.filter(({ agreed }) => agreed === 1).length <= 1,
          'two threads with different numbers are told that all agree',
        );
      },
    });
  },
};

interface Slotted extends Record<string, number> {
  slot: number;
  reclaimed: number;
}

export const slots: Check = {
  title: 'part: two living threads never have the same slot, and the permits of a lost one are released once',
  build: (modules) => (world) => {
    const { part, placement } = modules;
    const made = part.Part.create('bulkhead', 2);
    const { fields } = placement.planOf(['workerId'], { worker: 2 });
    world.name(made.buffer, fields);
    const lost = 9;
    made.slotOf(lost);
    const thread = (id: number): Thread<Slotted> => ({
      name: `thread ${id}`,
      self: { slot: NONE, reclaimed: 0 },
      calls: {
        reclaim(self) {
          runsAs(id);
          made.reclaim(lost, () => self.reclaimed++);
        },
        slot(self) {
          try {
            self.slot = made.slotOf(id);
          } catch (error) {
            if (!(error instanceof RangeError)) throw error;
          }
        },
      },
    });
    return model<Slotted>({
      threads: [thread(1), thread(2), thread(3)],
      always: ({ selves }) => {
        const taken = selves.map(({ slot }) => slot).filter((slot) => slot !== NONE);
        law(new Set(taken).size === taken.length, 'two threads have one slot');
        law(selves.filter(({ reclaimed }) => reclaimed > 0).length <= 1, 'it was released twice');
      },
      finally: ({ selves }) => {
        law(selves.filter(({ slot }) => slot !== NONE).length === 2, 'a slot is lost');
      },
    });
  },
};

export const slotAfterDeath: Check = {
  title: 'part: a slot is released also when the thread that reclaimed it died meanwhile',
  build: (modules) => (world) => {
    const { part, placement } = modules;
    const made = part.Part.create('bulkhead', 1);
    const { fields } = placement.planOf(['workerId'], { worker: 1 });
    world.name(made.buffer, fields);
    const lost = 9;
    made.slotOf(lost);
    return model<Slotted>({
      threads: [1, 2].map((id) => ({
        name: `thread ${id}`,
        self: { slot: NONE, reclaimed: 0 },
        mayDie: true,
        calls: {
          reclaim() {
            runsAs(id);
            made.reclaim(lost, () => {});
          },
        },
      })),
      finally: ({ dead }) => {
        runsAs(3);
        if (dead !== undefined) made.reclaim(dead + 1, () => {});
        made.reclaim(lost, () => {});
        try {
          made.slotOf(3);
        } catch {
          law(false, 'the slot is lost for ever');
        }
      },
    });
  },
};
