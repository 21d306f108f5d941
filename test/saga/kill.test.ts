import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { releaseOwnersExcept } from '#src/saga/journal-upkeep.js';
import { MAX_UNENDED_UNDOS } from '#src/saga/state-machine.js';
import { EFFECT_TABLE, shoppingEngine } from './fixtures/killed.js';
import { openJournalDatabase, type TestDatabase } from './journal-database.js';

const PROGRAM = fileURLToPath(new URL('./fixtures/killed.js', import.meta.url));

const DEADLY = fileURLToPath(new URL('./fixtures/deadly.js', import.meta.url));

describe('a compensation that kills its process', () => {
  it('is given up after five kills, for an operator, while another saga is compensated', async () => {
    const database = await openJournalDatabase();
    const { url, db } = database;
    const ends: (string | number | null)[] = [];
    do {
      const instanceId = `life-${ends.length}`;
      await releaseOwnersExcept(db, instanceId);
      const child = spawn(process.execPath, [DEADLY, url, instanceId], { stdio: 'inherit' });
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
      ends.push(signal ?? code);
    } while (ends.at(-1) === 'SIGKILL' && ends.length < 10);
    const sagas = await db.many(`
      select s.status, s.reason, t.undo_attempts, t.error->>'code' as code
      from saga s join saga_step t using (saga_id) where t.position = 0 order by idempotency_key`);
    await database.close();
    expect(ends).to.deep.equal([...Array<string>(MAX_UNENDED_UNDOS).fill('SIGKILL'), 0]);
    expect(sagas[1]).to.deep.equal({
      status: 'needs-attention',
      reason: 'COMPENSATION_FAILED',
      undo_attempts: MAX_UNENDED_UNDOS,
      code: 'ATTEMPTS_LOST',
    });
    expect(sagas[0]).to.include({ status: 'compensated' });
  }).timeout(60_000);
});

describe('a process killed with SIGKILL in the middle of its sagas', () => {
  let database: TestDatabase;
  before(async () => {
    database = await openJournalDatabase();
    await database.db.query(EFFECT_TABLE);
  });
  after(() => database.close());

  /** Waits until the process has reported `count` started sagas, then kills it. */
  async function killAfter(count: number): Promise<string[]> {
    const child = spawn(process.execPath, [PROGRAM, database.url], { stdio: ['ignore', 'pipe', 'inherit'] });
    const reported: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      reported.push(line);
      if (reported.length === count) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).to.equal('SIGKILL');
    return reported;
  }

  it('leaves nothing half done: another process completes or compensates every saga', async () => {
    const reported = [...(await killAfter(80)), ...(await killAfter(80))];
    const { db } = database;
    const open = await db.one<{ n: number }>("select count(*) as n from saga where status <> 'completed'");
    expect(open.n, 'killed in the middle').to.be.greaterThan(0);

    await releaseOwnersExcept(db, 'successor');
    const successor = shoppingEngine(db, 'successor', 1);
    successor.start();
    for (const sagaId of reported) {
      const { status } = await successor.sagas.wait(sagaId, { timeoutMs: 20_000 });
      expect(status).to.be.oneOf(['completed', 'compensated']);
    }
    const unended = `select saga_id from saga where status not in ('completed', 'compensated')`;
    for (const { saga_id } of await db.many<{ saga_id: string }>(unended)) {
      await successor.sagas.wait(saga_id, { timeoutMs: 20_000 });
    }
    await successor.drain(5000);

    expect(await db.many(unended)).to.deep.equal([]);
    const wrong = await db.many(`
      select s.saga_id, s.status, s.input->>'refuses' as refuses,
             count(e.key) filter (where not e.undone) as effects
      from saga s left join effect e on starts_with(e.key, s.saga_id::text)
      group by s.saga_id
      having (s.status = 'completed') <> (count(e.key) filter (where not e.undone) = 4)
          or (s.status = 'compensated') <> (count(e.key) filter (where not e.undone) = 0)
          or (s.status = 'completed') <> (s.input->>'refuses' is null)`);
    expect(wrong).to.deep.equal([]);
  }).timeout(60_000);
});
