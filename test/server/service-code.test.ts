import { expect } from 'chai';
import { ServiceCode } from '#src/server/service-code.js';

describe('code of services that the runtime calls back', () => {
  it('runs at once outside of calls into the core, and after the outermost call inside', () => {
    const code = new ServiceCode();
    const order: unknown[] = [];
    const isHeld = (): void => void order.push(code.isHeld);
    code.run(isHeld);
    code.holdDuring(() => {
      code.run(isHeld);
      code.holdDuring(() => code.run(() => order.push('second')));
      order.push('inside', code.isHeld);
    });
    expect(order).to.deep.equal([false, 'inside', true, false, 'second']);
  });

  it('also runs after a call that throws', () => {
    const code = new ServiceCode();
    let runs = 0;
    const fail = (): void => {
      code.run(() => runs++);
      throw new Error('the response is dead');
    };
    expect(() => code.holdDuring(fail)).to.throw('the response is dead');
    expect([runs, code.isHeld]).to.deep.equal([1, false]);
  });

  it('waits for a later turn where its caller has to go on', async () => {
    const code = new ServiceCode();
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      code.holdOverTurn(() => code.run(() => resolve(void order.push('callback'))));
      order.push('caller');
    });
    expect(order).to.deep.equal(['caller', 'callback']);
  });
});
