// What `multilane dev` does after a change, with a child and a probe that the test plays.
import { expect } from 'chai';
import { ChangeLoop, MOST_POSTPONED_MS, PATIENCE_MS } from '#src/cli/dev/change-loop.js';
import type { ProbeResult } from '#src/cli/dev/probe.js';
import type { DevProcessState } from '#src/cli/dev-process.js';
import type { ProjectChange } from '#src/cli/project-watch.js';
import type { ReloadResult } from '#src/process/dev-channel.js';
import { until } from '#test/support/until.js';

const change = (file: string, reach: ProjectChange['reach'] = 'workers'): readonly ProjectChange[] => [
  { file: `${process.cwd()}/${file}`, reach },
];
const DONE: ReloadResult = { dev: 'reloaded', isDone: true, failure: undefined };

/** A child that is ready, and a project that loads, until the test says otherwise. */
class Played {
  state: DevProcessState = 'gone';
  probed: () => Promise<ProbeResult> = () => Promise.resolve({ definition: 'a' });
  reloaded: () => Promise<ReloadResult | undefined> = () => Promise.resolve(DONE);
  settled: () => Promise<void> = () => Promise.resolve();
  /** The state after a start. */
  started: DevProcessState = 'ready';
  readonly did: string[] = [];
  readonly lines: string[] = [];
  handled = 0;
  now = 0;
  /** Ends the wait that a change could not interrupt at once. */
  endPatience: (() => void) | undefined;
  built: string | undefined;
  readonly loop: ChangeLoop;

  /** @param failure of the first build; without it, nothing is built */
  constructor(failure?: string) {
    this.built = failure;
    this.loop = new ChangeLoop({
      ...(failure !== undefined && { build: () => Promise.resolve(this.built) }),
      child: this.#child(),
      probe: { read: () => this.probed(), prepare: () => undefined },
      report: (line) => this.lines.push(line.replace(/\d+ ms/, 'N ms')),
      print: (text) => this.lines.push(text),
      handled: () => {
        this.handled += 1;
      },
      times: {
        clock: () => this.now,
        after: (work) => {
          this.endPatience = work;
          return undefined as unknown as NodeJS.Timeout;
        },
      },
    });
    void this.loop.start();
  }

  #child(): ConstructorParameters<typeof ChangeLoop>[0]['child'] {
    const state = (): DevProcessState => this.state;
    const start = (what: string): void => {
      this.did.push(what);
      this.state = this.started;
    };
    return {
      get state() {
        return state();
      },
      start: () => start('start'),
      restart: () => Promise.resolve(start('restart')),
      settled: () => this.settled(),
      reload: () => {
        this.did.push('reload');
        return this.reloaded();
      },
    };
  }

  /** Waits for the line that begins with a text. */
  async said(begin: string): Promise<void> {
    const found = await until(
      () => this.lines.some((line) => line.startsWith(begin)),
      (yes) => yes,
    );
    expect(found, this.lines.join('\n')).to.equal(true);
  }
}

describe('the loop of `multilane dev`', () => {
  it('reloads the workers when the primary would load the same', async () => {
    const played = new Played();
    played.loop.changed(change('services/a.js'));
    await played.said('services/a.js changed; workers reloaded in N ms');
    expect(played.did).to.deep.equal(['start', 'reload']);
  });

  it('restarts when the primary would load something else', async () => {
    const played = new Played();
    played.probed = () => Promise.resolve({ definition: 'b' });
    played.loop.changed(change('a.js'));
    await played.said('restarted in N ms');
    played.loop.changed(change('b.js'));
    await played.said('b.js changed; workers reloaded');
    expect(played.did).to.deep.equal(['start', 'restart', 'reload']);
  });

  it('restarts for a file of the primary, also when the code loads only after a later change', async () => {
    const played = new Played();
    played.probed = () => Promise.resolve({ failure: 'multilane: a.js:1: broken\n' });
    played.loop.changed(change('0002.sql', 'process'));
    await played.said('0002.sql changed; it does not load, so the code before it goes on serving');
    expect(played.lines[1]).to.equal('multilane: a.js:1: broken\n');
    expect(played.did).to.deep.equal(['start']);
    played.probed = () => Promise.resolve({ definition: 'a' });
    played.loop.changed(change('a.js'));
    await played.said('restarted in N ms');
    expect(played.did).to.deep.equal(['start', 'restart']);
  });

  it('says that a migration is applied, but not of one that the process has not read', async () => {
    const played = new Played();
    const applied = /: applied already, so a change is not run; write another migration$/;
    played.loop.changed(change('migrations/0001_books.sql', 'process'));
    await played.said('restarted');
    expect(played.lines.filter((line) => applied.test(line))).to.have.length(1);
    expect(played.lines[0]).to.match(/^migrations\/0001_books.sql: /);
    played.probed = () => Promise.resolve({ failure: 'broken\n' });
    played.loop.changed(change('migrations', 'process'));
    await played.said('migrations changed; it does not load');
    played.loop.changed(change('migrations/0002_new.sql', 'process'));
    await played.said('migrations/0002_new.sql changed; it does not load');
    expect(played.lines.filter((line) => applied.test(line))).to.have.length(1);
  });

  it('says once that .env has no effect by itself', async () => {
    const played = new Played();
    const said = () => played.lines.filter((line) => line.includes('process.loadEnvFile()'));
    for (const file of ['a.js', '.env', '.env.local']) {
      played.lines.length = 0;
      played.loop.changed(change(file, 'process'));
      await played.said('restarted');
      expect(said(), file).to.have.length(file === '.env' ? 1 : 0);
    }
  });

  it('restarts when the process does not run, or is not ready', async () => {
    const played = new Played();
    played.state = 'gone';
    played.loop.changed(change('a.js'));
    await played.said('restarted');
    expect(played.did).to.deep.equal(['start', 'restart']);
  });

  it('restarts when it is not known what the primary has loaded', async () => {
    const unknown: ProbeResult = { failure: '' };
    const played = new Played();
    played.probed = () => Promise.resolve(unknown);
    await played.loop.start();
    played.probed = () => Promise.resolve({ definition: 'a' });
    played.loop.changed(change('a.js'));
    await played.said('restarted');
  });

  it('keeps the code that serves when no worker can start with the new one', async () => {
    const played = new Played();
    played.reloaded = () => Promise.resolve({ ...DONE, isDone: false, failure: 'a.js:3: no such route' });
    played.loop.changed(change('a.js'));
    await played.said('a.js changed; no worker can start with it, so the code before it goes on serving');
    expect(played.lines[0]).to.equal('multilane: a.js:3: no such route\n');
    expect(played.did).to.deep.equal(['start', 'reload']);
  });

  it('handles changes that come during a reload together, once, after it', async () => {
    const played = new Played();
    let finish: (result: ReloadResult) => void = () => undefined;
    played.reloaded = () =>
      new Promise((resolve) => {
        finish = resolve;
      });
    played.loop.changed(change('a.js'));
    await until(
      () => played.did.length,
      (length) => length === 2,
    );
    played.loop.changed(change('b.js'));
    played.loop.changed(change('c.js'));
    played.reloaded = () => Promise.resolve(DONE);
    finish(DONE);
    await played.said('b.js, c.js changed; workers reloaded');
    expect(played.did).to.deep.equal(['start', 'reload', 'reload']);
  });

  it('reads the project anew when a change comes while it is read', async () => {
    const played = new Played();
    await Promise.resolve();
    let reads = 0;
    played.probed = () => {
      reads += 1;
      return reads === 1 ? new Promise(() => undefined) : Promise.resolve({ definition: 'a' });
    };
    played.loop.changed(change('a.js'));
    await until(
      () => reads,
      (count) => count === 1,
    );
    played.loop.changed(change('b.js'));
    await played.said('a.js, b.js changed; workers reloaded');
    expect(played.did).to.deep.equal(['start', 'reload']);
  });

  describe('when changes keep coming while it reads the project', () => {
    /** Three reads, of which changes interrupt two, each after a while. */
    async function interrupted() {
      const played = new Played();
      await Promise.resolve();
      const reads: ((result: ProbeResult) => void)[] = [];
      played.probed = () => new Promise((resolve) => reads.push(resolve));
      const begun = (count: number): Promise<number> =>
        until(
          () => reads.length,
          (length) => length === count,
        );
      for (const [index, file] of ['a.js', 'b.js', 'c.js'].entries()) {
        played.now = (index * MOST_POSTPONED_MS) / 2;
        played.loop.changed(change(file));
        expect(await begun(index + 1)).to.equal(index + 1);
      }
      played.loop.changed(change('d.js'));
      return { played, reads, begun };
    }

    it('lets a read end, and handles the later changes after it', async () => {
      const { played, reads, begun } = await interrupted();
      expect(reads, 'the last change has not interrupted').to.have.length(3);
      reads[2]!({ definition: 'a' });
      await played.said('a.js, b.js, c.js changed; workers reloaded');
      expect(await begun(4)).to.equal(4);
      reads[3]!({ definition: 'a' });
      await played.said('d.js changed; workers reloaded');
    });

    it('interrupts a read that hangs, and the ones after it at once', async () => {
      const { played, reads, begun } = await interrupted();
      played.now += PATIENCE_MS;
      played.endPatience!();
      expect(await begun(4)).to.equal(4);
      played.loop.changed(change('e.js'));
      expect(await begun(5)).to.equal(5);
      reads[4]!({ definition: 'a' });
      await played.said('a.js, b.js, c.js and 2 more changed; workers reloaded');
    });
  });

  it('lets a start end when changes keep coming', async () => {
    const played = new Played();
    await Promise.resolve();
    let settle: () => void = () => undefined;
    played.settled = () => new Promise((resolve) => (settle = resolve));
    played.started = 'starting';
    played.state = 'gone';
    for (const [index, file] of ['a.js', 'b.js', 'c.js', 'd.js'].entries()) {
      played.now = (index * MOST_POSTPONED_MS) / 2;
      played.loop.changed(change(file));
      await until(
        () => played.lines.length,
        (length) => length === Math.min(index + 1, 3),
      );
    }
    expect(played.did).to.deep.equal(['start', 'restart', 'restart', 'restart']);
    played.state = 'ready';
    settle();
    await played.said('restarted in N ms');
  });

  it('builds before each step where that is needed, and starts nothing that cannot be built', async () => {
    const played = new Played('multilane: no\n');
    await played.said('waiting for a change');
    played.loop.changed(change('a.ts'));
    await played.said('a.ts changed; it cannot be built');
    expect(played.did).to.deep.equal([]);
    played.built = undefined;
    played.loop.changed(change('b.ts'));
    await played.said('restarted');
    played.built = 'multilane: no\n';
    played.loop.changed(change('c.ts'));
    await played.said('c.ts changed; it cannot be built, so the code before it goes on serving');
    expect(played.did).to.deep.equal(['restart']);
    played.built = undefined;
    played.loop.changed(change('d.ts'));
    await played.said('d.ts changed; workers reloaded');
    await until(
      () => played.handled,
      (count) => count === 2,
    );
    expect(played.handled, 'the compiler has printed the errors of a build that fails').to.equal(2);
  });
});
