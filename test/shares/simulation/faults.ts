// Faults of the protocol, each of which breaks the limit. The simulation has to find them.
import { randomUUID } from 'node:crypto';
import type { Block } from '#src/memory/block.js';
import { laterBy } from '#src/memory/rate/moment.js';
import type { Share } from '#src/memory/rate/share.js';
import { TextPage } from '#src/memory/text-page.js';
import { EPOCH, parseEpoch, withMember } from '#src/shares/epoch.js';
import type { DividedHolder } from '#src/shares/share-member.js';
import type { Fault, SimProcess } from './sim-process.js';
import { cutOff, inheritedTwice, overtaken, restarted, suspended } from './storm.js';
import type { World } from './world.js';

interface PlantedFault {
  readonly title: string;
  /** What shows it: the seed of a storm, or another course of events. */
  readonly shownBy: number | ((fault: Fault) => World);
  readonly fault: Fault;
}

export const FAULTS: readonly PlantedFault[] = [
  {
    title: 'a newcomer uses its share before the others know of it',
    shownBy: 0,
    fault: {
      write(write) {
        if (write.name !== EPOCH) return write;
        const epoch = parseEpoch(write.text);
        // The newcomer is the last one.
        const { id } = epoch.members.at(-1)!;
        return { ...write, text: JSON.stringify(withMember(epoch, id, { active: true })) };
      },
    },
  },
  {
    title: 'a member says that it knows of a newcomer before it divides its share with it',
    shownBy: 5,
    fault: {
      holder: (holder, { timeline }) => ({
        ...bound(holder),
        hold: (share) => timeline.in(1_500, () => holder.hold(share)),
      }),
    },
  },
  {
    title: 'a member uses its share longer than others leave it to it',
    shownBy: cutOff,
    fault: {
      holder: (holder) => ({ ...bound(holder), renew: (until) => holder.renew(laterBy(20_000, until)) }),
    },
  },
  {
    title: 'a member is removed though it has been silent for a moment only',
    shownBy: 5,
    fault: { now: (now) => ({ ...now, monotonic: 5 * now.monotonic }) },
  },
  {
    title: 'a member dates its share by the wall clock of when the response has come',
    shownBy: suspended,
    fault: {
      holder: (holder, { now }) => ({
        ...bound(holder),
        renew(until) {
          const { monotonic, wall } = now();
          holder.renew({ ...until, wall: wall + until.monotonic - monotonic });
        },
      }),
    },
  },
  {
    title: 'a newcomer begins with a whole burst',
    shownBy: 0,
    fault: {
      holder: (holder, { block }) => ({
        ...bound(holder),
        hold(share) {
          holder.hold(share);
          rewrite(block, (share) => ({ ...share, changes: [] }));
        },
      }),
    },
  },
  {
    title: 'a process goes on as the member of one that has ended with a whole burst',
    shownBy: restarted,
    fault: {
      holder(holder, { block, isInherited }) {
        let isNew = false;
        return {
          ...bound(holder),
          hold(share) {
            holder.hold(share);
            isNew = isInherited(share.self);
          },
          divide(keys) {
            holder.divide(keys);
            if (isNew) rewrite(block, full);
            isNew = false;
          },
        };
      },
    },
  },
  {
    title: 'a process goes on as the member that a process of another machine is',
    shownBy: 0,
    fault: { hasEnded: () => true },
  },
  {
    title: 'a process goes on as the member of one that has ended, and does not know what that has lent',
    shownBy: 2,
    fault: {
      holder(holder, { isInherited }) {
        let isHeir = false;
        return {
          ...bound(holder),
          hold(share) {
            isHeir = isInherited(share.self);
            holder.hold(share);
          },
          divide: (keys) => holder.divide(isHeir ? [] : keys),
        };
      },
    },
  },
  {
    title: 'a process takes the report of the member as which it has waited for that of the next one',
    shownBy: inheritedTwice,
    fault: { texts: onlyOneReport() },
  },
  {
    title: 'a process goes on as the member of one whose last message may be on its way',
    shownBy: overtaken,
    fault: {
      // What a process reports before it has a share is the report of the other one.
      write: (write, { member }) =>
        write.name === EPOCH || member.isActive
          ? write
          : { ...write, name: `elsewhere ${randomUUID()}`, version: undefined },
    },
  },
  {
    title: 'a member lends, and gives back, before it has lowered its own part',
    shownBy: 4,
    fault: {
      holder: (holder, { timeline }) => ({
        ...bound(holder),
        divide: (keys) => timeline.in(1_500, () => holder.divide(keys)),
      }),
    },
  },
  {
    title: 'members disagree on which of them a key names',
    shownBy: 0,
    fault: {
      holder: (holder) => ({
        ...bound(holder),
        hold: (share) => holder.hold({ ...share, salt: [1, Number.parseInt(share.self.slice(0, 7), 16)] }),
      }),
    },
  },
];

/** A process that waits reads the report that it has read of itself first, whichever member it is. */
function onlyOneReport(): NonNullable<Fault['texts']> {
  const reports = new WeakMap<SimProcess, string>();
  return (texts, process) => {
    const stored = texts.get(EPOCH);
    if (stored === undefined || process.member.isActive) return texts;
    const own = parseEpoch(stored.text).members.find((one) => one.process === process.name);
    const report = reports.get(process) ?? texts.get(`member/${own?.id}`)?.text;
    if (report === undefined) return texts;
    reports.set(process, report);
    return new Map([...texts].map(([name, one]) => [name, name === EPOCH ? one : { ...one, text: report }]));
  };
}

/** A share that has begun long ago, and parts of keys as well. */
const full = (share: Share): object => ({
  ...share,
  changes: [],
  hot: share.hot.map((part) => ({ ...part, emptyAt: -(2 ** 50), changedAt: -(2 ** 50) })),
});

/** Changes what is published to the workers. */
function rewrite(block: Block, change: (share: Share) => object): void {
  const page = new TextPage(block, 'share');
  const { text } = page.read();
  if (text !== '') page.publish(JSON.stringify(change(JSON.parse(text) as Share)));
}

function bound(holder: DividedHolder): DividedHolder {
  return {
    hold: (share) => holder.hold(share),
    renew: (until) => holder.renew(until),
    release: () => holder.release(),
    divide: (keys) => holder.divide(keys),
    isOld: (slot, units) => holder.isOld(slot, units),
  };
}
