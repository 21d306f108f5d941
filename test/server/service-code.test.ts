import { runInNewContext } from 'node:vm';
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

  describe('after V8 has interrupted a call into the core', () => {
    /** Interrupts code inside of `depth` calls, of which no `finally` runs. */
    const interrupt = (code: ServiceCode, depth: number): void => {
      const hold = (left: number): void => {
        if (left > 0) code.holdDuring(() => hold(left - 1));
        else for (;;);
      };
      const script = (): unknown => runInNewContext('hold()', { hold: () => hold(depth) }, { timeout: 5 });
      expect(script).to.throw('timed out');
    };

    for (const depth of [1, 2, 5]) {
      it(`runs in a later turn of the loop, when ${depth} calls had not returned`, async () => {
        const code = new ServiceCode();
        interrupt(code, depth);
        await new Promise<void>((resolve) => {
          code.run(resolve);
          setImmediate(() => code.recount());
        });
        expect(code.isHeld).to.equal(false);
        let runs = 0;
        code.run(() => runs++);
        expect(runs).to.equal(1);
      });

      it(`runs after the outer call, when ${depth} inner calls had not returned`, () => {
        const code = new ServiceCode();
        const order: unknown[] = [];
        code.holdDuring(() => {
          interrupt(code, depth);
          code.run(() => order.push('callback'));
          order.push('inside', code.isHeld);
        });
        expect(order).to.deep.equal(['inside', true, 'callback']);
      });
    }

    it('runs in a later turn what is left when a callback was interrupted', async () => {
      let [isLooping, isLeft] = [false, false];
      // On a busy machine V8 may interrupt the calls before the first callback runs.
      for (let timeout = 5; !isLooping; timeout *= 2) {
        const code = new ServiceCode();
        const calls = (): void =>
          code.holdDuring(() => {
            code.run(() => {
              isLooping = true;
              for (;;);
            });
            code.run(() => {
              isLeft = true;
            });
          });
        expect(() => runInNewContext('calls()', { calls }, { timeout })).to.throw('timed out');
        if (isLooping) code.recount();
      }
      expect(isLeft).to.equal(false);
      await new Promise((resolve) => setImmediate(resolve));
      expect(isLeft).to.equal(true);
    });
  });
});
