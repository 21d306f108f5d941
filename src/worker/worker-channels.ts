// The channels of one worker to the other workers of the process.
import type { Logger } from 'pino';
import { readTopicBatch, TopicChannels } from '../cluster/topic-channels.js';
import { type Mailbox, WorkerMail } from '../cluster/worker-mail.js';
import type { Block } from '../memory/block.js';
import { TopicHints } from '../memory/topic-hints.js';
import { readSharedCallMessage } from '../upstream/single-flight-messages.js';

export interface WorkerChannels {
  readonly mail: WorkerMail;
  /** Results of calls that are shared between workers. */
  readonly calls: Mailbox<NonNullable<ReturnType<typeof readSharedCallMessage>>>;
  /** Messages of WebSocket topics. */
  readonly bus: TopicChannels;
}

export function openChannels(block: Block, slot: number, log: Logger): WorkerChannels {
  const mail = new WorkerMail(slot, block.workers, (error) => {
    log.error({ err: error }, 'a message of another worker could not be read');
  });
  const calls = mail.box('calls', readSharedCallMessage);
  const bus = new TopicChannels(new TopicHints(block, slot), mail.box('topics', readTopicBatch));
  return { mail, calls, bus };
}
