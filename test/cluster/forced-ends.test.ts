import { EventEmitter, once } from 'node:events';
import { expect } from 'chai';
import { terminateLate } from '#src/cluster/forced-ends.js';
import type { WorkerThread } from '#src/cluster/worker-thread.js';

describe('threads that do not end soon after the drain of a stop', () => {
  it('are terminated if they have no HTTP core and have loaded: Node.js may crash before', async () => {
    const ends = new EventEmitter();
    const ended: string[] = [];
    const thread = (name: string, mayTerminate: boolean, hasLoaded: boolean) => ({
      ...{ worker: 1, generation: 1, state: { kind: 'draining' }, mayTerminate, hasLoaded },
      terminate: () => {
        ended.push(name);
        ends.emit('end');
      },
    });
    const living = [
      thread('loads', true, false),
      thread('has a core', false, true),
      thread('has a core and loads', false, false),
      thread('has loaded', true, true),
    ] as unknown as WorkerThread[];
    const last = once(ends, 'end');
    const stopped = terminateLate({ living }, 0, { error: () => undefined });
    await last;
    stopped();
    expect(ended).to.deep.equal(['has loaded']);
  });
});
