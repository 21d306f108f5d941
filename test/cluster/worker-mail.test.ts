import { expect } from 'chai';
import { WorkerMail } from '#src/cluster/worker-mail.js';
import { until } from '#test/support/until.js';

type Got = [from: number, message: string];

const asText = (data: unknown): string | undefined => (typeof data === 'string' ? data : undefined);
const neverFails = (error: unknown): never => {
  throw error;
};

/** The number of message ports of this thread, one for each channel among them. */
const asyncHandles = (): number =>
  (process.report.getReport() as unknown as { libuv: { type: string }[] }).libuv.filter(
    ({ type }) => type === 'async',
  ).length;

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('the mail between workers', () => {
  const WORKERS = 40;
  let mails: WorkerMail[] = [];
  afterEach(() => {
    for (const mail of mails) mail.close();
    mails = [];
  });

  const office = (workers: number, got: Got[][] = []) => {
    mails = Array.from({ length: workers }, (_, index) => new WorkerMail(index + 1, workers, neverFails));
    return mails.map((mail, index) => {
      const [first, second] = ['first', 'second'].map((subject) => mail.box(subject, asText));
      for (const box of [first!, second!]) {
        box.receive((from, message) => {
          got[index] ??= [];
          got[index].push([from, message]);
        });
      }
      return { first: first!, second: second! };
    });
  };

  it('has one channel for each worker, before and after messages were sent', async () => {
    const before = asyncHandles();
    const got: Got[][] = [];
    const boxes = office(WORKERS, got);
    expect(asyncHandles() - before).to.equal(WORKERS);
    for (const [index, { first }] of boxes.entries()) {
      for (let to = 1; to <= WORKERS; to++) if (to !== index + 1) first.send(to, 'hello');
    }
    await until(
      () => got.reduce((sum, one) => sum + one.length, 0),
      (count) => count === WORKERS * (WORKERS - 1),
    );
    await turns(2);
    expect(asyncHandles() - before).to.equal(WORKERS);
  });

  it('delivers messages in the order in which they were sent, each to the receivers of its subject', async () => {
    const got: Got[][] = [];
    const [one, two] = office(3, got);
    for (let n = 0; n < 50; n++) {
      one![n % 2 === 0 ? 'first' : 'second'].send(3, `one ${n}`);
      two!.first.send(3, `two ${n}`);
      if (n % 10 === 0) await turns(1);
    }
    const inbox = await until(
      () => got[2] ?? [],
      (messages) => messages.length === 100,
    );
    const of = (worker: number) => inbox.filter(([from]) => from === worker).map(([, message]) => message);
    expect(of(1)).to.deep.equal(Array.from({ length: 50 }, (_, n) => `one ${n}`));
    expect(of(2)).to.deep.equal(Array.from({ length: 50 }, (_, n) => `two ${n}`));
    expect(got[0] ?? got[1], 'to others').to.equal(undefined);
  });

  it('neither sends nor delivers for a closed subject, and continues with the others', async () => {
    const got: Got[][] = [];
    const [one, two, three] = office(3, got);
    one!.first.close();
    one!.first.send(2, 'not sent');
    three!.first.close();
    two!.first.send(3, 'not delivered');
    one!.second.send(2, 'sent');
    two!.second.send(3, 'delivered');
    await until(
      () => got[1] !== undefined && got[2] !== undefined,
      (isThere) => isThere,
    );
    expect(got[1]).to.deep.equal([[1, 'sent']]);
    expect(got[2]).to.deep.equal([[2, 'delivered']]);
  });
});
