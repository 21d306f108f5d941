// The share of this process in limits over several processes, which are agreed on through the registry.
import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { canShareLimits } from '../config/network-kinds.js';
import type { Settings } from '../config.js';
import type { Block } from '../memory/block.js';
import { NameTable } from '../memory/name-table.js';
import { HotCounts, RefusedKeys } from '../memory/rate/hot-cells.js';
import { momentClock } from '../memory/rate/moment.js';
import { SharePage } from '../memory/rate/share-page.js';
import { namedProcess } from '../process/named-process.js';
import { EtcdShareStore } from '../shares/etcd-share-store.js';
import type { HotCounters } from '../shares/hot-keys.js';
import { PostgresShareStore } from '../shares/postgres-share-store.js';
import { ShareLoop } from '../shares/share-loop.js';
import { type DividedHolder, ShareMember } from '../shares/share-member.js';
import type { ShareStore } from '../shares/share-store.js';
import type { SharedState } from './create-shared-state.js';
import { etcdClients, parseEtcdUrl } from './etcd-client.js';
import { registrySessions } from './registry-session.js';

type ShareSettings = Pick<Settings, 'registry' | 'rateLimit' | 'rateLimitScope'>;
type ShareMemory = Pick<SharedState, 'block' | 'clock' | 'recorder'>;

function storeOf(registry: string): ShareStore {
  const etcd = parseEtcdUrl(registry);
  return etcd === undefined
    ? new PostgresShareStore(registrySessions(registry))
    : new EtcdShareStore(etcdClients(etcd));
}

const newId = (): string => randomBytes(8).toString('hex');
const newWord = (): number => randomBytes(4).readInt32LE();

/** What the workers count of keys that are refused. */
export function hotCounters(block: Block, noRoom: () => void): HotCounters {
  const refused = new RefusedKeys(block);
  const counts = new HotCounts(block);
  return {
    refused: () => refused.read(),
    askedIn: (slot) => counts.asked(slot),
    refusedIn: (slot) => counts.refused(slot),
    noRoom,
  };
}

/**
 * Keeps the share of this process as long as it has limits over several processes; undefined when the
 * registry allows none.
 */
export function shareLimits(
  { registry, rateLimit, rateLimitScope }: ShareSettings,
  { block, clock, recorder }: ShareMemory,
  log: Logger,
): ShareLoop | undefined {
  if (!canShareLimits(registry)) return undefined;
  const page = new SharePage(block, clock);
  const members = recorder.gauge('multilane_limit_members');
  const messages = recorder.counter('multilane_limit_messages_total');
  const hotKeys = recorder.gauge('multilane_limit_hot_keys');
  const overflow = recorder.counter('multilane_limit_hot_overflow_total');
  let hasShare = false;
  const showMembers = (): void => members.set(hasShare ? page.members : 0);
  const holder: DividedHolder = {
    hold(share) {
      page.hold(share);
      showMembers();
      log.info({ members: page.members }, 'limits over several processes: the members have changed');
    },
    release() {
      page.release();
      showMembers();
      hotKeys.set(0);
    },
    renew: (until) => page.renew(until),
    divide(keys) {
      page.divide(keys);
      hotKeys.set(keys.length);
    },
    isOld: (slot, units) => page.isOld(slot, units),
  };
  const limits = new NameTable(block, 'cluster');
  const counters = hotCounters(block, () => overflow.add());
  const { name: process, hasEnded } = namedProcess();
  const loop = new ShareLoop({
    store: storeOf(registry),
    member: new ShareMember({ holder, counters, newId, newWord, process, hasEnded }),
    clock: momentClock(clock),
    isNeeded: () => (rateLimit !== null && rateLimitScope === 'cluster') || limits.list().length > 0,
    random: Math.random,
    log,
    onMessage: () => messages.add(),
    onShare(has) {
      hasShare = has;
      showMembers();
    },
  });
  loop.start();
  return loop;
}
